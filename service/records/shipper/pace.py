"""How far the shipper stands back from the requests: for each of them at once, as long as that does not starve it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import inf

from service.processes import idle, low

STARVED_SECONDS, HURRY_SECONDS = 1.0, 5.0
"""A turn that takes longer may be starved because it stands back; for so long the next ones only step back."""


class Pace:
    """Runs turns: calmly, in a thread that stands back, or in a hurry, in the thread that calls."""

    def __init__(self) -> None:
        self._hurry_until = inf
        self._stopping = False

    def stop(self) -> None:
        """Hurry from now on. Safe in a signal handler."""
        self._stopping = True

    def calm_down(self) -> None:
        """Nobody waits for the shipper any more, as requests do until the database has its schema."""
        low()
        self._hurry_until = 0.0

    def run(self, turn: Callable[[float], bool]) -> None:
        """Call ``turn``, with the seconds that it may take, until it says False. What it raises comes out."""
        goes_on = True
        while goes_on:
            if self._hurries():
                goes_on = self._timed(turn, inf)
            else:  # a thread that stood back cannot step forward again, so each time it is another one
                with ThreadPoolExecutor(1, "calm") as calm:
                    goes_on = calm.submit(self._calmly, turn).result()

    def _calmly(self, turn: Callable[[float], bool]) -> bool:
        idle()
        while not self._hurries():
            if not self._timed(turn, STARVED_SECONDS):
                return False
        return True

    def _timed(self, turn: Callable[[float], bool], seconds: float) -> bool:
        began = time.monotonic()
        goes_on = turn(seconds)
        now = time.monotonic()
        if now - began > STARVED_SECONDS:
            self._hurry_until = max(self._hurry_until, now + HURRY_SECONDS)
        return goes_on

    def _hurries(self) -> bool:
        return self._stopping or time.monotonic() < self._hurry_until
