"""What waits in this host's spool."""

from contextlib import suppress
from pathlib import Path

from service.records.spool.codec import RECORD_PREFIX, CodecError, read_record
from service.records.spool.paths import read_offset, spool_files


def waiting_lines(path: Path) -> list[bytes]:
    """The whole lines of a file of the spool that were not shipped yet."""
    try:
        with path.open("rb") as file:
            file.seek(read_offset(path))
            return file.read().split(b"\n")[:-1]
    except OSError:  # shipped and deleted meanwhile
        return []


def rows_waiting(folder: Path) -> int:
    """Rows that were not shipped yet; reads them all."""
    return sum(_rows(line) for path in spool_files(folder) for line in waiting_lines(path))


def oldest_waiting(folder: Path) -> float | None:
    """The Unix time of the oldest answer that was not shipped yet; None where nothing waits. Reads a line a file."""
    return min((time for path in spool_files(folder) if (time := _first_time(path)) is not None), default=None)


def _first_time(path: Path) -> float | None:
    try:
        with path.open("rb") as file:
            file.seek(read_offset(path))
            for line in file:
                if line.startswith(RECORD_PREFIX):
                    with suppress(CodecError):
                        return float(read_record(line)["time"])
    except OSError:  # shipped and deleted meanwhile
        pass
    return None


def _rows(line: bytes) -> int:
    try:
        return len(read_record(line)["predictions"]) if line.startswith(RECORD_PREFIX) else 0
    except CodecError:
        return 0
