"""Bare apps: what the servers themselves cost."""

from benchmarks.targets.definition import GUNICORN, HERE, Target
from benchmarks.targets.fastapi_targets import SERVE, UVICORN

CONF = str(HERE / "ceilings" / "gunicorn_conf.py")

IDENTITY = (
    *("-c", CONF, "-b", "127.0.0.1:{port}", "-w", "{workers}"),
    "benchmarks.ceilings.identity_flask:app",
)
INSTALL = "pip install -r requirements-bench.txt"

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
    *(
        Target(
            f"bare_{server}",
            f"bare WSGI app, {server}",
            "ceiling",
            (
                "{python}",
                "-m",
                "benchmarks.ceilings.wsgi_server",
                server,
                "{port}",
                "benchmarks.ceilings.bare_wsgi:app",
            ),
            needs=(server,),
            install=INSTALL,
        )
        for server in ("fastpysgi", "bjoern")
    ),
    Target(
        "identity_flask_sync",
        "identity model, Flask, gunicorn sync (as MLflow had it)",
        "ceiling",
        (*GUNICORN, *IDENTITY),
        {"WORKER_CLASS": "sync"},
        keep_alive=False,
        identity=True,
    ),
    Target(
        "identity_flask",
        "identity model, Flask, our worker",
        "ceiling",
        (*GUNICORN, *IDENTITY),
        {"WORKER_CLASS": "inline"},
        identity=True,
    ),
    Target(
        "identity_fastapi",
        "identity model, FastAPI, uvicorn (as MLflow has it)",
        "ceiling",
        (*SERVE, "benchmarks.ceilings.identity_fastapi:app", *UVICORN),
        {"RECORDS": "off"},
        identity=True,
    ),
)
