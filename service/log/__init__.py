"""The structured log: one line an event, on standard output.

Every line has ``time``, ``level``, ``event`` and ``pid``, and during a request its ``request_id``.
"""

import logging
import os
import time
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from service.log.batch import Round
from service.log.format import FORMATS, Clock, Fields, fitted
from service.log.python_logging import attach
from service.log.redaction import SECRET_NAMES, passwords, redact, redact_fields, redact_known
from service.log.stdout import ATOMIC_BYTES, Output
from service.settings import Settings

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}

_output = Output()
_clock = Clock()
_form: Callable[[Fields], bytes] = FORMATS["json"]
_least = LEVELS["info"]
_known: tuple[bytes, ...] = ()
_reported = 0
_pid = os.getpid()
_request_id: ContextVar[str] = ContextVar("request_id", default="")


def configure(settings: Settings) -> None:
    """Take level and format from the settings, and standard output as it is now; Python's ``logging`` follows."""
    global _form, _least, _known
    _form, _least = FORMATS[settings.log_format], LEVELS[settings.log_level]
    _known = passwords(settings.database_url, settings.redis_url)
    _output.open()
    attach(logging.getLogger(), write)
    logging.getLogger().setLevel(_least)


def bind(request_id: str) -> None:
    """Put ``request_id`` on each further line of this thread; empty takes it off."""
    _request_id.set(request_id)


def lost() -> int:
    """Lines of this process that could not be written."""
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
    """Write several events, each a line, at one time and in one call where they fit: half the cost of two."""
    if _least > 20:
        return
    now = _clock.text(time.time())
    lines = [_line(now, "info", event, fields) for event, fields in events]
    together = b"".join(lines)
    for block in [together] if len(together) <= ATOMIC_BYTES else lines:
        if not in_one_round.keep(block):
            _emit(block)


def write(level: str, event: str, fields: dict[str, Any]) -> None:
    """Write one event at a level named at run time."""
    if LEVELS[level] >= _least:
        if fields.pop("exc_info", False):
            fields["exception"] = traceback.format_exc().rstrip()
        in_one_round.flush_own()
        _emit(_line(_clock.text(time.time()), level, event, fields))


def _line(now: str, level: str, event: str, fields: dict[str, Any]) -> bytes:
    whole = {"time": now, "level": level, "event": event, "pid": _pid}
    if "request_id" not in fields and (request_id := _request_id.get()):
        whole["request_id"] = request_id
    whole.update(fields if SECRET_NAMES.isdisjoint(fields) else redact_fields(fields))
    line = _form(whole)
    if _known and any(secret in line for secret in _known):
        whole = redact_known(whole, _known)
        line = _form(whole)
    if len(line) > ATOMIC_BYTES:
        line = fitted(whole, _form)
    return line


def _emit(lines: bytes) -> None:
    global _reported
    if _output.write(redact(lines)) and _output.lost != _reported:
        count, _reported = _output.lost - _reported, _output.lost
        _output.write(_line(_clock.text(time.time()), "warning", "log_lines_lost", {"count": count}))


in_one_round = Round(_emit)
"""``with log.in_one_round():`` what this thread says at level info inside leaves in as few writes as it can."""


def _remember_pid() -> None:
    global _pid
    _pid = os.getpid()


os.register_at_fork(after_in_child=_remember_pid)
