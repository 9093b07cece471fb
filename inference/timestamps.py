"""Points in time as text: UTC, ISO 8601, milliseconds, ``Z``. The texts sort as the times do.

Nothing here reads a clock.
"""

from datetime import UTC, datetime

_last_second = (-1, "")
"""Second of Unix time, and its text without the milliseconds: most calls share it with the call before."""


def isoformat(time: datetime) -> str:
    """An aware datetime as ``2026-01-31T23:59:59.001Z``."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def isoformat_unix(seconds: float) -> str:
    """Unix time, at least 0, as ``2026-01-31T23:59:59.001Z``: the text that ``isoformat`` gives, for less time."""
    global _last_second
    second = int(seconds)
    milliseconds = int((seconds - second) * 1000 + 0.0005)  # half a microsecond, as datetime rounds to microseconds
    if milliseconds == 1000:
        second, milliseconds = second + 1, 0
    cached, text = _last_second
    if cached != second:
        text = datetime.fromtimestamp(second, UTC).isoformat()[:19]
        _last_second = (second, text)
    return f"{text}.{milliseconds:03d}Z"
