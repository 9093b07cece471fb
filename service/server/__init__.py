"""gunicorn's side of the process: a worker class, gunicorn's own errors and log in the service's shape, the start.

Everything here that is not documented by gunicorn was read in one version of it.
"""

from typing import Any

import gunicorn

READ_AGAINST = "27.0.1"
"""The gunicorn whose inner parts this package builds on; under another one the inline worker is a gthread worker."""


def unsupported(cfg: Any) -> list[str]:
    """Which of gunicorn's settings the inline worker does not serve."""
    reasons = {
        f"gunicorn {gunicorn.__version__} (it was written for {READ_AGAINST})": gunicorn.__version__ != READ_AGAINST,
        "TLS": cfg.is_ssl,
        "http2_cleartext": cfg.http2_cleartext != "off",
        "the PROXY protocol": cfg.proxy_protocol != "off",
        "the uwsgi protocol": cfg.protocol != "http",
    }
    return [reason for reason, true in reasons.items() if true]
