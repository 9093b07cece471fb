"""Which cores belong to the servers and which to the client, and how busy the whole machine is."""

import os
import time

import psutil

WINDOW, IDLE = 0.1, 0.2
"""Seconds of one observation, and the share of a core up to which the machine counts as idle."""


def server_cores(workers: int) -> list[int]:
    """The first core; all of them where there is more than one worker."""
    return _allowed() if workers > 1 else _allowed()[:1]


def client_cores() -> list[int]:
    """The last core."""
    return _allowed()[-1:]


def busy_seconds() -> float:
    """CPU seconds of the whole machine that were not idle, stolen ones included."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def await_quiet(patience: float = 3.0) -> None:
    """Wait until the machine is idle, at most ``patience`` seconds: records of one measurement may still be shipped."""
    until = time.monotonic() + patience
    before = busy_seconds()
    while time.monotonic() < until:
        time.sleep(WINDOW)
        now = busy_seconds()
        if now - before <= IDLE * WINDOW:
            return
        before = now


def _allowed() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
