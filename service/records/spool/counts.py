"""How many rows of this host were shipped and lost, over all its processes and restarts."""

import os
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.locks import locked
from service.records.spool.paths import COUNTS

_FORM = struct.Struct("<QQ")


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows that reached the database, and rows that nobody will see again."""

    shipped: int = 0
    lost: int = 0


def make_counts(folder: Path) -> None:
    """Make the file whole at once: a disk that fills up later can still be counted on."""
    with suppress(OSError), locked(folder / COUNTS) as descriptor:
        if os.fstat(descriptor).st_size < _FORM.size:
            os.pwrite(descriptor, _FORM.pack(0, 0), 0)


def read_counts(folder: Path) -> Counts:
    """What was counted so far; zeros where nothing was."""
    try:
        return Counts(*_FORM.unpack((folder / COUNTS).read_bytes()[: _FORM.size]))
    except (OSError, struct.error):
        return Counts()


def count(folder: Path, shipped: int = 0, lost: int = 0) -> None:
    """Add to the counts; where even that cannot be written, metrics and log still tell."""
    with suppress(OSError), locked(folder / COUNTS) as descriptor:
        now = os.pread(descriptor, _FORM.size, 0)
        before = _FORM.unpack(now) if len(now) == _FORM.size else (0, 0)
        os.pwrite(descriptor, _FORM.pack(before[0] + shipped, before[1] + lost), 0)
