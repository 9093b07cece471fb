"""What the fast way accepts means what gunicorn's own parser makes of its bytes, whether parsed or looked up."""

import json
import random
import re
from pathlib import Path

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.errors import ParseException
from hypothesis import given, settings
from hypothesis import strategies as st

from service.server.connection import peer_environ
from service.server.parsing import HeadParser
from service.server.plain_heads import PLAIN_HEAD
from service.server.request import HeadReader
from service.server.rules import _ABSOLUTE, _HOST, ConfigSnapshot, StrictRequest
from service.server.wsgi import base_environ, make_environ

CLIENTS = ("127.0.0.1", 4711), ("203.0.113.9", 4711)
SERVER = ("127.0.0.1", 8000)
LINES = ("GET / HTTP/1.1", "POST /predict?a=1 HTTP/1.1", "GET //a%20b?c?d HTTP/1.0", "PUT /caf%C3%A9 HTTP/1.1")
ODD_LINES = ("GET http://y/a HTTP/1.1", "OPTIONS * HTTP/1.1", "CONNECT x:80 HTTP/1.1", "GET /#a HTTP/1.1", "GET /a")
NAMES = ("Host", "host", "Cookie", "X-A", "x-a", "X-B", "Accept", "X-Forwarded-Proto", "X_A", "Connection", "X A", "É")
SPECIAL = (
    *("Content-Length: 3", "content-length: 3", "Content-Length: +3", "Content-Length: 03", "Content-Type: a/b"),
    *("X-Forwarded-Proto: https", "X-Forwarded-Ssl: off", "X-Forwarded-Ssl: on", "Transfer-Encoding: chunked"),
    *("Connection: close", "Connection: TE, close", "Connection: Keep-Alive", "Connection: upgrade", "Upgrade: h2c"),
    *(
        "Expect: 100-continue",
        " folded",
        "SCRIPT_NAME: /a",
        "Script-Name: /a",
        "Host: a:80",
        "Host: a@b",
        "Host: [::1]",
    ),
)
values = st.text(st.sampled_from('aZ0-;:, \t"\x7f\x01éÿ\n\r'), max_size=12) | st.sampled_from(
    ["https", "close", "x", ""]
)
lines = st.builds("{}:{}".format, st.sampled_from(NAMES), values) | st.sampled_from(SPECIAL)
heads = st.builds(
    lambda line, listed, host: "\r\n".join([line, *host, *listed, "", ""]).encode("latin-1"),
    st.sampled_from((*LINES, *LINES, *ODD_LINES)),
    st.lists(lines, max_size=8),
    st.sampled_from([["Host: x"], ["Host: x"], []]),
)
CORPUS = [
    case["send"].encode("latin-1").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    for case in json.loads((Path(__file__).parent / "conformance" / "rfc9112.json").read_text())
]


@pytest.fixture(scope="module")
def cfg():
    return ConfigSnapshot(Config())


class Silent:
    """A socket that takes a 100 Continue."""

    def send(self, data):
        return len(data)


def assert_same(parser, cfg, head, client):
    """The parser refuses what gunicorn refuses under our rules, and means the same by the rest."""
    try:
        stock = StrictRequest(cfg, HeadReader(head), client)
        expected = wsgi.create(stock, Silent(), client, SERVER, cfg)[1]
    except ParseException as error:
        with pytest.raises(type(error)):
            parser.parse(head, client, 1)
        return
    except OSError:  # NoMoreData: no whole head
        return
    expected = {key: value for key, value in expected.items() if isinstance(value, str | bool) or key == "wsgi.version"}
    parsed = parser.parse(head, client, 1)
    environ = make_environ(parsed, b"", base_environ(cfg) | peer_environ(client, SERVER))
    del expected["wsgi.multithread"]
    assert {key: environ.get(key) for key in expected} == expected
    assert {key for key in environ if key.startswith("HTTP_")} == {key for key in expected if key.startswith("HTTP_")}
    assert parsed.headers == stock.headers
    assert (parsed.method, parsed.uri, parsed.path, parsed.query) == (stock.method, stock.uri, stock.path, stock.query)
    assert (parsed.version, parsed.scheme) == (stock.version, stock.scheme)
    assert parsed.should_close() == stock.should_close()
    assert parsed.expects_continue == stock._expected_100_continue
    assert parsed.length == getattr(stock.body.reader, "length", None)


@settings(max_examples=400)
@given(st.lists(heads, min_size=1, max_size=4), st.sampled_from(CLIENTS))
def test_a_head_means_what_gunicorn_parses_whether_parsed_or_looked_up(cfg, sent, client):
    parser = HeadParser(cfg)
    for head in [*sent, *sent, *sent]:
        assert_same(parser, cfg, head, client)


@pytest.mark.parametrize("seed", range(40))
def test_mutated_heads_of_the_conformance_suite_mean_what_gunicorn_parses(cfg, seed):
    draw = random.Random(seed)
    pieces = [
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b":",
        b"_",
        b"\x00",
        b"\xff",
        b"a",
        b"1",
        b"Host: x\r\n",
        b"Host",
        b",",
    ]
    for _ in range(100):
        head = bytearray(draw.choice(CORPUS)[:2000])
        for _ in range(draw.randint(0, 3)):
            at = draw.randrange(len(head) + 1)
            head[at : at + draw.choice((0, 0, 1))] = draw.choice(pieces)
        whole = bytes(head).partition(b"\r\n\r\n")[0].lstrip(b"\r\n") + b"\r\n\r\n"
        assert_same(HeadParser(cfg), cfg, whole, draw.choice(CLIENTS))


def test_ordinary_heads_are_parsed_the_fast_way(cfg):
    """Otherwise the tests above compare gunicorn's parser with itself."""
    browser = (
        b"POST /predict?model_version=a-1 HTTP/1.1\r\nHost: example.com:8000\r\nUser-Agent: Mozilla/5.0 (Linux)\r\n"
        b'Accept: */*;q=0.8\r\nCookie: a="b"; c=d\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n'
        b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nConnection: keep-alive\r\n"
        b"Content-Type: application/json\r\nContent-Length: 12\r\nX-Twice: a\r\nX-Twice: b\r\n\r\n"
    )
    for client in CLIENTS:
        assert HeadParser(cfg).plain.parse(browser, client is CLIENTS[0], client, 1) is not None
        assert_same(HeadParser(cfg), cfg, browser, client)


def test_a_change_to_one_request_does_not_reach_the_next_with_the_same_head(cfg):
    parser = HeadParser(cfg)
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\r\n\r\n"
    first = parser.parse(head, CLIENTS[0], 1)
    first.force_close()
    first.headers.clear()
    make_environ(first, b"", base_environ(cfg) | peer_environ(CLIENTS[0], SERVER))["HTTP_HOST"] = "y"
    again = parser.parse(head, CLIENTS[0], 2)
    environ = make_environ(again, b"", base_environ(cfg) | peer_environ(CLIENTS[0], SERVER))
    assert (environ["HTTP_HOST"], again.should_close(), len(again.headers)) == ("x", False, 2)


def test_what_is_kept_of_heads_is_bounded(cfg):
    parser = HeadParser(cfg)
    for number in range(3 * parser.MAX_HEADS):
        for _ in range(2):
            parser.parse(b"GET / HTTP/1.1\r\nHost: x\r\nX-%d: a\r\n\r\n" % number, CLIENTS[0], 1)
    assert 1 <= len(parser._cached[True]) <= parser.MAX_HEADS


def test_too_many_and_too_long_headers_are_refused_whatever_their_names(cfg):
    for listed in (b"X-Request-ID: a\r\n" * 101, b"X-Request-ID: %s\r\n" % (b"a" * 9000)):
        with pytest.raises(ParseException):
            HeadParser(cfg).parse(b"GET / HTTP/1.1\r\nHost: x\r\n%s\r\n" % listed, CLIENTS[0], 1)


def unbounded_repetitions(parsed):
    """Every repetition of a parsed pattern without a small bound: its kind, and the shortest text it repeats."""
    for kind, argument in parsed:
        if "REPEAT" in str(kind):
            _, most, inner = argument
            if most > 64:
                yield str(kind), inner.getwidth()[0]
            yield from unbounded_repetitions(inner)
        elif str(kind) == "SUBPATTERN":
            yield from unbounded_repetitions(argument[-1])
        elif str(kind) == "BRANCH":
            for branch in argument[1]:
                yield from unbounded_repetitions(branch)


@pytest.mark.parametrize("pattern", [PLAIN_HEAD, _HOST, _ABSOLUTE], ids=lambda found: str(found.pattern)[:20])
def test_the_patterns_of_a_head_read_each_byte_once(pattern):
    """A possessive repetition gives nothing back, so there is nothing to try again: the work grows as the head does."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    found = list(unbounded_repetitions(re._parser.parse(text)))
    assert len(found) >= 2
    assert all(kind == "POSSESSIVE_REPEAT" and shortest >= 1 for kind, shortest in found)
