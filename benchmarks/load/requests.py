"""Requests as bytes, ready to send, each with its correct answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.protocols import Protocol

TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Request:
    """One request of ``rows`` rows: its bytes, and the ``status`` and answers ``expected`` (None: only the status)."""

    raw: bytes
    status: int
    rows: int
    expected: Sequence[tuple[Any, float | None]] | None = None


def get(path: str, keep_alive: bool) -> Request:
    """A GET whose correct answer is a 200."""
    return Request(_head("GET", path, None, keep_alive), 200, 0)


def post(
    path: str,
    body: bytes,
    keep_alive: bool,
    rows: int,
    expected: Sequence[tuple[Any, float | None]] | None = None,
    status: int = 200,
    headers: Sequence[str] = (),
) -> Request:
    """A POST of JSON; ``headers`` are further header lines."""
    return Request(_head("POST", path, len(body), keep_alive, headers) + body, status, rows, expected)


def is_correct(request: Request, status: int, body: bytes, protocol: Protocol) -> bool:
    """Whether status and, where expected, every prediction and probability are the correct ones."""
    if status != request.status:
        return False
    if request.expected is None:
        return True
    try:
        found = protocol.read(body)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):  # any other body is not a correct answer
        return False
    expected = request.expected
    return len(found) == len(expected) and all(_same(f, e) for f, e in zip(found, expected, strict=True))


def write_requests(requests: Sequence[Request], path: Path) -> None:
    """For wrk's script: the length of each request on a line of its own, then its bytes."""
    with path.open("wb") as file:
        for request in requests:
            file.write(b"%d\n" % len(request.raw))
            file.write(request.raw)


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
