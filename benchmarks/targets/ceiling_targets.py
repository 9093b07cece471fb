"""Bare apps: what the servers themselves cost."""

from benchmarks.targets.definition import GUNICORN, HERE, Target
from benchmarks.targets.fastapi_targets import SERVE, UVICORN

CONF = str(HERE / "ceilings" / "gunicorn_conf.py")

CEILINGS: tuple[Target, ...] = (
    Target(
        "bare_wsgi",
        "bare WSGI app, our default server",
        "ceiling",
        (*GUNICORN, "-c", CONF, "-b", "127.0.0.1:{port}", "-w", "{workers}", "benchmarks.ceilings.bare_wsgi:app"),
        {"WORKER_CLASS": "inline"},
    ),
    Target(
        "bare_asgi",
        "bare ASGI app, uvicorn",
        "ceiling",
        (*SERVE, "benchmarks.ceilings.bare_asgi:app", *UVICORN),
        {"RECORDS": "off"},
    ),
)
