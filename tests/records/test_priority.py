"""Background work: behind the requests, and in a hurry again where that starves it."""

import os
import subprocess
import sys
import threading
from math import inf

import pytest

from service.priority import HURRY_SECONDS, STARVED_SECONDS, Pace
from service.records.recorder import Recorder
from tests.records.conftest import make_record, stored, until

QUICK, STARVED = STARVED_SECONDS / 10, STARVED_SECONDS * 2


class Clock:
    """Seconds that only a turn spends, however busy the machine is."""

    now = 1000.0

    def __call__(self):
        return self.now


def in_a_thread(run):
    """Run it in a thread that may lower its own priority for good; what it raised."""
    raised = []

    def target():
        try:
            run()
        except OSError as exc:
            raised.append(exc)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    return raised


def paces_of(turns):
    """Run turns that take so many seconds each, calm after the first; how each was run."""
    clock, paces, left = Clock(), [], list(turns)
    pace = Pace(clock)

    def turn(seconds):
        idle = os.sched_getscheduler(0) == os.SCHED_IDLE
        paces.append({(True, STARVED_SECONDS): "calm", (False, inf): "hurry"}[idle, seconds])
        if len(paces) == 1:
            pace.calm_down()
        clock.now += left.pop(0)
        return bool(left)

    assert in_a_thread(lambda: pace.run(turn)) == []
    return paces


def test_the_first_turn_hurries_and_those_after_it_are_calm():
    assert paces_of([QUICK] * 3) == ["hurry", "calm", "calm"]


def test_a_starved_turn_is_followed_by_a_hurry_that_ends():
    turns = [QUICK, STARVED, *[HURRY_SECONDS / 5] * 5, QUICK, QUICK]
    assert paces_of(turns) == ["hurry", "calm", *["hurry"] * 5, "calm", "calm"]


def test_a_turn_that_is_slow_in_a_hurry_prolongs_it():
    assert paces_of([QUICK, STARVED, HURRY_SECONDS, QUICK]) == ["hurry", "calm", "hurry", "hurry"]


@pytest.mark.parametrize("calm", [False, True])
def test_what_a_turn_raises_comes_out(calm):
    pace, turns = Pace(Clock()), [*[None] * calm, OSError("the spool is gone")]

    def turn(_seconds):
        if error := turns.pop(0):
            raise error
        pace.calm_down()
        return True

    assert len(in_a_thread(lambda: pace.run(turn))) == 1


@pytest.mark.process
def test_records_reach_the_database_beside_processes_that_leave_no_core_idle(make_settings):
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range((os.cpu_count() or 1) + 1)]
    try:
        settings = make_settings()
        records = Recorder(settings)
        records.open()
        for _ in range(300):
            records.append(make_record())
        until(lambda: len(stored(settings)) == 300)
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
