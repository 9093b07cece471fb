"""An event as a line: JSON for machines, text for a terminal; never longer than a pipe takes in one piece."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from service.log.stdout import ATOMIC_BYTES

_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
_HEAD = ("time", "level", "event", "pid")
Fields = Mapping[str, Any]


class Clock:
    """ISO 8601 in UTC with milliseconds; the second's text is kept, most lines share it."""

    def __init__(self) -> None:
        self._second = (-1, "")

    def text(self, now: float) -> str:
        """Unix time ``now`` as ``2026-01-31T23:59:59.001Z``."""
        second = int(now)
        known, text = self._second
        if known != second:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = (second, text)
        return f"{text}.{int((now - second) * 1000):03d}Z"


def as_json(fields: Fields) -> bytes:
    """One JSON object and a newline. Never raises: what JSON cannot say is said as text."""
    try:
        return orjson.dumps(fields, default=str, option=_OPTIONS)
    except TypeError:
        return json.dumps(dict(fields), default=str, skipkeys=True).encode() + b"\n"


def as_text(fields: Fields) -> bytes:
    """Time, level and event, then the rest as ``name=value``; a traceback below them."""
    parts = [f"{fields['time']} {fields['level'].upper():<8} {fields['event']}"]
    parts += [f"{name}={_plain(value)}" for name, value in fields.items() if name not in (*_HEAD, "exception")]
    line = " ".join(parts)
    if "exception" in fields:
        line += "\n  " + str(fields["exception"]).replace("\n", "\n  ")
    return line.encode("utf-8", "backslashreplace") + b"\n"


FORMATS: dict[str, Callable[[Fields], bytes]] = {"json": as_json, "text": as_text}


def fitted(fields: Fields, form: Callable[[Fields], bytes]) -> bytes:
    """``fields`` as a line of at most ``ATOMIC_BYTES``, the longest values cut until it fits."""
    line = form(fields)
    size = ATOMIC_BYTES // 2
    while len(line) > ATOMIC_BYTES and size > 8:
        line = form({name: _cut(name, value, size) for name, value in fields.items()})
        size //= 2
    if len(line) > ATOMIC_BYTES:
        line = form({name: fields[name] for name in (*_HEAD, "request_id") if name in fields} | {"cut": True})
    return line


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else as_json({"": value})[4:-2].decode()
    simple = text.isprintable() and not any(mark in text for mark in ' "=')
    return text if simple or not isinstance(value, str) else json.dumps(text)


def _cut(name: str, value: object, size: int) -> object:
    """The start of a long value; of a traceback its end, which names the error."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else as_json({"": value})[4:-2].decode()
    if len(text) <= size:
        return value
    return "…" + text[-size:] if name == "exception" else text[:size] + "…"
