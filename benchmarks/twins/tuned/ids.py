"""Identifiers as the Flask service makes them: UUIDs, version 4, without the class around them."""

import os


def new_id() -> str:
    """122 random bits in UUID's form."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
