"""history.jsonl beside routing.json: every change of routing by a command, a JSON object a line, oldest first."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference.atomic_write import write_atomically
from inference.regular_file import DOCUMENT_BYTES, read_regular

HISTORY = "history.jsonl"
MAX_CHANGES = 1000
"""Changes that are kept, the newest."""
_TEXTS = ("time", "who", "what", "why")
ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Change:
    """``who`` changed it, at ``time`` (UTC, ISO 8601), by which command (``what``), and ``why``.

    ``before`` and ``after`` are the content of routing.json; None where there was none.
    """

    time: str
    who: str
    what: str
    why: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def append_change(root: Path, change: Change) -> None:
    """Add a line; the caller holds the lock of the routing.

    Raises:
        OSError: it cannot be written.
    """
    path = root / HISTORY
    line = json.dumps(asdict(change), ensure_ascii=False).encode() + b"\n"
    before = _lines(path)
    if len(before) >= MAX_CHANGES or (before and not before[-1].endswith(b"\n")):
        kept = [one.rstrip(b"\n") + b"\n" for one in before[1 - MAX_CHANGES :]]
        write_atomically(path, b"".join([*kept, line]))
        return
    with path.open("ab") as file:
        file.write(line)


def read_changes(root: Path) -> tuple[list[Change], int]:
    """All changes, oldest first, and the number of lines that are none: cut off or edited, they are passed over.

    Raises:
        OSError: the file is there and cannot be read.
    """
    changes, broken = [], 0
    for line in _lines(root / HISTORY):
        if (change := _read(line)) is not None:
            changes.append(change)
        elif line.strip():
            broken += 1
    return changes, broken


def previous_stable(changes: Sequence[Change], stable: str) -> str | None:
    """The version that was stable before ``stable`` became it; None where no change tells.

    A rollback takes the version off which it leads away, so a second one leads further back and not forth again.
    """
    line: list[str] = []
    for change in changes:
        before, after = _stable(change.before), _stable(change.after)
        if before and not line:
            line.append(before)
        if not after:
            continue
        if change.what.startswith(ROLLBACK):
            while line and line[-1] != after:
                line.pop()
        if not line or line[-1] != after:
            line.append(after)
    if line and line[-1] != stable:  # routing.json was edited by hand
        line.append(stable)
    return line[-2] if len(line) > 1 else None


def _stable(routing: dict[str, Any] | None) -> str | None:
    stable = (routing or {}).get("stable")
    return stable if isinstance(stable, str) else None


def _lines(path: Path) -> list[bytes]:
    try:
        return read_regular(path, DOCUMENT_BYTES).splitlines(keepends=True)
    except FileNotFoundError:
        return []


def _read(line: bytes) -> Change | None:
    with suppress(ValueError, RecursionError):
        found = json.loads(line)
        if isinstance(found, dict) and all(isinstance(found.get(name), str) for name in _TEXTS):
            routings = [found.get(name) for name in ("before", "after")]
            if all(routing is None or isinstance(routing, dict) for routing in routings):
                return Change(*(found[name] for name in _TEXTS), *routings)
    return None
