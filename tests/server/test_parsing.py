"""A head from the cache means what gunicorn's own parser makes of its bytes."""

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.errors import ParseException
from gunicorn.http.message import RFC9110_5_3_SINGLETON_FIELDS, Request
from hypothesis import given
from hypothesis import strategies as st

from service.server.connection import peer_environ
from service.server.parsing import UNIQUE_HEADERS, ConfigSnapshot, HeadCache, HeadReader
from service.server.wsgi import base_environ, make_environ

CLIENTS = ("127.0.0.1", 4711), ("203.0.113.9", 4711)
SERVER = ("127.0.0.1", 8000)
NAMES = (*sorted(UNIQUE_HEADERS), "Traceparent", "X-Request-ID", "x-request-id ", "x_request_id", "Host", "Cookie")
SPECIAL = (
    "Content-Length: 3",
    "X-Forwarded-Proto: https",
    "Connection: close",
    " folded",
    "Transfer-Encoding: chunked",
)
values = st.text(st.sampled_from('aZ0-;, \t"\x7f\x01é\n'), max_size=12)
lines = st.one_of(st.builds("{}:{}".format, st.sampled_from(NAMES), values), st.sampled_from(SPECIAL))
heads = st.builds(
    lambda listed: "\r\n".join(["POST /predict?a=1 HTTP/1.1", *listed, "", ""]).encode("latin-1"),
    st.lists(lines, max_size=8),
)


@pytest.fixture(scope="module")
def cfg():
    return ConfigSnapshot(Config())


def environ_of_gunicorn(request, cfg, client):
    """The environ that gunicorn makes of a request, without the objects in it."""
    environ = wsgi.create(request, None, client, SERVER, cfg)[1]
    return {name: value for name, value in environ.items() if not name.startswith(("wsgi.", "gunicorn."))}


@given(st.lists(heads, min_size=1, max_size=6), st.sampled_from(CLIENTS))
def test_a_head_means_what_gunicorn_parses_whether_cached_or_not(cfg, sent, client):
    cache = HeadCache(cfg)
    for head in [*sent, *sent]:
        try:
            stock = Request(cfg, HeadReader(head), client)
        except ParseException as error:
            with pytest.raises(type(error)):
                cache.parse(head, client, 1)
            continue
        parsed = cache.parse(head, client, 1)
        environ = make_environ(parsed, b"", base_environ(cfg) | peer_environ(client, SERVER))
        expected = environ_of_gunicorn(stock, cfg, client)
        assert {name: environ[name] for name in expected} == expected
        assert sorted(parsed.headers) == sorted(stock.headers)
        assert parsed.should_close() == stock.should_close()
        assert type(parsed.body.reader) is type(stock.body.reader)


def test_the_other_headers_of_a_head_with_a_unique_one_come_from_the_cache(cfg):
    cache = HeadCache(cfg)
    heads = [f"GET / HTTP/1.1\r\nHost: x\r\nTraceparent: 00-{n:032x}-01\r\n\r\n".encode() for n in range(2000)]
    parsed = [cache.parse(head, CLIENTS[0], 1) for head in heads]
    assert all(request.environ_fields is parsed[0].environ_fields for request in parsed)
    assert len({dict(request.headers)["TRACEPARENT"] for request in parsed}) == len(heads)


def test_a_change_to_one_request_does_not_reach_the_cache(cfg):
    cache = HeadCache(cfg)
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\r\n\r\n"
    first = cache.parse(head, CLIENTS[0], 1)
    first.force_close()
    make_environ(first, b"", base_environ(cfg) | peer_environ(CLIENTS[0], SERVER))["HTTP_HOST"] = "y"
    again = cache.parse(head.replace(b": a", b": b"), CLIENTS[0], 2)
    environ = make_environ(again, b"", base_environ(cfg) | peer_environ(CLIENTS[0], SERVER))
    assert (environ["HTTP_HOST"], environ["HTTP_X_REQUEST_ID"], again.should_close()) == ("x", "b", False)


def test_no_header_that_gunicorn_reads_is_taken_out():
    assert not {name.upper() for name in UNIQUE_HEADERS} & set(RFC9110_5_3_SINGLETON_FIELDS)
    assert not any("_" in name for name in UNIQUE_HEADERS)


def test_too_many_and_too_long_headers_are_refused_whatever_their_names(cfg):
    for lines in (b"X-Request-ID: a\r\n" * 101, b"X-Request-ID: %s\r\n" % (b"a" * 9000)):
        with pytest.raises(ParseException):
            HeadCache(cfg).parse(b"GET / HTTP/1.1\r\nHost: x\r\n%s\r\n" % lines, CLIENTS[0], 1)
