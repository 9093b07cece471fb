"""The priority of background work: behind every request, and faster for a while where that starves it."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import inf

STARVED_SECONDS = 1.0
"""A turn that takes longer may be starved by its low priority."""
HURRY_SECONDS = 5.0
"""For so long the turns after a starved one run in a hurry."""


def low() -> None:
    """Give this thread a tenth of the time that a thread of the requests gets on a busy core."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 10)


def idle() -> None:
    """Make this thread leave the processor at once when another one wants it, where the system has such a class.

    A nice thread finishes its slice of some milliseconds first. An idle one does not, and may wait a second for a slice
    on a busy core.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 19)
        if hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


class Pace:
    """Runs turns of work: calmly in an idle thread, or in a hurry in the thread that calls ``run``.

    It begins in a hurry, until ``calm_down``. ``clock`` returns seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._hurry_until = inf
        self._stopping = False

    def stop(self) -> None:
        """Hurry from now on. Safe in a signal handler."""
        self._stopping = True

    def calm_down(self) -> None:
        """End the hurry of the beginning: no request waits for this work any more."""
        low()
        self._hurry_until = 0.0

    def run(self, turn: Callable[[float], bool]) -> None:
        """Call ``turn`` with the seconds that it may take until it returns False. What it raises comes out."""
        goes_on = True
        while goes_on:
            if self._hurries():
                goes_on = self._timed(turn, inf)
            else:  # an idle thread cannot raise its own priority, so each calm time has another thread
                with ThreadPoolExecutor(1, "calm") as calm:
                    goes_on = calm.submit(self._calmly, turn).result()

    def _calmly(self, turn: Callable[[float], bool]) -> bool:
        idle()
        while not self._hurries():
            if not self._timed(turn, STARVED_SECONDS):
                return False
        return True

    def _timed(self, turn: Callable[[float], bool], seconds: float) -> bool:
        began = self._clock()
        goes_on = turn(seconds)
        now = self._clock()
        if now - began > STARVED_SECONDS:
            self._hurry_until = max(self._hurry_until, now + HURRY_SECONDS)
        return goes_on

    def _hurries(self) -> bool:
        return self._stopping or self._clock() < self._hurry_until
