"""Identifiers as the Flask service makes them: UUIDs, version 4, from random digits that are drawn many at a time."""

import os
from collections.abc import Iterator

_AT_ONCE = 256
_random: Iterator[str] = iter(())


def new_id() -> str:
    """122 random bits in UUID's form."""
    digits = next(_random, None) or _draw()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _draw() -> str:
    global _random
    digits = os.urandom(16 * (_AT_ONCE + 1)).hex()
    _random = iter([digits[start : start + 32] for start in range(32, len(digits), 32)])
    return digits[:32]


def _forget() -> None:
    """In a forked child, which would otherwise repeat its parent's identifiers."""
    global _random
    _random = iter(())


os.register_at_fork(after_in_child=_forget)
