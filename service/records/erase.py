"""Erasing a person's records: from this host's spool, and from the database with their outcomes.

Lines of the spool are overwritten in place by line ends, which every reader skips: a worker may be appending to the
file. Whoever erases holds the shipper's lock meanwhile, so that no line is on its way to the database.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from service.locks import open_lock, try_lock
from service.records.shipper import sinks, supervisor
from service.records.spool.codec import RECORD_PREFIX, CodecError, read_record
from service.records.spool.files import QUARANTINE, SHIPPER_LOCK, read_offset, spool_files, spool_folder
from service.settings import Settings

WAIT_SECONDS = 30.0
_OF_A_PREDICTION = (
    "DELETE FROM feedback WHERE prediction_id = ?",
    "DELETE FROM predictions WHERE prediction_id = ?",
)
_OF_A_CLIENT = (  # the outcomes of its predictions, those that it reported itself, and its predictions
    "DELETE FROM feedback WHERE prediction_id IN (SELECT prediction_id FROM predictions WHERE client = ?)",
    "DELETE FROM feedback WHERE client = ?",
    "DELETE FROM predictions WHERE client = ?",
)


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose records: a client's, by name or address, or those of one prediction; one of the two is empty."""

    client: str = ""
    prediction_id: str = ""

    def has(self, line: bytes) -> bool:
        """Whether a line of the spool is one of them."""
        if not line.startswith(RECORD_PREFIX):
            return False
        if self.prediction_id:
            return line.startswith(RECORD_PREFIX + self.prediction_id.encode() + b'"')
        try:
            return bool(read_record(line)["client"] == self.client)
        except CodecError:  # damaged; the name may still be readable
            return f'"client":"{self.client}"'.encode() in line


@dataclass(frozen=True, slots=True)
class Erased:
    """How many were removed: rows that only the spool had, rows and outcomes of the database."""

    spooled: int
    records: int
    outcomes: int


def erase(settings: Settings, whose: Whose) -> Erased:
    """Remove them. Answers given meanwhile are recorded as always.

    Raises:
        TimeoutError: the shipper does not let go of the spool.
        OSError: the spool cannot be written.
        Exception: the database does not answer; of the driver's own class. What the spool had is erased by then.
    """
    folder = spool_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with _without_shipper(settings, folder):
        spooled = [row for path in spool_files(folder) for row in _erase_lines(path, whose)]
        _erase_quarantined(folder / QUARANTINE, whose)
        sinks.ensure_schema(settings)
        sink = sinks.connect(settings)
        try:
            deletions = _OF_A_PREDICTION if whose.prediction_id else _OF_A_CLIENT
            *outcomes, records = sink.erase(deletions, whose.prediction_id or whose.client)
            for prediction_id, _ in spooled:  # an outcome may come before its record is shipped
                outcomes += sink.erase(_OF_A_PREDICTION[:1], prediction_id)
        finally:
            sink.close()
    return Erased(sum(rows for _, rows in spooled), records, sum(outcomes))


@contextmanager
def _without_shipper(settings: Settings, folder: Path) -> Iterator[None]:
    descriptor = open_lock(folder / SHIPPER_LOCK)
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while not try_lock(descriptor):
            supervisor.kill(settings)  # it may be killed at any time without losing a record
            if time.monotonic() > deadline:
                raise TimeoutError(f"the process that ships records does not let go of {folder}")
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _erase_lines(path: Path, whose: Whose) -> list[tuple[str, int]]:
    """Overwrite its lines; prediction_id and number of rows of each that was not in the database yet."""
    pending, shipped = [], read_offset(path)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    try:
        with os.fdopen(os.dup(descriptor), "rb") as file:
            offset = 0
            for line in file:
                if whose.has(line.rstrip(b"\n")):
                    if offset >= shipped:
                        with suppress(CodecError):
                            record = read_record(line)
                            pending.append((record["prediction_id"], len(record["predictions"])))
                    os.pwrite(descriptor, b"\n" * len(line.rstrip(b"\n")), offset)
                offset += len(line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return pending


def _erase_quarantined(path: Path, whose: Whose) -> None:
    with suppress(FileNotFoundError):
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not whose.has(line.rstrip(b"\n"))]
        if len(kept) < len(lines):
            path.write_bytes(b"".join(kept))
