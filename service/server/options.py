"""gunicorn's settings as the inline worker reads them, and whether it can serve them at all."""

from typing import Any

import gunicorn

READ_AGAINST = "27.0.1"
"""The gunicorn whose inner parts this package builds on; under another one the inline worker stands back."""


class Snapshot:
    """gunicorn's settings as plain attributes; what is computed from them is asked of the settings themselves."""

    def __init__(self, cfg: Any) -> None:
        self._cfg = cfg
        computed = dir(type(cfg))
        self.__dict__.update({name: row.get() for name, row in cfg.settings.items() if name not in computed})
        self.is_ssl = cfg.is_ssl

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cfg, name)


def unfit(cfg: Any) -> list[str]:
    """What of these settings the inline worker does not serve."""
    reasons = {
        f"gunicorn {gunicorn.__version__} (it was written for {READ_AGAINST})": gunicorn.__version__ != READ_AGAINST,
        "TLS": cfg.is_ssl,
        "http2_cleartext": cfg.http2_cleartext != "off",
        "the PROXY protocol": cfg.proxy_protocol != "off",
        "the uwsgi protocol": cfg.protocol != "http",
    }
    return [reason for reason, true in reasons.items() if true]
