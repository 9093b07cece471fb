import pytest

from benchmarks.load.requests import get, is_correct, post
from benchmarks.protocols import PROTOCOLS

GOOD = b'{"prediction":1,"probability":0.75}'
REQUEST = post("/predict", b"{}", True, 1, [(1, 0.75)])


@pytest.mark.parametrize(
    ("body", "good"),
    [
        (GOOD, True),
        (b'{"prediction":1,"probability":0.7500005}', True),
        (b'{"prediction":1}', True),
        (b'{"prediction":"1","probability":0.75}', False),
        (b'{"prediction":1,"probability":0.75', False),
        (b"[]", False),
    ],
)
def test_an_answer_is_correct_by_label_and_probability(body, good):
    assert is_correct(REQUEST, 200, body, PROTOCOLS["ours"]) is good


def test_a_status_alone_may_be_what_is_expected():
    assert is_correct(get("/health", True), 200, b"", PROTOCOLS["ours"])
    assert not is_correct(get("/health", True), 503, b"", PROTOCOLS["ours"])
