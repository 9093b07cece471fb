"""Every rule of rfc9112.json, under every worker class, whole and byte by byte.

A case is the bytes that a client sends and what it must see: ``statuses`` of the answers in their order, each a list of
those that the rule allows; ``bodies``, where they count; and ``then``: whether the connection is open or closed after
the last of them, or either.
"""

import json
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from tests.server.conftest import Talk, start, stop

pytestmark = pytest.mark.process
CASES = json.loads((Path(__file__).parent / "rfc9112.json").read_text())
WORKERS = ("inline", "gthread", "sync", "gevent")
LONGEST_BY_BYTES = 3000


@pytest.fixture(scope="module", params=WORKERS)
def worker(request, tmp_path_factory):
    """A server of each class; gevent is an optional dependency of gunicorn."""
    if request.param == "gevent":
        pytest.importorskip("gevent", reason="gevent is not installed")
    server = start(tmp_path_factory.mktemp(request.param), request.param)
    yield request.param, server
    stop(server)


def open_talk(server):
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=4)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Talk(sock)


def failure(server, case, by_bytes, closes_always):
    """What is wrong with the server's behaviour, in words; None if nothing is."""
    talk, data = open_talk(server), case["send"].encode("latin-1")
    with talk.sock:
        with suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has read all
            for piece in [data[at : at + 1] for at in range(len(data))] if by_bytes else [data]:
                talk.sock.sendall(piece)
        seen = []
        for allowed, body in zip(case["statuses"], case.get("bodies") or [None] * len(case["statuses"]), strict=False):
            try:
                answer = talk.answer()
            except (EOFError, ConnectionResetError):
                return f"closed after {seen}"
            except TimeoutError:
                return f"no answer after {seen}"
            seen.append(answer.status)
            if answer.status not in allowed:
                return f"answered {seen}"
            if body is not None and answer.body != body.encode("latin-1"):
                return f"answered the body {answer.body!r}"
            if closes_always and answer.status >= 200:
                return None
        return connection_failure(talk, case["then"])


def connection_failure(talk, then):
    if then == "closed":
        with suppress(ConnectionResetError):
            try:
                return None if talk.closed() else f"sent more: {bytes(talk.buffer)!r}"
            except TimeoutError:
                return "stayed open"
    if then == "open":
        talk.sock.settimeout(0.02)
        try:
            return f"sent more: {bytes(talk.buffer)!r}" if talk.buffer else f"closed, or sent {talk.sock.recv(1)!r}"
        except TimeoutError:
            return None
        except ConnectionResetError:
            return "reset the connection"
    return None


@pytest.mark.parametrize("by_bytes", [False, True], ids=["whole", "byte by byte"])
def test_every_rule_holds(worker, by_bytes):
    name, server = worker
    failures = {}
    for case in CASES:
        if by_bytes and len(case["send"]) > LONGEST_BY_BYTES:
            continue
        if wrong := failure(server, case, by_bytes, closes_always=name == "sync"):
            failures[case["name"]] = f"{wrong}; {case['rule']} wants {case['statuses']}, {case['then']}"
    assert failures == {}


def test_each_case_has_a_name_of_its_own_a_rule_and_an_answer():
    assert len({case["name"] for case in CASES}) == len(CASES) >= 250
    for case in CASES:
        assert case["rule"].startswith("RFC ")
        assert case["statuses"]
        assert case["then"] in ("open", "closed", "any")
