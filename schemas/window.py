"""A span of time in a query, such as 24h."""

import re
from datetime import timedelta

from marshmallow import fields, validate

from schemas.errors import InvalidInput

PATTERN = "^([1-9][0-9]{0,5}m|[1-9][0-9]{0,3}h|[1-9][0-9]{0,2}d)$"
"""What documents say: up to three years; a little less than what is read."""
LONGEST = timedelta(days=3660)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def window_field(default: str) -> fields.String:
    """The parameter as a document shows it; ``default`` says what holds where it is left out."""
    return fields.String(
        validate=validate.Regexp(PATTERN),
        metadata={"description": f"How far back to look: 30m, 24h, 7d; {default} where left out.", "example": "24h"},
    )


def read_window(text: str) -> timedelta:
    """Read a number of minutes, hours or days: 30m, 24h, 7d.

    Raises:
        InvalidInput: it is none, or longer than ten years.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,6})([mhd])", text)
    span = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
    if span is None or span > LONGEST:
        raise InvalidInput({"window": ["Must be a number of minutes, hours or days, such as 30m, 24h or 7d."]}, 1)
    return span
