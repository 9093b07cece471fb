"""The table of requests and answers under tests/cases: data files, so that every server can be held to them."""

import json

import pytest

from tests.conftest import ROOT

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted((ROOT / "tests/cases").glob("*.json"))
    for case in json.loads(path.read_text())
]


@pytest.fixture(scope="module")
def client(trained, tmp_path_factory):
    from service.app import create_app
    from service.settings import Settings

    var = tmp_path_factory.mktemp("var")
    return create_app(Settings.read({"ARTIFACTS_DIR": str(trained), "VAR_DIR": str(var)})).test_client()


def _body(request):
    if "hex" in request:
        return bytes.fromhex(request["hex"])
    return request["raw"].encode() if "raw" in request else json.dumps(request["body"]).encode()


@pytest.mark.parametrize("case", CASES)
def test_each_case_is_answered_as_the_table_says(client, case):
    request, expected = case["request"], case["answer"]
    answer = client.open(request["path"], method=request["method"], headers=request["headers"], data=_body(request))
    assert answer.status_code == expected["status"], answer.text
    document = answer.get_json(force=True)
    if "errors" in expected:
        assert sorted(document["errors"]) == sorted(expected["errors"])
        assert document["errors_total"] == len(expected["errors"])
    elif expected["status"] == 200:
        assert "prediction" in document or document["count"] == len(document["predictions"])
    else:
        assert document["status"] == expected["status"] and "errors" not in document
