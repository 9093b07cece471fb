"""gunicorn's own log as structured events: ``logger_class = "service.server.gunicorn_log.Logger"``."""

import ast
import logging
from typing import Any

from gunicorn import glogging
from gunicorn.instrument.statsd import Statsd

from service import log
from service.log.python_logging import attach


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no type hints
    """Writes gunicorn's error log to the service's log, as the event ``server``, unless ``errorlog`` names a file."""

    address_in_use = ""
    """The address that gunicorn could not listen on, such as 127.0.0.1:8000; empty where there is none."""

    def __new__(cls, cfg: Any) -> "Logger":
        """With gunicorn's setting ``statsd_host`` a logger that also sends."""
        made: Logger = super().__new__(StatsdLogger if cfg.statsd_host else cls)
        return made

    def setup(self, cfg: Any) -> None:
        """Called at the start and at each reload of the configuration."""
        super().setup(cfg)
        if cfg.errorlog == "-":
            self.error_log.handlers.clear()
            attach(self.error_log, log.write, "server")
        logging.captureWarnings(True)

    def error(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Log an error; of an address that is taken, one line that names the cure instead of eleven that do not."""
        text = str(msg)
        if text.startswith("Connection in use"):
            if not self.address_in_use:
                self.address_in_use = _readable(str(args[0]))
                super().warning("%s is in use; trying for 5 seconds", self.address_in_use)
        elif self.address_in_use and text.startswith("Can't connect to"):
            super().error("%s", _cure(self.address_in_use))
        elif not (self.address_in_use and text.endswith("Address already in use")):
            super().error(msg, *args, **kwargs)


class StatsdLogger(Logger, Statsd):  # type: ignore[misc]  # gunicorn has no type hints
    """Also sends gunicorn's own figures to statsd or to DataDog's agent: requests, statuses, durations, workers."""

    @property
    def access_log_enabled(self) -> bool:
        """Each request is handed to ``access``, which sends its figures, whether or not it also writes a line."""
        return True


def _readable(address: str) -> str:
    """``127.0.0.1:8000`` of the text of a socket's address, ``('127.0.0.1', 8000)``."""
    host, port = ast.literal_eval(address)[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _cure(address: str) -> str:
    host, _, port = address.rpartition(":")
    return (
        f"{address} is in use by another program: stop that program (ss -ltnp 'sport = :{port}' names it), "
        f"or listen on another port, such as BIND={host}:{int(port) % 65535 + 1}"
    )
