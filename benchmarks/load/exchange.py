"""Requests as bytes, ready to send, with what a right answer to each would be."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.protocols import Dialect

TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. ``expected`` is None where only the status is known beforehand; ``rows`` is what it counts for."""

    raw: bytes
    status: int
    rows: int
    expected: Sequence[tuple[Any, float | None]] | None = None


def get(path: str, keep_alive: bool) -> Ask:
    """A GET that must be answered with 200."""
    return Ask(_head("GET", path, None, keep_alive), 200, 0)


def post(
    path: str,
    body: bytes,
    keep_alive: bool,
    rows: int,
    expected: Sequence[tuple[Any, float | None]] | None = None,
    status: int = 200,
    head: Sequence[str] = (),
) -> Ask:
    """A POST of JSON, with the lines of ``head`` besides those that it needs."""
    return Ask(_head("POST", path, len(body), keep_alive, head) + body, status, rows, expected)


def right(ask: Ask, status: int, body: bytes, dialect: Dialect) -> bool:
    """Whether this is the answer that was asked for: status, and every prediction and probability."""
    if status != ask.status:
        return False
    if ask.expected is None:
        return True
    try:
        found = dialect.read(body)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):  # whatever it is, it is no right answer
        return False
    return len(found) == len(ask.expected) and all(_same(f, e) for f, e in zip(found, ask.expected, strict=True))


def save_raw(asks: Sequence[Ask], path: Path) -> None:
    """For wrk's script: the length of each request on a line of its own, then its bytes."""
    with path.open("wb") as file:
        for ask in asks:
            file.write(b"%d\n" % len(ask.raw))
            file.write(ask.raw)


def _head(method: str, path: str, length: int | None, keep_alive: bool, more: Sequence[str] = ()) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json", *more]
    if not keep_alive:
        lines.append("Connection: close")
    if length is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {length}"]
    return "\r\n".join((*lines, "", "")).encode()


def _same(found: tuple[Any, float | None], expected: tuple[Any, float | None]) -> bool:
    (label, probability), (wanted, likely) = found, expected
    if isinstance(wanted, float) and isinstance(label, int | float):
        if abs(label - wanted) > TOLERANCE * max(1.0, abs(wanted)):
            return False
    elif label != wanted:
        return False
    return probability is None or likely is None or abs(probability - likely) <= TOLERANCE
