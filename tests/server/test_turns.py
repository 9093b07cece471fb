"""Nobody waits for a stranger: turns, bodies without threads, lanes of threads, refusals under overload, the end."""

import json
import os
import re
import select
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import until
from tests.server.conftest import Talk

pytestmark = pytest.mark.process
GET = "GET /{} HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def stopped(make_server):
    """Factory: a server whose worker stands still, so that all that is sent is there when it goes on."""

    def make(app="echo:app", before=()):
        server = make_server(app=app)
        pid = int(server.get("/pid").body)
        for path in before:
            server.get(path)
        os.kill(pid, signal.SIGSTOP)
        return server, lambda: os.kill(pid, signal.SIGCONT)

    return make


def test_a_client_with_one_request_waits_for_one_of_each_other_not_for_their_pipelines(stopped):
    server, go_on = stopped()
    crowd = [server.talk(GET.format("count") * 100) for _ in range(20)]
    alone = server.talk(GET.format("count"))
    go_on()
    assert int(alone.answer().body) <= 3 * len(crowd)
    for talk in crowd:
        numbers = [int(talk.answer().body) for _ in range(100)]
        assert numbers == sorted(numbers)


def test_a_client_with_one_request_waits_for_no_pipeline_that_is_under_way(stopped):
    server, go_on = stopped()
    crowd = [server.talk(GET.format("count?0.005") * 50) for _ in range(20)]
    go_on()
    answered = [int(talk.answer().body) for talk in crowd]  # each is behind its first request now
    stop_worker(server)
    before = max(answered + [number for talk in crowd for number in numbers_there(talk)])
    alone = server.talk(GET.format("count"))
    go_on()
    assert int(alone.answer().body) - before <= 10


def test_a_client_that_is_known_waits_for_no_flood_of_new_connections(make_server):
    server = make_server()
    known = server.talk(GET.format("count"))
    known.answer()
    crowd = [server.talk(GET.format("count?0.005")) for _ in range(200)]
    answered = int(crowd[0].answer().body)
    go_on = stop_worker(server)
    before = max([answered, *(number for talk in crowd for number in numbers_there(talk))])
    known.send(GET.format("count"))
    go_on()
    assert int(known.answer().body) - before <= 10


def test_a_prediction_is_not_refused_for_a_flood_of_new_connections_when_its_client_is_known(make_server):
    server = make_server(app="echo:patient")
    known = server.talk(GET.format("predict?0"))
    known.answer()
    for _ in range(60):
        server.talk(GET.format("count?0.1"))  # together six seconds, and the limit is three
    until(lambda: numbers_there(server.talks[1]))
    assert known.send(GET.format("predict?0")).answer().status == 200


def stop_worker(server):
    """Stop it where it is; what lets it go on."""
    [worker] = children(server.process.pid)
    os.kill(int(worker), signal.SIGSTOP)
    until(lambda: Path(f"/proc/{worker}/stat").read_text().split()[2] == "T")
    return lambda: os.kill(int(worker), signal.SIGCONT)


def test_a_prediction_is_not_refused_for_the_pipelines_that_it_does_not_wait_for(stopped):
    server, go_on = stopped("echo:patient")
    crowd = [server.talk(GET.format("count?0.1") * 3) for _ in range(40)]
    go_on()
    for talk in crowd:
        talk.answer()  # what is left of them would take eight seconds, and the limit is three
    assert server.talk(GET.format("predict?0")).answer().status == 200


def numbers_there(talk):
    """Those of the responses that have come."""
    while select.select([talk.sock], [], [], 0)[0]:
        talk.more()
    return [int(number) for number in re.findall(rb"\r\n\r\n(\d+)", talk.buffer)]


def test_of_a_burst_of_connections_every_worker_takes_a_share(make_server):
    server = make_server(more="workers = 2")
    until(lambda: len(children(server.process.pid)) == 2)
    workers = [int(pid) for pid in children(server.process.pid)]
    until(lambda: pids(server, 8) == {*workers})
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    crowd = [server.talk(GET.format("pid?0.02")) for _ in range(64)]
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    answered = [int(talk.answer().body) for talk in crowd]
    assert min(answered.count(pid) for pid in workers) >= 8


def pids(server, count):
    """The workers that answer so many clients at once."""
    crowd = [server.talk(GET.format("pid?0.02")) for _ in range(count)]
    return {int(talk.answer().body) for talk in crowd}


def test_answers_come_in_order_however_deep_the_pipeline(inline):
    posts = [f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{number:05}" for number in range(3000)]
    talk = inline.talk()
    sender = threading.Thread(target=talk.send, args=("".join(posts),))
    sender.start()
    assert [int(talk.answer().body) for _ in posts] == list(range(3000))
    sender.join()


HALVES = {
    "chunks": "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    "expectations": "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    "long bodies": "Content-Length: 900000\r\n\r\nabc",
    "upgrades": "Upgrade: h2c\r\nContent-Length: 9\r\n\r\nabc",
}


@pytest.mark.parametrize("half", HALVES)
def test_half_sent_bodies_take_no_thread_from_a_long_one(make_server, half):
    server = make_server(more="Quick.client_timeout = 300")
    for _ in range(16):
        server.talk(f"POST /echo HTTP/1.1\r\nHost: x\r\n{HALVES[half]}")
    body = "x" * 300_000
    assert server.talk(f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n{body}").answer().status == 200


def test_a_slow_route_runs_in_a_thread_from_the_first_time(make_server):
    server = make_server(app="echo:ruled")
    slow = server.talk(GET.format("slow?3"))
    assert server.get("/").body == b"hello"
    assert not select.select([slow.sock], [], [], 0)[0]
    assert slow.answer().body == b"slept"


def test_who_waits_too_long_for_a_thread_is_refused_and_other_routes_have_their_own(make_server):
    server = make_server(app="echo:ruled")
    slow = [server.talk(GET.format("slow?3")) for _ in range(6)]
    other = server.talk(GET.format("other?0"))
    assert other.answer().body == b"slept"
    answers = [talk.answer() for talk in slow]
    assert sorted(answer.status for answer in answers) == [200] * 4 + [503] * 2
    refused = next(answer for answer in answers if answer.status == 503)
    assert json.loads(refused.body)["type"] == "urn:problem:overloaded"
    assert int(refused.headers["retry-after"]) >= 1


def test_predictions_that_would_wait_too_long_are_refused_and_nothing_else_is(stopped):
    server, go_on = stopped("echo:ruled", before=["/predict?0.05"] * 5)
    crowd = [server.talk("GET /predict?0.05 HTTP/1.1\r\nHost: x\r\nX-Request-ID: mine\r\n\r\n") for _ in range(60)]
    health = [server.talk(GET.format("health")) for _ in range(5)]
    go_on()
    answers = [talk.answer() for talk in crowd]
    assert {answer.status for answer in answers} == {200, 503}
    assert [talk.answer().status for talk in health] == [200] * 5
    refused = [talk for talk, answer in zip(crowd, answers, strict=True) if answer.status == 503]
    problem = next(answer for answer in answers if answer.status == 503)
    assert (problem.headers["connection"], problem.headers["x-request-id"]) == ("keep-alive", "mine")
    assert problem.headers["content-type"] == "application/problem+json"
    assert json.loads(problem.body)["request_id"] == "mine"
    assert refused[0].send(GET.format("predict?0")).answer().status == 200  # the connection goes on


def test_a_client_that_has_left_is_not_computed_for(make_server):
    server = make_server(app="echo:ruled")
    busy = server.talk(GET.format("predict?1.5"))
    time.sleep(0.3)
    for _ in range(5):
        server.talk(GET.format("count/predict")).sock.close()
    assert busy.answer().body == b"slept"
    assert int(server.get("/count").body) == 1


def test_a_body_beyond_the_limit_is_told_by_the_application_and_the_connection_ends(make_server):
    server = make_server(app="echo:ruled")
    talk = server.talk("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n")
    assert talk.answer().headers["connection"] == "close"


def test_an_application_without_a_limit_of_its_own_gets_no_part_of_a_body(make_server):
    server = make_server()
    talk = server.talk("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
    answer = talk.answer()
    assert (answer.status, json.loads(answer.body)["type"]) == (413, "urn:problem:body-too-large")


def test_long_requests_that_never_end_are_refused_when_they_fill_the_memory(make_server):
    server = make_server(app="echo:ruled", more="Quick.client_timeout = 300; Quick.memory = 0")
    part = "x" * 900_000
    hoarders = [
        server.talk(f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n{part}") for _ in range(8)
    ]
    answer = hoarders[0].answer()  # the oldest makes room
    assert (answer.status, json.loads(answer.body)["type"]) == (503, "urn:problem:overloaded")
    assert hoarders[0].closed()
    assert hoarders[-1].send("x" * 99_999).answer().status == 200


OURS = "worker_class = 'service.server.gthread.TimedThreadWorker'\n"


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("worker", ["inline", "ours"])
def test_clients_that_reconnect_when_the_server_stops_are_answered_or_refused(make_server, worker, workers):
    server = make_server(more=f"workers = {workers}\n{OURS if worker == 'ours' else ''}")
    serving = set()
    until(lambda: serving.add(server.get("/pid").body) or len(serving) == workers)
    with ThreadPoolExecutor(16) as clients:
        endings = [clients.submit(until_refused, server.port) for _ in range(16)]
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
    assert [ending.result() for ending in endings] == ["refused"] * 16


def until_refused(port):
    """A client that connects and asks again and again; how that ends."""
    while True:
        try:
            sock = socket.create_connection(("127.0.0.1", port), timeout=20)
        except ConnectionRefusedError:
            return "refused"
        with sock:
            talk, answers, connection = Talk(sock), 0, ""
            while connection != "close":
                try:
                    connection = talk.send(GET.format("")).answer().headers["connection"]
                except (OSError, EOFError) as exc:
                    if answers:
                        break  # a client that slept for two seconds: an idle connection may be closed at any time
                    return repr(exc)
                answers += 1
                time.sleep(0.01)


@pytest.mark.parametrize(("change", "workers"), [(signal.SIGHUP, 1), (signal.SIGTTOU, 2)])
def test_a_worker_that_leaves_others_with_the_address_keeps_no_client_from_connecting(make_server, change, workers):
    server = make_server(more=f"workers = {workers}\n")
    until(lambda: len(children(server.process.pid)) == workers)
    before = children(server.process.pid)
    server.process.send_signal(change)
    until(lambda: not before <= children(server.process.pid))  # one has gone for good
    for _ in range(20):
        assert server.get("/").body == b"hello"


def children(pid):
    """Those of a process, by their ids."""
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
