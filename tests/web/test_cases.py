"""The table of requests and answers under tests/cases, asked in process; tests/benchmarks asks it of real servers."""

import pytest

from service.app import create_app
from service.settings import Settings
from tests.contract import JSON, Received, cases, content, differences


@pytest.fixture(scope="module")
def client(trained, tmp_path_factory):
    var = tmp_path_factory.mktemp("var")
    return create_app(Settings.read({"ARTIFACTS_DIR": str(trained), "VAR_DIR": str(var)})).test_client()


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.id)
def test_each_case_is_answered_as_the_table_says(client, case):
    request = case.request
    sent = content(request)
    headers = request.get("headers", {"Content-Type": JSON} if sent is not None else {})
    answer = client.open(request["path"], method=request["method"], headers=headers, data=sent)
    answered = Received(answer.status_code, {name.lower(): value for name, value in answer.headers}, answer.data)
    assert differences(answered, case.answer) == []
