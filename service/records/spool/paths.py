"""Where the records of a host lie: the files under VAR_DIR/spool, and who holds which."""

import os
from pathlib import Path

from service.settings import Settings

SUFFIX = ".jsonl"
TEMP_SUFFIX = ".new"
OFFSET = ".offset"
COUNTS = "counts"
SHIPPER = "shipper.lock"
MIGRATION = "migration.lock"
REFUSED = "refused.txt"


def spool_folder(settings: Settings) -> Path:
    """The folder of the spool; absolute, so that it stays the same for a process started elsewhere."""
    return settings.var_dir.absolute() / "spool"


def spool_files(folder: Path) -> list[Path]:
    """Every file of the spool, oldest first; their names begin with the time they were opened."""
    try:
        return sorted(folder / entry.name for entry in os.scandir(folder) if entry.name.endswith(SUFFIX))
    except OSError:
        return []


def shipper_of(folder: Path) -> tuple[int, str]:
    """The process id of whoever holds the shipper's lock, and the mark of the settings it was started with.

    Raises:
        OSError, ValueError: nobody has written them yet.
    """
    pid, _, mark = (folder / SHIPPER).read_text().partition(" ")
    return int(pid), mark


def pending_bytes(folder: Path) -> int:
    """Bytes in the spool that no shipper has taken yet."""
    return sum(max(0, _size(path) - read_offset(path)) for path in spool_files(folder))


def offset_path(path: Path) -> Path:
    """The file that says how far a file of the spool was shipped."""
    return path.with_suffix(OFFSET)


def read_offset(path: Path) -> int:
    """How many bytes of a file of the spool are in the database."""
    try:
        return int(offset_path(path).read_bytes())
    except (OSError, ValueError):
        return 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
