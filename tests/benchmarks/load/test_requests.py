import pytest

from benchmarks.load.exchange import get, post, right
from benchmarks.protocols import DIALECTS

GOOD = b'{"prediction":1,"probability":0.75}'
ASK = post("/predict", b"{}", True, 1, [(1, 0.75)])


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
def test_an_answer_is_right_by_label_and_probability(body, good):
    assert right(ASK, 200, body, DIALECTS["ours"]) is good


def test_a_status_alone_may_be_what_is_expected():
    assert right(get("/health", True), 200, b"", DIALECTS["ours"])
    assert not right(get("/health", True), 503, b"", DIALECTS["ours"])
