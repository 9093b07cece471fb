"""One suite of requests for the Flask service and both FastAPI twins; every deviation is named, with its reason."""

import json
from pathlib import Path

import pytest

from tests.contract import cases, deviation, differences, send

DEVIATIONS = json.loads((Path(__file__).parent / "deviations.json").read_text())
CASES = list(cases())

pytestmark = pytest.mark.process


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
@pytest.mark.parametrize("target", ["ours", "tuned", "fastapi_design"])
def test_a_server_answers_as_promised_or_deviates_for_a_reason(target, case, serve):
    answer = send(serve(target).port, case)
    named = deviation(DEVIATIONS.get(target, []), case)
    if named is None:
        assert differences(answer, case.answer) == []
    else:
        assert differences(answer, case.answer) != [], f"no longer a deviation: {named['reason']}"
        assert differences(answer, named["answer"]) == []


def test_every_deviation_has_a_reason_and_a_case():
    for target, entries in DEVIATIONS.items():
        for entry in entries:
            assert entry["reason"], target
            assert any(deviation([entry], case) for case in CASES), entry


def test_case_names_are_told_apart():
    assert len({case.id for case in CASES}) == len(CASES)
