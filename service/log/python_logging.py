"""Writes the records of Python's ``logging``, which libraries use, as events of this log."""

import logging
import traceback
from collections.abc import Callable
from typing import Any

Write = Callable[[str, str, dict[str, Any]], None]
_LEVELS = {50: "critical", 40: "error", 30: "warning", 20: "info", 0: "debug"}


class LibraryHandler(logging.Handler):
    """Writes each record as an event with its logger, its message and its traceback, if it has one."""

    def __init__(self, write: Write, event: str = "library") -> None:
        super().__init__()
        self._write = write
        self._event = event

    def emit(self, record: logging.LogRecord) -> None:
        """Write ``record``. Never raises: a library's malformed call must not fail a request."""
        try:
            message = record.getMessage()
        except Exception:
            message = str(record.msg)
        fields = {"logger": record.name, "message": message}
        if record.exc_info and record.exc_info[0]:
            fields["exception"] = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        level = next(name for minimum, name in _LEVELS.items() if record.levelno >= minimum)
        self._write(level, self._event, fields)


def attach(logger: logging.Logger, write: Write, event: str = "library") -> None:
    """Give ``logger`` a LibraryHandler in place of the one it may have; its other handlers stay."""
    for handler in [handler for handler in logger.handlers if isinstance(handler, LibraryHandler)]:
        logger.removeHandler(handler)
    logger.addHandler(LibraryHandler(write, event))
