"""gunicorn's own log as structured events: ``logger_class = "service.server.gunicorn_log.Logger"``."""

import logging
from typing import Any

from gunicorn import glogging

from service import log
from service.log.python_logging import attach


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no type hints
    """Writes gunicorn's error log to the service's log, as the event ``server``, unless ``errorlog`` names a file."""

    def setup(self, cfg: Any) -> None:
        """Called at the start and at each reload of the configuration."""
        super().setup(cfg)
        if cfg.errorlog == "-":
            self.error_log.handlers.clear()
            attach(self.error_log, log.write, "server")
        logging.captureWarnings(True)
