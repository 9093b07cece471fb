"""The servers that are compared: one table. A new one is a new entry; README.md here shows how."""

import importlib.util
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE / "peers" / ".venvs"
BIN = Path(sys.executable).parent
CONF = str(HERE / "ceilings" / "gunicorn_conf.py")


@dataclass(frozen=True, slots=True)
class Row:
    """One server.

    ``command`` may hold {python}, {port}, {workers}, {artifact} (the artifact's folder) and {work} (a folder of its
    own). ``needs`` names modules, or programs with a leading slash or dot, without which the row is skipped.
    ``dialect`` says how it is asked (dialects.py); ``keep_alive`` is False where the server closes every connection;
    ``loops`` is True where a batch costs as much as its rows one by one.
    """

    name: str
    title: str
    family: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    dialect: str = "ours"
    keep_alive: bool = True
    prepare: tuple[str, ...] = ()
    loops: bool = False

    def missing(self) -> str | None:
        """Why this row cannot run here, or None."""
        for need in self.needs:
            if need.startswith(("/", ".")):
                found = Path(need).exists()
            elif need.startswith("program:"):
                found = (
                    shutil.which(need.partition(":")[2], path=f"{BIN}:/usr/local/bin:/usr/bin:/usr/sbin") is not None
                )
            else:
                found = importlib.util.find_spec(need) is not None
            if not found:
                peer = self.family == "peer" and not need.startswith("program:")
                way = f": python -m benchmarks.peers {self.name}" if peer else ""
                return f"{need.removeprefix('program:').rpartition('/')[2]} is not installed{way}"
        return None


GUNICORN = ("{python}", "-m", "gunicorn")
TWIN = ("{python}", "-m", "benchmarks.twins.serve")
UVICORN = ("--port", "{port}", "--workers", "{workers}")
OURS = {"BIND": "127.0.0.1:{port}", "WEB_CONCURRENCY": "{workers}"}
BARE = ("-c", CONF, "-b", "127.0.0.1:{port}", "-w", "{workers}", "--keep-alive", "75")
ASGI = ("-c", str(HERE / "twins" / "gunicorn_conf.py"), "-k", "asgi", "-b", "127.0.0.1:{port}", "-w", "{workers}")


def _flask(name: str, title: str, worker_class: str, needs: tuple[str, ...] = (), **more: str) -> Row:
    keep_alive = worker_class != "sync"
    environment = {**OURS, "WORKER_CLASS": worker_class, **more}
    return Row(name, title, "flask", (*GUNICORN, "wsgi:app"), environment, needs, keep_alive=keep_alive)


ROWS: tuple[Row, ...] = (
    Row("ours", "Flask, gunicorn, our default", "flask", (*GUNICORN, "wsgi:app"), OURS),
    _flask("flask_sync", "Flask, gunicorn sync", "sync"),
    _flask("flask_gthread", "Flask, gunicorn gthread, 4 threads", "gthread"),
    _flask("flask_gevent", "Flask, gunicorn gevent", "gevent", ("gevent",)),
    Row(
        "flask_waitress",
        "Flask, waitress, 4 threads",
        "flask",
        ("{python}", "-m", "waitress", "--listen=127.0.0.1:{port}", "--threads=4", "wsgi:app"),
        {"WEB_CONCURRENCY": "1"},
        ("waitress",),
    ),
    Row(
        "flask_granian",
        "Flask, granian",
        "flask",
        ("{bin}/granian", "--interface", "wsgi", "--port", "{port}", "--workers", "{workers}", "wsgi:app"),
        {"WEB_CONCURRENCY": "{workers}"},
        ("granian",),
    ),
    Row(
        "flask_uwsgi",
        "Flask, uWSGI",
        "flask",
        (
            "{uwsgi}",
            *("--http11-socket", "127.0.0.1:{port}", "--processes", "{workers}", "--master", "--lazy-apps"),
            *("--need-app", "--disable-logging", "--die-on-term", "--module", "wsgi:app", "--add-header"),
            *("Connection: close", "--buffer-size", "32768"),
        ),
        {"WEB_CONCURRENCY": "{workers}"},
        ("program:uwsgi",),
        keep_alive=False,
    ),
    Row(
        "flask_mod_wsgi",
        "Flask, mod_wsgi-express",
        "flask",
        (
            *("{bin}/mod_wsgi-express", "start-server", "--port", "{port}", "--processes", "{workers}"),
            *("--threads", "4", "--application-type", "module", "--server-root", "{work}", "--user", "nobody", "wsgi"),
            *("--callable-object", "app", "--keep-alive-timeout", "75", "--max-keep-alive-requests", "0"),
        ),
        {"WEB_CONCURRENCY": "{workers}"},
        ("program:mod_wsgi-express",),
    ),
    _flask("ours_sklearn", "Flask, our default, ENGINE=sklearn", "inline", ENGINE="sklearn"),
    _flask("ours_no_records", "Flask, our default, RECORDS=off", "inline", RECORDS="off"),
    _flask("ours_cache_local", "Flask, our default, CACHE=local", "inline", CACHE="local"),
    _flask(
        "ours_cache_redis",
        "Flask, our default, CACHE=redis",
        "inline",
        ("program:redis-server",),
        CACHE="redis",
        REDIS_URL="redis://127.0.0.1:{redis}/0",
    ),
    Row("tuned", "FastAPI twin, tuned, uvicorn", "fastapi", (*TWIN, "benchmarks.twins.tuned.app:app", *UVICORN)),
    Row(
        "tuned_gunicorn",
        "FastAPI twin, tuned, gunicorn asgi",
        "fastapi",
        (*GUNICORN, *ASGI, "benchmarks.twins.tuned.app:app"),
    ),
    Row(
        "plain", "FastAPI plain, uvicorn, nothing recorded", "fastapi", (*TWIN, "benchmarks.twins.plain:app", *UVICORN)
    ),
    Row(
        "as_designed",
        "FastAPI as the seed writes it, uvicorn",
        "fastapi",
        (*TWIN, "benchmarks.twins.as_designed.app:app", *UVICORN, "--defaults"),
        loops=True,
    ),
    Row(
        "as_designed_gunicorn",
        "FastAPI as the seed writes it, gunicorn asgi",
        "fastapi",
        (*GUNICORN, *ASGI, "benchmarks.twins.as_designed.app:app"),
        loops=True,
    ),
    Row(
        "as_designed_loading",
        "FastAPI as the seed writes it, loading per request",
        "fastapi",
        (*TWIN, "benchmarks.twins.as_designed.app:app", *UVICORN, "--defaults"),
        {"AS_DESIGNED_LOAD": "request"},
        loops=True,
    ),
    Row(
        "bare_wsgi",
        "bare WSGI app, our default server",
        "ceiling",
        (*GUNICORN, *BARE, "benchmarks.ceilings.bare_wsgi:app"),
        {"WORKER_CLASS": "inline"},
    ),
    Row("bare_asgi", "bare ASGI app, uvicorn", "ceiling", (*TWIN, "benchmarks.ceilings.bare_asgi:app", *UVICORN)),
    Row(
        "mlserver",
        "MLServer, scikit-learn runtime",
        "peer",
        (str(PEERS / "mlserver" / "bin" / "mlserver"), "start", "{work}"),
        {"MLSERVER_HTTP_PORT": "{port}"},
        (str(PEERS / "mlserver" / "bin" / "mlserver"),),
        dialect="v2",
        prepare=("{python}", "-m", "benchmarks.peers.mlserver", "{artifact}", "{work}", "{port}"),
    ),
    Row(
        "mlflow",
        "MLflow models serve",
        "peer",
        (
            *(str(PEERS / "mlflow" / "bin" / "mlflow"), "models", "serve", "-m", "{work}/model", "-h", "127.0.0.1"),
            *("-p", "{port}", "-w", "{workers}", "--env-manager", "local"),
        ),
        {"PATH": f"{PEERS / 'mlflow' / 'bin'}:/usr/local/bin:/usr/bin:/bin"},
        (str(PEERS / "mlflow" / "bin" / "mlflow"),),
        dialect="mlflow",
        prepare=(
            str(PEERS / "mlflow" / "bin" / "python"),
            str(HERE / "peers" / "mlflow_model.py"),
            "{artifact}",
            "{work}",
        ),
    ),
    Row(
        "litserve",
        "LitServe, scikit-learn pipeline",
        "peer",
        (str(PEERS / "litserve" / "bin" / "python"), str(HERE / "peers" / "litserve_app.py"), "{artifact}", "{port}"),
        {},
        (str(PEERS / "litserve" / "bin" / "python"),),
        dialect="one_route",
    ),
    Row(
        "bentoml",
        "BentoML, scikit-learn pipeline",
        "peer",
        (
            *(str(PEERS / "bentoml" / "bin" / "bentoml"), "serve", "bentoml_app:Tabular"),
            *("--working-dir", str(HERE / "peers"), "--port", "{port}", "--host", "127.0.0.1"),
        ),
        {"ARTIFACT": "{artifact}", "BENTOML_HOME": "{work}", "BENTOML_DO_NOT_TRACK": "True"},
        (str(PEERS / "bentoml" / "bin" / "bentoml"),),
    ),
)

BY_NAME = {row.name: row for row in ROWS}
QUICK = ("ours", "tuned", "plain", "as_designed", "bare_wsgi", "bare_asgi")
