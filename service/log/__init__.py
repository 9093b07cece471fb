"""The structured log: one line for each event, on standard output, as JSON or as text for a terminal.

Every line has ``time``, ``level``, ``event`` and ``pid``, and during a request its ``request_id``. A line is at most
``ATOMIC_BYTES`` long and holds no secret.
"""

import json
import logging
import os
import time
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

import orjson

from inference.timestamps import isoformat_unix
from service.log.python_logging import attach
from service.log.redaction import SECRET_NAMES, passwords, redact, redact_fields, redact_known
from service.log.stdout import ATOMIC_BYTES, Batch, Output
from service.settings import Settings

Fields = Mapping[str, Any]
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_HEAD = ("time", "level", "event", "pid")
_JSON_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def as_json(fields: Fields) -> bytes:
    """One JSON object and a newline. Never raises: a value that JSON does not have is written as its text."""
    try:
        return orjson.dumps(fields, default=str, option=_JSON_OPTIONS)
    except TypeError:
        return json.dumps(dict(fields), default=str, skipkeys=True).encode() + b"\n"


def as_text(fields: Fields) -> bytes:
    """Time, level and event, then the rest as ``name=value``; a traceback on the lines below."""
    parts = [f"{fields['time']} {fields['level'].upper():<8} {fields['event']}"]
    parts += [f"{name}={_plain(value)}" for name, value in fields.items() if name not in (*_HEAD, "exception")]
    line = " ".join(parts)
    if "exception" in fields:
        line += "\n  " + str(fields["exception"]).replace("\n", "\n  ")
    return line.encode("utf-8", "backslashreplace") + b"\n"


_FORMATS: dict[str, Callable[[Fields], bytes]] = {"json": as_json, "text": as_text}
_output = Output()
_format: Callable[[Fields], bytes] = as_json
_min_level = LEVELS["info"]
_passwords: tuple[bytes, ...] = ()
_reported_lost = 0
_pid = os.getpid()
_request_id: ContextVar[str] = ContextVar("request_id", default="")


def configure(settings: Settings, descriptor: int = 1) -> None:
    """Take level and format from the settings and open standard output; Python's ``logging`` is written here too.

    ``descriptor`` is 2 for a command whose standard output is for people.
    """
    global _format, _min_level, _output, _passwords
    _format, _min_level = _FORMATS[settings.log_format], LEVELS[settings.log_level]
    _passwords = passwords(settings.database_url, settings.redis_url)
    if descriptor != _output.descriptor:
        _output = Output(descriptor)
    _output.open()
    attach(logging.getLogger(), write)
    logging.getLogger().setLevel(_min_level)


def bind(request_id: str) -> None:
    """Put ``request_id`` on each further line of this thread; the empty string ends that."""
    _request_id.set(request_id)


def lost() -> int:
    """How many lines of this process could not be written."""
    return _output.lost


def debug(event: str, **fields: Any) -> None:
    """Write one event at level debug."""
    write("debug", event, fields)


def info(event: str, **fields: Any) -> None:
    """Write one event at level info."""
    write("info", event, fields)


def warning(event: str, **fields: Any) -> None:
    """Write one event at level warning."""
    write("warning", event, fields)


def error(event: str, **fields: Any) -> None:
    """Write one event at level error; ``exc_info=True`` adds the traceback."""
    write("error", event, fields)


def info_many(*events: tuple[str, dict[str, Any]]) -> None:
    """Write several events at level info, a line each, with one time and in one call where they fit.

    Two events cost little more than one. Inside ``batch()`` they are written later.
    """
    if _min_level > 20:
        return
    now = isoformat_unix(time.time())
    lines = [_line(now, "info", event, fields) for event, fields in events]
    joined = b"".join(lines)
    for block in [joined] if len(joined) <= ATOMIC_BYTES else lines:
        if not batch.add(block):
            _emit(block)


def write(level: str, event: str, fields: dict[str, Any]) -> None:
    """Write one event at a level named at run time."""
    if LEVELS[level] >= _min_level:
        if fields.pop("exc_info", False):
            fields["exception"] = traceback.format_exc().rstrip()
        batch.flush_own()
        _emit(_line(isoformat_unix(time.time()), level, event, fields))


def fit(fields: Fields, form: Callable[[Fields], bytes]) -> bytes:
    """``fields`` as a line of at most ``ATOMIC_BYTES``; the longest values are cut until it fits."""
    line = form(fields)
    size = ATOMIC_BYTES // 2
    while len(line) > ATOMIC_BYTES and size > 8:
        line = form({name: _cut(name, value, size) for name, value in fields.items()})
        size //= 2
    if len(line) > ATOMIC_BYTES:
        line = form({name: fields[name] for name in (*_HEAD, "request_id") if name in fields} | {"cut": True})
    return line


def _line(now: str, level: str, event: str, fields: dict[str, Any]) -> bytes:
    whole = {"time": now, "level": level, "event": event, "pid": _pid}
    if "request_id" not in fields and (request_id := _request_id.get()):
        whole["request_id"] = request_id
    whole.update(fields if SECRET_NAMES.isdisjoint(fields) else redact_fields(fields))
    line = _format(whole)
    if _passwords and any(password in line for password in _passwords):
        whole = redact_known(whole, _passwords)
        line = _format(whole)
    if len(line) > ATOMIC_BYTES:
        line = fit(whole, _format)
    return line


def _emit(lines: bytes) -> None:
    global _reported_lost
    # Every secret that redact finds has one of these marks beside it. A request's own JSON lines have none: no search.
    if b" " in lines or b"=" in lines or b"@" in lines or b"\\" in lines:
        lines = redact(lines)
    if _output.write(lines) and _output.lost != _reported_lost:
        count, _reported_lost = _output.lost - _reported_lost, _output.lost
        _output.write(_line(isoformat_unix(time.time()), "warning", "log_lines_lost", {"count": count}))


batch = Batch(_emit)
"""``with log.batch():`` writes what this thread logs with ``info_many`` in as few calls as possible."""


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


def _update_pid() -> None:
    global _pid
    _pid = os.getpid()


os.register_at_fork(after_in_child=_update_pid)
