"""Identifiers that nobody can guess: UUIDs, version 4 (RFC 9562), made by the hundred, which is cheap."""

import os
from collections.abc import Iterator

_AT_ONCE = 256
_ready: Iterator[str] = iter(())
"""Identifiers made beforehand. ``next`` on it is atomic: no two threads get the same."""


def new_id() -> str:
    """122 random bits, e.g. ``5b900fc2-bcf2-4292-aa45-95f9704a5a90``."""
    return next(_ready, None) or _make()


def _make() -> str:
    global _ready
    random = os.urandom(16 * (_AT_ONCE + 1)).hex()
    made = [_written(random[start : start + 32]) for start in range(0, len(random), 32)]
    _ready = iter(made[1:])
    return made[0]


def _written(digits: str) -> str:
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _forget() -> None:
    """In a forked child, which would else give out its parent's identifiers."""
    global _ready
    _ready = iter(())


os.register_at_fork(after_in_child=_forget)
