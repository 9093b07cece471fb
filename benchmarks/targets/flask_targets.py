"""This service: as it is deployed, under other worker classes and servers, and with one setting changed."""

from benchmarks.targets.definition import GUNICORN, HERE, PEERS, Target

OURS = {"BIND": "127.0.0.1:{port}", "WEB_CONCURRENCY": "{workers}"}
INSTALL = "pip install -r requirements-bench.txt"
WORKERS = {"WEB_CONCURRENCY": "{workers}"}


def _under_gunicorn(name: str, title: str, needs: tuple[str, ...] = (), install: str = "", **settings: str) -> Target:
    keep_alive = settings.get("WORKER_CLASS") != "sync"
    command = (*GUNICORN, "wsgi:app")
    return Target(name, title, "flask", command, {**OURS, **settings}, needs, keep_alive=keep_alive, install=install)


def _from_a_wheel(server: str, title: str, lacks: str) -> Target:
    command = ("{python}", "-m", "benchmarks.ceilings.wsgi_server", server, "{port}", "wsgi:app")
    return Target(
        f"flask_{server}", title, "flask", command, {"WEB_CONCURRENCY": "1"}, (server,), install=INSTALL, lacks=lacks
    )


SERVERS: tuple[Target, ...] = (
    _under_gunicorn("ours", "Flask, gunicorn, our default"),
    _under_gunicorn("flask_sync", "Flask, gunicorn sync", WORKER_CLASS="sync"),
    _under_gunicorn("flask_gthread", "Flask, gunicorn gthread, 4 threads", WORKER_CLASS="gthread", THREADS="4"),
    _under_gunicorn("flask_gevent", "Flask, gunicorn gevent", ("gevent",), WORKER_CLASS="gevent"),
    Target(
        "flask_plain",
        "Flask as its tutorial writes it, gunicorn gthread",
        "flask",
        (
            *(*GUNICORN, "-c", str(HERE / "twins" / "gunicorn_conf.py"), "-k", "gthread", "--threads", "4"),
            *("-b", "127.0.0.1:{port}", "-w", "{workers}", "benchmarks.twins.plain_flask:app"),
        ),
    ),
    Target(
        "flask_waitress",
        "Flask, waitress, 4 threads",
        "flask",
        ("{python}", "-m", "waitress", "--listen=127.0.0.1:{port}", "--threads=4", "wsgi:app"),
        {"WEB_CONCURRENCY": "1"},
        ("waitress",),
    ),
    Target(
        "flask_granian",
        "Flask, granian",
        "flask",
        ("{bin}/granian", "--interface", "wsgi", "--port", "{port}", "--workers", "{workers}", "wsgi:app"),
        WORKERS,
        ("granian",),
        lacks="no loading in each worker before it serves; no count of busy workers",
    ),
    _from_a_wheel(
        "fastpysgi",
        "Flask, fastpysgi",
        "one process here; no time limit for a worker, no reload, no graceful stop of requests that run",
    ),
    _from_a_wheel(
        "bjoern",
        "Flask, bjoern",
        "one process; no time limit, no body limit of its own, no reload; fails a quarter of HTTP/1.1 probes",
    ),
    Target(
        "flask_uwsgi",
        "Flask, uWSGI",
        "flask",
        (
            *("uwsgi", "--http11-socket", "127.0.0.1:{port}", "--processes", "{workers}", "--master", "--lazy-apps"),
            *("--need-app", "--disable-logging", "--die-on-term", "--module", "wsgi:app", "--add-header"),
            *("Connection: close", "--buffer-size", "32768"),
        ),
        WORKERS,
        ("program:uwsgi",),
        install=INSTALL,
        keep_alive=False,  # a process would wait on one kept connection while the others starve
    ),
    Target(
        "flask_mod_wsgi",
        "Flask, Apache with mod_wsgi, 4 threads",
        "flask",
        ("{python}", "-m", "benchmarks.peers.apache", "{port}", "{workers}", "{work}"),
        WORKERS,
        ("program:apachectl", str(PEERS / "mod_wsgi" / "bin" / "mod_wsgi-express")),
        install="apt-get install apache2 apache2-dev, then python -m benchmarks.peers mod_wsgi",
    ),
)

VARIANTS: tuple[Target, ...] = (
    _under_gunicorn("ours_sklearn", "Flask, our default, ENGINE=sklearn", ENGINE="sklearn"),
    _under_gunicorn("ours_no_records", "Flask, our default, RECORDS=off", RECORDS="off"),
    _under_gunicorn("ours_cache_local", "Flask, our default, CACHE=local", CACHE="local"),
    _under_gunicorn(
        "ours_cache_redis",
        "Flask, our default, CACHE=redis",
        ("program:redis-server",),
        "apt-get install redis-server",
        CACHE="redis",
        REDIS_URL="redis://127.0.0.1:{redis}/0",
    ),
)
