"""A chunked body that comes in pieces is what gunicorn's own reader makes of it in one piece."""

import random

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.unreader import IterUnreader
from hypothesis import given, settings
from hypothesis import strategies as st

from service.server.bodies import STEPS, ChunkedBody
from service.server.request import HeadReader
from service.server.rules import ConfigSnapshot, StrictRequest

HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
MOST = 10_000
PIECES = (
    *(
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
        b"0\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"A\r\n0123456789\r\n",
        b"a",
        b"5",
        b";",
        b"=",
        b"x",
    ),
    *(
        b"2;a=b\r\nab\r\n",
        b'2;a="b;c"\r\nab\r\n',
        b"1 ; a\r\nx\r\n",
        b"X-A: b\r\n",
        b"Content-Length: 3\r\n",
        b"00",
        b"-",
    ),
    *(b"FFFFFFFFFFFFFFFFFFFF\r\n", b"GET / HTTP/1.1\r\n", b"\x00", b'"', b" ", b"\xff"),
)
streams = st.lists(st.sampled_from(PIECES), max_size=10).map(b"".join)


@pytest.fixture(scope="module")
def cfg():
    return ConfigSnapshot(Config())


def by_gunicorn(cfg, stream):
    """The body, what follows it, and its trailers; "refused", or "more" where the body is not complete."""
    request = StrictRequest(cfg, IterUnreader([HEAD + stream]), ("127.0.0.1", 1))
    try:
        body = request.body.read()
    except ParseException:
        return "refused"
    except OSError:  # NoMoreData
        return "more"
    return body, request.unreader.take_buffered(), request.trailers


def by_the_loop(cfg, pieces):
    request = StrictRequest(cfg, HeadReader(HEAD), ("127.0.0.1", 1))
    decoder, received = ChunkedBody(request, MOST), bytearray()
    try:
        for piece in pieces:
            received += piece
            while decoder.feed(received):
                pass
    except ParseException:
        return "refused"
    if not decoder.complete:
        return "more"
    return bytes(decoder.data), bytes(received), request.trailers


def assert_same(cfg, stream, pieces):
    expected, found = by_gunicorn(cfg, stream), by_the_loop(cfg, pieces)
    # gunicorn waits for two bytes after a chunk, and takes an end where there may be more for no terminator
    assert found == expected or {found, expected} == {"refused", "more"}, stream


@settings(max_examples=400)
@given(streams, st.integers(1, 7))
def test_chunks_mean_the_same_in_one_piece_and_in_many(cfg, stream, size):
    assert_same(cfg, stream, [stream])
    assert_same(cfg, stream, [stream[at : at + size] for at in range(0, len(stream), size)])


@pytest.mark.parametrize("seed", range(20))
def test_mutated_chunks_mean_the_same(cfg, seed):
    draw = random.Random(seed)
    for _ in range(100):
        parts = [
            b"%x\r\n%b\r\n" % (size, b"z" * size) for size in draw.choices((1, 2, 15, 16, 300), k=draw.randint(0, 4))
        ]
        stream = bytearray(b"".join([*parts, b"0\r\n", *draw.choices((b"A: b\r\n", b""), k=1), b"\r\nGET"]))
        for _ in range(draw.randint(0, 2)):
            at = draw.randrange(len(stream) + 1)
            stream[at : at + draw.choice((0, 1))] = draw.choice(PIECES)
        cuts = sorted(draw.choices(range(len(stream) + 1), k=3))
        ends = [*cuts, len(stream)]
        assert_same(cfg, bytes(stream), [bytes(stream[a:b]) for a, b in zip([0, *cuts], ends, strict=True)])


def test_a_body_beyond_the_limit_is_told_and_decoded_no_further(cfg):
    request = StrictRequest(cfg, HeadReader(HEAD), ("127.0.0.1", 1))
    decoder = ChunkedBody(request, 100)
    received = bytearray(b"FFFFFF\r\n" + b"z" * 50_000)
    decoder.feed(received)
    assert (decoder.too_long, decoder.complete, len(decoder.data)) == (True, False, 101)


def test_many_tiny_chunks_are_decoded_in_steps(cfg):
    """Each step is bounded, so that a client that sends a byte a chunk takes turns with the others."""
    request = StrictRequest(cfg, HeadReader(HEAD), ("127.0.0.1", 1))
    decoder = ChunkedBody(request, 100_000)
    received = bytearray(b"1\r\nz\r\n" * 3000 + b"0\r\n\r\n")
    steps = 1
    while decoder.feed(received):
        steps += 1
        assert len(decoder.data) <= steps * STEPS
    assert decoder.complete
    assert steps > 3000 / STEPS
