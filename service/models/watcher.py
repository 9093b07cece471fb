"""The models of this process are kept in line with what is wanted: one manager and one thread for each settings.

Under gunicorn ``start`` is called in post_fork; on any other server by the first request. Nothing happens at import:
under preload that would be in the master, whose threads and sessions do not survive a fork.
"""

import gc
import os
import threading
import time
from contextlib import suppress
from functools import partial

from service import log, metrics
from service.models.manager import ModelManager
from service.models.serving import Models
from service.settings import Settings

LOAD_DEADLINE = 60.0
"""Seconds that a start waits for the first load. If that hangs, the worker runs and is not ready."""
WATCH_SECONDS = 0.5
_lock = threading.Lock()
_watchers: dict[Settings, "Watcher"] = {}


class Watcher:
    """A thread that refreshes a manager until it is stopped."""

    def __init__(self, settings: Settings) -> None:
        self.manager = ModelManager(settings)
        self._loaded_once, self._stopped = threading.Event(), threading.Event()
        self._deadline = time.monotonic() + LOAD_DEADLINE
        threading.Thread(target=self._watch, name="models", daemon=True).start()

    def wait(self) -> None:
        """Return once the first load was tried, or its deadline has passed."""
        if not self._loaded_once.is_set() and not self._loaded_once.wait(self._deadline - time.monotonic()):
            log.error("model_load_slow", seconds=LOAD_DEADLINE)

    def stop(self) -> None:
        """Let the thread end with its next look."""
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            try:
                self.manager.refresh()
            except Exception:  # the watcher must outlive whatever it meets
                self.manager.report_failure()
            self._loaded_once.set()
            self._stopped.wait(WATCH_SECONDS)


def prepare(settings: Settings) -> None:
    """Before the fork: import what each load will need, so that the workers share its pages; load nothing."""
    with suppress(ImportError):  # the load reports it in a sentence
        if settings.engine != "sklearn":
            import inference.engines.onnx  # noqa: F401  # for its pages alone
    gc.collect()
    gc.freeze()  # a collection in a worker would write to every shared page it looks at


def make_models(settings: Settings) -> Models:
    """The models of an application with these settings; nothing is loaded before the first request."""
    return Models(partial(start, settings))


def start(settings: Settings) -> ModelManager:
    """Load what is wanted and go on watching; again in the same process it only waits for the first load."""
    with _lock:
        if settings not in _watchers:
            _watchers[settings] = Watcher(settings)
            metrics.open_metrics(settings)
        watcher = _watchers[settings]
    watcher.wait()
    return watcher.manager


def stop(settings: Settings) -> None:
    """Stop watching for an application that is not used any more."""
    with _lock:
        watcher = _watchers.pop(settings, None)
    if watcher is not None:
        watcher.stop()


def _forget() -> None:
    """In a forked child: the parent's threads do not run here."""
    global _lock
    _lock = threading.Lock()
    _watchers.clear()


os.register_at_fork(after_in_child=_forget)
