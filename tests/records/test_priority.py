"""Standing back from the requests, and stepping forward again where that starves the shipper."""

import os
import subprocess
import sys
import threading
import time
from math import inf

import pytest

from service import priority
from service.priority import Pace
from service.records.recorder import Recorder
from tests.records.conftest import make_record, stored, until


@pytest.fixture
def turns(monkeypatch):
    """Run turns of these lengths in a thread of their own, since it steps back; how each was taken."""
    monkeypatch.setattr(priority, "STARVED_SECONDS", 0.2)
    monkeypatch.setattr(priority, "HURRY_SECONDS", 0.5)

    def run(lengths):
        seen, left = [], list(lengths)
        own = Pace()

        def turn(seconds):
            idle = os.sched_getscheduler(0) == os.SCHED_IDLE
            seen.append("calm" if idle and seconds < inf else "hurry" if seconds == inf and not idle else "neither")
            if len(seen) == 1:
                own.calm_down()
            time.sleep(left.pop(0))
            return bool(left)

        thread = threading.Thread(target=own.run, args=(turn,))
        thread.start()
        thread.join()
        return seen

    return run


def test_the_first_turn_hurries_and_those_after_it_stand_back(turns):
    assert turns([0, 0, 0]) == ["hurry", "calm", "calm"]


def test_a_starved_turn_is_followed_by_some_that_hurry_and_then_calm_ones_again(turns):
    seen = turns([0, 0.25, 0.1, 0.5, 0, 0])
    assert seen[:4] == ["hurry", "calm", "hurry", "hurry"]
    assert seen[-1] == "hurry"  # the turn of half a second was long as well
    assert turns([0, 0.25, 0.15, 0.15, 0.15, 0.15, 0, 0])[-1] == "calm"


def test_what_a_turn_raises_comes_out_whether_calm_or_not():
    for calm in (False, True):
        own = Pace()

        def turn(_seconds, own=own, calm=calm):
            if calm and threading.current_thread().name == "raiser":
                own.calm_down()
                return True
            raise OSError("the spool is gone")

        caught = []

        def run(own=own, turn=turn, caught=caught):
            try:
                own.run(turn)
            except OSError as exc:
                caught.append(exc)

        thread = threading.Thread(target=run, name="raiser")
        thread.start()
        thread.join(10)
        assert len(caught) == 1


@pytest.mark.process
def test_records_reach_the_database_beside_processes_that_leave_no_core_idle(make_settings):
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range((os.cpu_count() or 1) + 1)]
    try:
        settings = make_settings()
        records = Recorder(settings)
        records.open()
        for _ in range(300):
            records.append(make_record())
        until(lambda: len(stored(settings)) == 300, seconds=60)
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
