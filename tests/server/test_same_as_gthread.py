"""A client sees the same of the inline worker as of gunicorn's own gthread worker."""

import json
import socket

import pytest

pytestmark = pytest.mark.process
GET = "GET /{} HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_connection_serves_several_requests(server):
    talk = server.talk()
    for _ in range(3):
        answer = talk.send(GET.format("")).answer()
        assert (answer.status, answer.body, answer.headers["connection"]) == (200, b"hello", "keep-alive")


def test_pipelined_requests_are_answered_in_order(server):
    posts = [f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{number:03}" for number in range(40)]
    talk = server.talk("".join(posts))
    assert [talk.answer().body for _ in posts] == [b"%03d" % number for number in range(40)]


def test_a_half_closed_client_gets_all_its_answers(server):
    talk = server.talk(GET.format("") * 3)
    talk.sock.shutdown(socket.SHUT_WR)
    assert [talk.answer().body for _ in range(3)] == [b"hello"] * 3
    assert talk.closed()


def test_a_request_may_come_byte_by_byte(server):
    talk = server.talk()
    for letter in "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody":
        talk.send(letter)
    assert talk.answer().body == b"body"
    assert talk.send(GET.format("")).answer().body == b"hello"


def test_a_chunked_body_is_read_and_the_next_request_found(server):
    talk = server.talk("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    talk.send("3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n" + GET.format("") + GET.format("pid"))
    assert talk.answer().body == b"abcde"
    assert talk.answer().body == b"hello"
    assert talk.answer().body.isdigit()


def test_expect_is_met_before_the_body_is_sent(server):
    talk = server.talk("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    assert talk.answer().status == 100
    assert talk.send("abc").answer().body == b"abc"
    assert talk.send(GET.format("")).answer().body == b"hello"


@pytest.mark.parametrize("size", [0, 1, 65_536, 262_144, 1_500_000])
def test_a_body_of_any_length_is_read(server, size):
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    talk = server.talk(f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n").send(body)
    assert talk.answer().body == body
    assert talk.send(GET.format("")).answer().body == b"hello"


def test_a_body_that_the_application_does_not_read_is_skipped(server):
    talk = server.talk("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + GET.format("pid"))
    assert talk.answer().body == b"hello"
    assert talk.answer().body.isdigit()


@pytest.mark.parametrize(
    ("request_head", "connection"),
    [
        ("GET / HTTP/1.0\r\n\r\n", "close"),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive"),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "close"),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: Keep-Alive\r\n\r\n", "keep-alive"),
    ],
)
def test_the_connection_stays_open_or_closes_as_the_request_says(server, request_head, connection):
    talk = server.talk(request_head)
    answer = talk.answer()
    assert (answer.body, answer.headers["connection"]) == (b"hello", connection)
    assert talk.closed() if connection == "close" else talk.send(GET.format("")).answer().status == 200


def test_head_has_the_length_but_no_body(server):
    talk = server.talk("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert talk.answer(body=False).headers["content-length"] == "5"
    assert talk.send(GET.format("")).answer().body == b"hello"


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_keeps_the_connection(server, status):
    talk = server.talk(GET.format(f"status?{status}"))
    answer = talk.answer()
    assert answer.status == status
    assert not {"content-length", "transfer-encoding"} & answer.headers.keys()
    assert talk.send(GET.format("")).answer().body == b"hello"


def test_a_stream_is_sent_in_chunks(server):
    talk = server.talk(GET.format("stream?3"))
    answer = talk.answer()
    assert (answer.headers["transfer-encoding"], answer.body) == ("chunked", b"piece 0;piece 1;piece 2;")
    assert talk.send(GET.format("")).answer().body == b"hello"


def test_a_stream_that_fails_ends_without_its_last_chunk(server):
    talk = server.talk(GET.format("broken-stream"))
    with pytest.raises(EOFError):
        talk.answer()


def test_a_failing_application_is_a_500_problem(server):
    answer = server.talk(GET.format("broken")).answer()
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert json.loads(answer.body)["type"] == TYPES[500]
    assert b"purpose" not in answer.body


def test_a_long_answer_arrives_whole_at_a_slow_reader(server):
    talk = server.talk(GET.format("long?8000000"))
    talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    assert talk.answer().body == b"0123456789abcdef" * 500_000
    assert talk.send(GET.format("")).answer().body == b"hello"


@pytest.mark.parametrize(
    "head",
    [
        "GET /environ?a=%20b&c HTTP/1.1\r\nHost: h:8\r\nX-A: 1\r\nX-A: 2\r\nX-Forwarded-Proto: https\r\n\r\n",
        "GET //environ HTTP/1.0\r\n\r\n",
        "\r\nGET http://other/environ HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nAccept: \xe9\r\n\r\n",
        "GET /app/environ HTTP/1.1\r\nHost: x\r\nScript_Name: /app\r\n\r\n",
        "POST /environ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n{}",
    ],
)
def test_the_environ_is_the_one_of_gthread(both, head):
    seen = []
    for server in both:
        talk = server.talk(head * 2)  # the second one comes from the cache
        for _ in range(2):
            environ = json.loads(talk.answer().body) if head.find("1.0") < 0 or not seen else seen[-1]
            for changing in ("REMOTE_PORT", "SERVER_PORT"):
                environ.pop(changing, None)
            seen.append(environ)
    assert all(environ == seen[0] for environ in seen)


TYPES = {
    400: "urn:problem:bad-request",
    403: "urn:problem:forbidden",
    414: "urn:problem:uri-too-long",
    417: "urn:problem:expectation-failed",
    431: "urn:problem:request-header-fields-too-large",
    500: "urn:problem:internal-error",
    501: "urn:problem:not-implemented",
}
REFUSED = {
    "no request line": ("GARBAGE secret\r\n\r\n", 400),
    "no version": ("GET /secret\r\n\r\n", 400),
    "another version": ("GET / HTTP/secret\r\nHost: x\r\n\r\n", 400),
    "a lower-case method": ("secret / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a header without a colon": ("GET / HTTP/1.1\r\nHost: x\r\nsecret\r\n\r\n", 400),
    "a header name with a space": ("GET / HTTP/1.1\r\nHost: x\r\nsecret : 1\r\n\r\n", 400),
    "a folded header": ("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n secret\r\n\r\n", 400),
    "bare line feeds": ("GET / HTTP/1.1\nHost: secret\n\n", 400),
    "two hosts": ("GET / HTTP/1.1\r\nHost: x\r\nHost: secret\r\n\r\n", 400),
    "a negative length": ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    "a length that is no number": ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: secret\r\n\r\n", 400),
    "two lengths": ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "length and chunks": (
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunks under HTTP/1.0": ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "an unknown coding": ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: secret\r\n\r\n", 501),
    "another expectation": ("POST / HTTP/1.1\r\nHost: x\r\nExpect: secret\r\nContent-Length: 0\r\n\r\n", 417),
    "a long request line": (f"GET /{'secret' * 2000} HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "a long header": (f"GET / HTTP/1.1\r\nHost: x\r\nA: {'secret' * 2000}\r\n\r\n", 431),
    "many headers": ("GET / HTTP/1.1\r\nHost: x\r\n" + "A: secret\r\n" * 200 + "\r\n", 431),
    "a chunk without a size": ("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n", 400),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_that_is_no_http_is_refused_as_a_problem_without_an_echo(server, case):
    text, status = REFUSED[case]
    talk = server.talk(text)
    answer = talk.answer()
    problem = json.loads(answer.body)
    assert (answer.status, problem["status"], problem["type"]) == (status, status, TYPES[status])
    assert problem.keys() == {"type", "title", "status", "detail", "request_id"}
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == problem["request_id"]
    assert answer.headers["connection"] == "close"
    assert b"secret" not in answer.body
    assert talk.closed()


def test_a_peer_that_may_not_speak_the_proxy_protocol_is_a_403_problem(make_server):
    server = make_server("gthread", "proxy_protocol = True\nproxy_allow_ips = '192.0.2.1'")
    answer = server.talk("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + GET.format("")).answer()
    assert (answer.status, json.loads(answer.body)["type"]) == (403, TYPES[403])
