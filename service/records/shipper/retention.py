"""RECORDS_KEEP_DAYS: old records are deleted, a little at a time, and only by a clock that can be trusted.

A machine that starts with its clock in the future would delete everything in seconds. So the first pass waits, and a
clock that is far from where it was last seen, or that jumps while the process runs, must run steadily for a day before
anything is deleted by it.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from inference.timestamps import isoformat
from service import log
from service.records.shipper.sinks import Sink
from service.settings import Settings

CLOCK = "clock"
"""The file of the spool with the time of day that was trusted last, in Unix seconds."""
FIRST_SECONDS = 600.0
"""The first pass after a start waits for so long: clocks are often set in the minutes after it."""
EVERY_SECONDS, MORE_SECONDS = 3600.0, 10.0
"""Between two passes, and where the last one left something to delete."""
PASS_ROWS = 20_000
"""Most rows of one pass."""
GAP_SECONDS = 86_400.0
"""A clock so far from where it was last seen is doubted: it jumped, or the service was away for long."""
JUMP_SECONDS = 600.0
"""A clock that jumps by so much while the process runs is doubted."""
DOUBT_SECONDS = 86_400.0
"""A doubted clock is trusted again when it ran steadily for so long."""
NOTE_SECONDS = 60.0


def steady() -> float:
    """Seconds since the machine started, its sleep included: they do not jump when the time of day is set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Retention:
    """Decides when records are deleted. ``now`` returns Unix seconds, ``steady`` seconds that never jump."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        now: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady,
    ) -> None:
        self._keep_days, self._file = settings.records_keep_days, folder / CLOCK
        self._now, self._steady = now, steady
        self._offset = now() - steady()
        self._due = steady() + FIRST_SECONDS
        self._note_at = 0.0
        self._trusted_at = 0.0  # by the steady clock
        if (seen := self._read()) is None:  # nothing says what time it is: as below, without a word
            self._trusted_at = steady() + DOUBT_SECONDS
        elif not -JUMP_SECONDS < now() - seen < GAP_SECONDS:
            self._doubt(f"the clock was last seen at {_text(seen)} and shows {_text(now())}")

    def tick(self, sink: Sink) -> None:
        """Delete what is too old, if a pass is due. Call it often: it is cheap where none is.

        Raises:
            Exception: the database does not take it; of the driver's own class.
        """
        now, steady = self._now(), self._steady()
        if abs(now - steady - self._offset) > JUMP_SECONDS:
            self._doubt(f"the clock jumped by {now - steady - self._offset:.0f} s")
        self._offset = now - steady
        if steady < self._trusted_at:
            return
        if steady >= self._note_at:
            self._note_at = steady + NOTE_SECONDS
            with suppress(OSError):
                self._file.write_text(f"{now:.0f}\n")
        if not self._keep_days or steady < self._due:
            return
        before = now - self._keep_days * 86_400
        rows = sink.prune(before, PASS_ROWS)
        self._due = self._steady() + (MORE_SECONDS if rows >= PASS_ROWS else EVERY_SECONDS)
        if rows:
            log.info("records_pruned", rows=rows, keep_days=self._keep_days, before=_text(before))

    def _doubt(self, reason: str) -> None:
        self._trusted_at = self._steady() + DOUBT_SECONDS
        self._due = max(self._due, self._trusted_at)
        if self._keep_days:
            log.warning("records_prune_waits", reason=reason, seconds=round(DOUBT_SECONDS))

    def _read(self) -> float | None:
        try:
            return float(self._file.read_text())
        except (OSError, ValueError):
            return None


def _text(seconds: float) -> str:
    return isoformat(datetime.fromtimestamp(seconds, UTC))
