"""Bare apps: what the servers themselves cost."""

from benchmarks.rows.fastapi_rows import SERVE, UVICORN
from benchmarks.rows.row import GUNICORN, HERE, Row

CONF = str(HERE / "ceilings" / "gunicorn_conf.py")

CEILINGS: tuple[Row, ...] = (
    Row(
        "bare_wsgi",
        "bare WSGI app, our default server",
        "ceiling",
        (*GUNICORN, "-c", CONF, "-b", "127.0.0.1:{port}", "-w", "{workers}", "benchmarks.ceilings.bare_wsgi:app"),
        {"WORKER_CLASS": "inline"},
    ),
    Row(
        "bare_asgi",
        "bare ASGI app, uvicorn",
        "ceiling",
        (*SERVE, "benchmarks.ceilings.bare_asgi:app", *UVICORN),
        {"RECORDS": "off"},
    ),
)
