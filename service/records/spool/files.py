"""The files of a host's spool under VAR_DIR/spool: how far each was shipped, since when records wait, and counts."""

import os
import re
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from service.locks import locked
from service.settings import Settings

SUFFIX = ".jsonl"
TEMP_SUFFIX = ".new"
OFFSET_SUFFIX = ".offset"
COUNTS = "counts"
SHIPPER_LOCK = "shipper.lock"
MIGRATION_LOCK = "migration.lock"
QUARANTINE = "refused.txt"
"""Lines that the database will never take, for a person to look at."""
_TIME = re.compile(rb'^\{"prediction_id":"[^"]*","request_id":"(?:[^"\\]|\\.)*+","time":([0-9.eE+\-]+)')
"""How a record's line begins; a batch's is megabytes long, and its time stands at its beginning."""
_HEAD_BYTES = 2**16
_COUNTS_FORMAT = struct.Struct("<QQ")


def spool_folder(settings: Settings) -> Path:
    """The folder of the spool; absolute, so that it is the same for a process started in another directory."""
    return settings.var_dir.absolute() / "spool"


def spool_files(folder: Path) -> list[Path]:
    """Every file of the spool, oldest first; a name begins with the time at which the file was opened."""
    try:
        return sorted(folder / entry.name for entry in os.scandir(folder) if entry.name.endswith(SUFFIX))
    except OSError:
        return []


def oldest_pending(folder: Path) -> float | None:
    """The Unix time of the oldest answer that was not shipped yet; None without any.

    Reads one line a file, and no file that was begun after the oldest one found.
    """
    oldest: float | None = None
    for path in spool_files(folder):
        began = path.name.partition("-")[0]
        if oldest is not None and began.isdigit() and int(began) / 1e9 > oldest:
            break
        if (time := _first_time(path)) is not None and (oldest is None or time < oldest):
            oldest = time
    return oldest


def read_shipper(folder: Path) -> tuple[int, str, str]:
    """What the shipper that holds the lock has written: its process id, the fingerprint of its settings, its beat.

    The beat changes every second while it makes progress; it is empty in a file of a release before.

    Raises:
        OSError, ValueError: none has written them yet.
    """
    pid, fingerprint, *beat = (folder / SHIPPER_LOCK).read_text().split()
    return int(pid), fingerprint, "".join(beat)


def write_shipper(descriptor: int, fingerprint: str, beats: int) -> None:
    """Write what ``read_shipper`` reads; called by the shipper, with the descriptor of its lock."""
    with suppress(OSError):
        os.pwrite(descriptor, b"%010d %s %020d" % (os.getpid(), fingerprint.encode(), beats), 0)


def pending_bytes(folder: Path) -> int:
    """Bytes of the spool that were not shipped yet."""
    return sum(max(0, _size(path) - read_offset(path)) for path in spool_files(folder))


def offset_path(path: Path) -> Path:
    """The file that says how far a file of the spool was shipped."""
    return path.with_suffix(OFFSET_SUFFIX)


def read_offset(path: Path) -> int:
    """How many bytes of a file of the spool are in the database."""
    try:
        return int(offset_path(path).read_bytes())
    except (OSError, ValueError):
        return 0


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of this host, over all its processes and restarts: those in the database, and those that were lost."""

    shipped: int = 0
    lost: int = 0


_owed: dict[Path, Counts] = {}
"""Rows that could not be added to the counts yet, since the disk was full or broken."""
_owed_lock = Lock()


def _forget_owed() -> None:
    """In a forked child: what the parent owes is the parent's."""
    global _owed_lock
    _owed_lock = Lock()
    _owed.clear()


os.register_at_fork(after_in_child=_forget_owed)


def make_counts(folder: Path) -> None:
    """Write the file of the counts in full: a disk that fills up later has its bytes already."""
    with suppress(OSError), locked(folder / COUNTS) as descriptor:
        if os.fstat(descriptor).st_size < _COUNTS_FORMAT.size:
            os.pwrite(descriptor, _COUNTS_FORMAT.pack(0, 0), 0)


def read_counts(folder: Path) -> Counts:
    """The counts so far; zeros where there is no file."""
    try:
        return Counts(*_COUNTS_FORMAT.unpack((folder / COUNTS).read_bytes()[: _COUNTS_FORMAT.size]))
    except (OSError, struct.error):
        return Counts()


def count(folder: Path, shipped: int = 0, lost: int = 0) -> None:
    """Add rows to the counts. Where the file cannot be written, a later call of this process adds them."""
    with _owed_lock:
        owed = _owed.pop(folder, Counts())
        shipped, lost = shipped + owed.shipped, lost + owed.lost
        if not shipped and not lost:
            return
        try:
            with locked(folder / COUNTS) as descriptor:
                now = os.pread(descriptor, _COUNTS_FORMAT.size, 0)
                before = _COUNTS_FORMAT.unpack(now) if len(now) == _COUNTS_FORMAT.size else (0, 0)
                os.pwrite(descriptor, _COUNTS_FORMAT.pack(before[0] + shipped, before[1] + lost), 0)
        except OSError:
            _owed[folder] = Counts(shipped, lost)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _first_time(path: Path) -> float | None:
    try:
        with path.open("rb") as file:
            file.seek(read_offset(path))
            while line := file.readline(_HEAD_BYTES):
                if found := _TIME.match(line):
                    return float(found[1])
    except (OSError, ValueError):  # shipped and deleted meanwhile
        pass
    return None
