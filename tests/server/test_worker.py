"""The inline worker alone: slow clients, stopping servers, handlers that hang, batches of writes."""

import json
import os
import select
import signal
import socket
import struct
import time
from pathlib import Path

import pytest

from service.server.writing import MIN_BATCH
from tests.conftest import until

pytestmark = pytest.mark.process
GET = "GET /{} HTTP/1.1\r\nHost: x\r\n\r\n"
HALVES = {
    "a head": "POST /echo HTTP/1.1\r\nHost: x\r\nConte",
    "a body": "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    "a long body": "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\nabc",
    "chunks": "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
}


@pytest.mark.parametrize("half", HALVES)
def test_clients_that_send_half_a_request_delay_no_other_and_get_a_408(inline, half):
    slow = [inline.talk(HALVES[half]) for _ in range(4)]
    talk = inline.talk()
    for _ in range(5):
        assert talk.send(GET.format("")).answer().body == b"hello"
    for each in slow:
        answer = each.answer()
        assert (answer.status, answer.headers["content-type"]) == (408, "application/problem+json")
        assert json.loads(answer.body)["type"] == "urn:problem:request-timeout"
        assert each.closed()


def test_a_client_that_reads_nothing_delays_no_other(inline):
    deaf = [inline.talk(GET.format("long?16000000")) for _ in range(3)]
    talk = inline.talk()
    for _ in range(5):
        assert talk.send(GET.format("")).answer().body == b"hello"
    assert deaf[0].answer().body[:3] == b"012"  # it may still begin to read


def test_a_client_that_never_reads_is_closed(inline):
    deaf = inline.talk(GET.format("long?16000000") * 2)
    time.sleep(3.5)
    with pytest.raises((EOFError, ConnectionResetError)):
        deaf.answer()


def test_a_client_that_connects_and_sends_nothing_is_closed(inline):
    assert inline.talk().closed()


def test_an_idle_connection_is_closed_after_its_keepalive(inline):
    talk = inline.talk(GET.format(""))
    talk.answer()
    assert talk.closed()


@pytest.mark.parametrize("options", ["TE, close", "Close , TE", "keep-alive, close"])
@pytest.mark.parametrize("more", ["", "Transfer-Encoding: chunked\r\n"])
def test_close_among_other_connection_options_closes_the_connection(inline, options, more):
    talk = inline.talk(f"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: {options}\r\n{more}\r\n")
    talk.send("0\r\n\r\n" if more else "")
    assert talk.answer().headers["connection"] == "close"
    assert talk.closed()


FEW_FILES = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60)); Quick.client_timeout = 300"


@pytest.mark.parametrize("limit", [FEW_FILES, "worker_connections = 20; Quick.client_timeout = 300"])
def test_idle_clients_are_closed_when_connections_run_out_and_the_worker_stays(make_server, limit):
    server = make_server("inline", limit)
    pid = server.get("/pid").body
    silent = [server.talk("" if number % 2 else "GET /pid HT") for number in range(80)]
    assert server.get("/pid").body == pid
    assert len(silent) == 80


def test_a_client_that_disconnects_in_the_middle_does_no_harm(inline):
    for text in (*HALVES.values(), GET.format("long?16000000"), GET.format("stream?2000000")):
        talk = inline.talk(text)
        talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not a goodbye
        talk.sock.close()
    assert inline.get("/").body == b"hello"
    assert "Traceback" not in inline.log.read_text().split("on purpose")[-1]


@pytest.mark.parametrize("worker", ["inline", "gthread"])
def test_after_max_requests_the_worker_stops_and_its_last_response_says_close(make_server, worker):
    server = make_server(worker, "max_requests = 3")
    talk = server.talk()
    answers = [talk.send(GET.format("pid")).answer() for _ in range(3)]
    assert [answer.headers["connection"] for answer in answers] == ["keep-alive", "keep-alive", "close"]
    assert talk.closed()
    assert server.get("/pid").body != answers[0].body


@pytest.mark.parametrize("worker", ["inline", "gthread"])
def test_a_stopping_server_finishes_what_it_began_and_answers_open_connections(make_server, worker):
    server = make_server(worker)
    idle, open_ = server.talk(GET.format("")), server.talk(GET.format(""))
    assert idle.answer().status == open_.answer().status == 200
    busy = server.talk(GET.format("sleep?1"))
    time.sleep(0.4)
    server.process.send_signal(signal.SIGTERM)
    assert busy.answer().body == b"slept"
    assert open_.send(GET.format("")).answer().headers["connection"] == "close"
    assert server.process.wait(10) == 0
    assert idle.closed()
    assert "Traceback" not in server.log.read_text()


def test_a_handler_that_hangs_is_killed_and_replaced(make_server):
    server = make_server(more="timeout = 2")
    pid = server.get("/pid").body
    hung = server.talk(GET.format("sleep?60"))
    assert hung.closed()
    assert server.get("/pid").body != pid


def test_a_busy_worker_is_not_taken_for_a_hung_one(make_server):
    server = make_server(more="timeout = 2")
    pid = server.get("/pid").body
    talk = server.talk()
    for _ in range(8):
        talk.send(GET.format("sleep?0.4")).answer()
    assert server.get("/pid").body == pid


def test_beyond_its_connections_it_closes_after_each_answer(make_server):
    server = make_server(more="worker_connections = 8\nthreads = 4\nkeepalive = 30")
    talks = [server.talk() for _ in range(7)]
    connections = [talk.send(GET.format("")).answer().headers["connection"] for talk in talks]
    assert "close" in connections


@pytest.mark.parametrize(
    "more",
    ["service.server.READ_AGAINST = '1.0'", "proxy_protocol = True"],
)
def test_where_it_does_not_fit_it_is_gthread_and_logs_why(make_server, more):
    server = make_server(more=more)
    if "proxy" not in more:
        assert server.get("/").body == b"hello"
    until(lambda: "this worker is a gthread one" in server.log.read_text())


def test_a_unix_socket_is_served(make_server, tmp_path):
    path = str(tmp_path / "socket")
    server = make_server(more=f"bind = ['127.0.0.1:0', 'unix:{path}']")
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    until(Path(path).exists)
    sock.connect(path)
    talk = type(server.talk())(sock)
    assert (
        b'"SERVER_NAME": "name", "SERVER_PORT": "81"'
        in talk.send("GET /environ HTTP/1.1\r\nHost: name:81\r\n\r\n").answer().body
    )
    sock.close()


def test_reopened_logs_are_written_on(make_server):
    server = make_server()
    pid = int(server.get("/pid").body)
    os.kill(pid, signal.SIGUSR1)
    assert int(server.get("/pid").body) == pid


@pytest.fixture
def ready_together(make_server):
    """Factory: clients whose requests are all there when the worker next selects, and a function that resumes it."""

    def make(requests):
        server = make_server()
        pid = int(server.get("/pid").body)
        talks = [server.talk("GET / HTTP/1.1\r\nHost: x\r\n\r\n") for _ in requests]
        assert all(talk.answer().body == b"hello" for talk in talks)
        os.kill(pid, signal.SIGSTOP)
        for talk, request in zip(talks, requests, strict=True):
            talk.send(request)
        return talks, lambda: os.kill(pid, signal.SIGCONT)

    return make


def echo(text):
    return f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {len(text)}\r\n\r\n{text}"


def test_each_client_of_a_batch_gets_its_own_responses_in_order(ready_together):
    talks, resume = ready_together([echo(f"first {number}") + echo(f"second {number}") for number in range(40)])
    resume()
    for number, talk in enumerate(talks):
        assert talk.answer().body == f"first {number}".encode()
        assert talk.answer().body == f"second {number}".encode()


def test_clients_of_a_batch_are_not_affected_by_one_that_left_or_sent_no_http(ready_together):
    requests = [(echo(f"fine {number}"), "nonsense\r\n\r\n", echo("gone"))[number % 3] for number in range(30)]
    talks, resume = ready_together(requests)
    for talk in talks[2::3]:
        talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
        talk.sock.close()
    resume()
    for number in range(0, 30, 3):
        assert talks[number].answer().body == f"fine {number}".encode()
        assert talks[number + 1].answer().status == 400


@pytest.mark.parametrize("size", [0, 5000])
def test_no_response_of_a_batch_waits_for_a_long_request(ready_together, size):
    long = f"POST /sleep?5 HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n{'x' * size}"
    beside = [echo("short")] * (MIN_BATCH // 2)
    talks, resume = ready_together([*beside, long, *beside])
    resume()
    readable, _, _ = select.select([talk.sock for talk in talks], [], [], 4)
    assert readable, "half are handled before the long one, in whichever order the worker handles them"
