"""What waits in this host's spool."""

from pathlib import Path

import orjson

from service.records.place import read_offset, spool_files
from service.records.rows import RECORD_PREFIX


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
    return sum(
        len(orjson.loads(line)["predictions"])
        for path in spool_files(folder)
        for line in waiting_lines(path)
        if _is_record(line)
    )


def oldest_waiting(folder: Path) -> float | None:
    """The Unix time of the oldest answer that was not shipped yet; None where nothing waits. Reads a line a file."""
    return min((time for path in spool_files(folder) if (time := _first_time(path)) is not None), default=None)


def _first_time(path: Path) -> float | None:
    try:
        with path.open("rb") as file:
            file.seek(read_offset(path))
            for line in file:
                if _is_record(line.rstrip()):
                    return float(orjson.loads(line)["time"])
    except OSError:  # shipped and deleted meanwhile
        pass
    return None


def _is_record(line: bytes) -> bool:
    return line.startswith(RECORD_PREFIX) and line.endswith(b"}")
