"""The stable version that worked last on this host, so that a new worker can come up on it."""

import json
from pathlib import Path

from inference.artifact import write_atomically
from service import log

LAST_GOOD = "last_good.json"
_told: set[Path] = set()
"""Folders that could not be written: it is tried twice a second, and said once."""


def read_last_good(var_dir: Path) -> str | None:
    """The version's name, or None where none is known."""
    try:
        version = json.loads((var_dir / LAST_GOOD).read_bytes())["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return version if isinstance(version, str) else None


def write_last_good(var_dir: Path, version: str) -> None:
    """Remember it; a folder that cannot be written costs the memory, not the service."""
    if read_last_good(var_dir) == version:
        return
    try:
        var_dir.mkdir(parents=True, exist_ok=True)
        write_atomically(var_dir / LAST_GOOD, json.dumps({"version": version}).encode())
        _told.discard(var_dir)
    except OSError as exc:
        if var_dir not in _told:
            _told.add(var_dir)
            log.warning("last_good_not_kept", reason=str(exc))
