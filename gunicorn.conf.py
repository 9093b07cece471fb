"""gunicorn's settings and hooks; each hook calls the package that does the work."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # gunicorn reads this file before it follows --chdir

import service.single_thread  # noqa: F401  # before numpy, which reads the environment it sets

# isort: split
from service import log, metrics, processes
from service.access import token_file
from service.metrics import listener
from service.server import upgrade
from service.server.error_responses import install_error_responses
from service.server.listening import follow_stop
from service.server.rules import install_rules
from service.server.start import hand_over, most_connections, settings_at_start, slots_of, warn_if_open

settings = settings_at_start()

bind = [str(settings.bind)]
workers = settings.web_concurrency
threads = 1 if settings.worker_class == "sync" else settings.threads  # with more, gunicorn takes gthread for sync
worker_class = {
    "inline": "service.server.worker.InlineWorker",
    "gthread": "service.server.gthread.TimedThreadWorker",
}.get(settings.worker_class, settings.worker_class)
worker_connections = most_connections()
http_parser = "python"  # gunicorn_h1c 0.6 takes folded headers and bare line feeds; see docs/worker.md
preload_app = True
keepalive = 75
timeout = 60
graceful_timeout = 30
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - heartbeats stay off the disk
control_socket_disable = True
loglevel = settings.log_level
logger_class = "service.server.gunicorn_log.Logger"


def on_starting(server: Any) -> None:
    """Once, in the master, before the first fork."""
    from service.models import watcher
    from service.records import recorder

    follow_stop(server)
    watcher.prepare(settings)
    processes.run_as(server.cfg.uid, server.cfg.gid)  # known now, not before: it may be an option of the command
    hand_over(settings)
    with processes.as_user():
        metrics.prepare(settings)
        recorder.prepare(settings)


def pre_exec(server: Any) -> None:
    """On SIGUSR2, in the process that becomes the new master."""
    listener.hand_on(server.cfg.env_orig)


def when_ready(server: Any) -> None:
    """Listening; the workers follow."""
    listener.watch(server, settings)
    url = str(server.LISTENERS[0])
    log.info("listening", on=url, documentation=f"{url}{os.environ.get('SCRIPT_NAME', '').rstrip('/')}/apidocs/")
    warn_if_open(settings)
    upgrade.take_winch(server)


def pre_fork(server: Any, worker: Any) -> None:
    """In the master, before each worker."""
    token_file.look_all()


def post_fork(server: Any, worker: Any) -> None:
    """In each worker: take a process slot in the metrics, open the spool, load the artifact."""
    from service.models import watcher
    from service.records import recorder

    for stop in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        # Until the worker sets its own handlers it has the master's, which only queue the signal. The master would wait
        # until graceful_timeout for a worker that gets a signal while it loads.
        signal.signal(stop, signal.SIG_DFL)
    processes.stay_user(worker.cfg.initgroups)  # before the load: gunicorn itself changes user after this hook
    worker.cfg.set("initgroups", False)  # it is done, and only root may do it
    listener.forget()
    metrics.open_metrics(settings)
    metrics.worker_slots(slots_of(worker))
    recorder.open_all()
    token_file.watch_all()
    watcher.start(settings)


def worker_abort(worker: Any) -> None:
    """In a worker that hangs and is killed: write its last log lines, which explain why."""
    log.batch.flush()


def worker_exit(server: Any, worker: Any) -> None:
    """In a worker that stops: write what is buffered."""
    from service.records import recorder

    recorder.close_all()
    leaving = sys.exc_info()[1]
    if isinstance(leaving, SystemExit) and not leaving.code:
        metrics.left_in_order()  # one that dies does not get here, or with another code


def on_exit(server: Any) -> None:
    """In the master, after every worker has stopped: load the last records into the database."""
    from service.records import recorder

    recorder.drain(settings)
    listener.stop()
    upgrade.name_successor(server)


def child_exit(server: Any, worker: Any) -> None:
    """In the master, after a worker has stopped or died."""
    metrics.leave()
    listener.start(settings)


install_error_responses()
install_rules()
