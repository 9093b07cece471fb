import pytest

from benchmarks.load.answers import parse_answer


@pytest.mark.parametrize(
    ("raw", "parsed"),
    [
        (b"HTTP/1.1 200 OK\r\n", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc", None),
        (b"HTTP/1.1 422 X\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", (422, b"abc", True)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", (200, b"abc", False)),
    ],
)
def test_an_answer_is_parsed_once_it_is_whole(raw, parsed):
    assert parse_answer(bytearray(raw)) == parsed
