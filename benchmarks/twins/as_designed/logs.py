"""Structured logging: what makes a line of JSON of the seed's ``logger.info("prediction_made", extra={...})``."""

import json
import logging


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with the ``extra`` of the call."""

    known = frozenset(vars(logging.makeLogRecord({})))

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        extra = {name: value for name, value in vars(record).items() if name not in self.known}
        return json.dumps({"time": record.created, "level": record.levelname, "event": record.getMessage(), **extra})


def structured(logger: logging.Logger) -> None:
    """Its lines as JSON on standard error, the ``extra`` of each call included."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
