"""The counters of a host: exact for each client, over processes and threads, whichever process dies."""

import multiprocessing
import os
import signal
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.access.counters import BUCKETS, WAYS, HostCounters
from service.setting_readers import Rate


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def counters(tmp_path):
    opened = []

    def open_counters(clock):
        opened.append(HostCounters(tmp_path / "var" / "limits", clock))
        return opened[-1]

    yield open_counters
    for one in opened:
        one.close()


STEPS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([0, 0, 0, 0.25, 3, 7.75, 10, 500])), max_size=60)


@given(STEPS, st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_a_client_gets_the_limit_in_each_period_and_the_status_it_sees_is_true(tmp_path_factory, steps, limit):
    clock, rate = Clock(), Rate(limit, 10)
    counters = HostCounters(tmp_path_factory.mktemp("var") / "limits", clock)
    ends, used = {}, {}
    for client, pause in steps:
        clock.now += pause
        if clock.now >= ends.get(client, 0):
            ends[client], used[client] = clock.now + 10, 0
        rate_limit_status = counters.check(client, rate)
        assert rate_limit_status.allowed == (used[client] < limit)
        used[client] += rate_limit_status.allowed
        assert rate_limit_status.remaining == limit - used[client]
        assert 1 <= rate_limit_status.reset <= 10
        if not rate_limit_status.allowed:  # after Retry-After the client is let in
            asked_at, clock.now = clock.now, clock.now + rate_limit_status.reset
            assert clock.now >= ends[client]
            clock.now = asked_at
    counters.close()


def test_retry_after_is_true_to_the_fraction_of_a_second(counters):
    clock, rate = Clock(), Rate(1, 60)
    table = counters(clock)
    for wait in (0.0, 0.001, 0.5, 59.999):
        assert table.check("client", rate).allowed
        clock.now += wait
        refused = table.check("client", rate)
        assert not refused.allowed
        clock.now += refused.reset
        assert table.check("client", rate).allowed
        clock.now += 60


def test_counts_outlive_the_process_but_not_the_host(counters):
    clock, rate = Clock(), Rate(1, 60)
    assert counters(clock).check("client", rate).allowed
    assert not counters(clock).check("client", rate).allowed, "a new worker counts on"
    clock.now = 5.0  # the monotonic clock begins anew when the host does
    assert counters(clock).check("client", rate).allowed


def test_a_shorter_period_is_not_held_up_by_a_longer_one_from_before(counters):
    clock = Clock()
    assert counters(clock).check("client", Rate(1, 86400)).allowed
    assert counters(clock).check("client", Rate(1, 60)).allowed


def test_memory_is_bounded_and_a_flood_of_clients_makes_nobody_forget_the_busy_one(counters, tmp_path):
    clock, rate = Clock(), Rate(50, 60)
    table = counters(clock)
    for _ in range(50):
        assert table.check("busy", rate).allowed
    for number in range(3 * WAYS * 1000):  # all fall into any bucket alike; enough for the buckets' own limits below
        table.check(f"client-{number}", rate)
    assert not table.check("busy", rate).allowed
    assert (tmp_path / "var" / "limits").stat().st_size == BUCKETS * WAYS * 24


def test_a_full_bucket_gives_up_the_client_that_asked_least(counters, monkeypatch):
    monkeypatch.setattr("service.access.counters.BUCKETS", 1)
    clock, rate = Clock(), Rate(100, 60)
    table = counters(clock)
    for client in range(WAYS):
        for _ in range(client + 2):
            table.check(str(client), rate)
    for stranger in range(20):
        assert table.check(f"stranger-{stranger}", rate).used == 1
    assert [table.check(str(client), rate).used for client in range(1, WAYS)] == [
        client + 3 for client in range(1, WAYS)
    ]


def spend_many(path, rate, times, allowed, begin):
    table = HostCounters(path)
    begin.wait()

    def run():
        for _ in range(times):
            if table.check("client", rate).allowed:
                with allowed.get_lock():
                    allowed.value += 1

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def spend_for_ever(path, rate):
    table = HostCounters(path)
    while True:
        table.check("other", rate)


@pytest.mark.process
def test_processes_and_threads_together_get_exactly_the_limit_while_others_are_killed(tmp_path):
    path, rate = tmp_path / "limits", Rate(1500, 3600)
    context = multiprocessing.get_context("spawn")
    allowed, begin = context.Value("i", 0), context.Event()
    workers = [context.Process(target=spend_many, args=(path, rate, 500, allowed, begin)) for _ in range(3)]
    doomed = context.Process(target=spend_for_ever, args=(path, Rate(10**9, 3600)))
    for process in (*workers, doomed):
        process.start()
    begin.set()
    doomed.join(1)
    os.kill(doomed.pid, signal.SIGKILL)
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    doomed.join()
    assert allowed.value == 1500, "of 3000 that asked"
