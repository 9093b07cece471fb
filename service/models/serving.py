"""The holders of this process, made after the fork, each with the thread that keeps it in line with what is wanted.

Under gunicorn ``start`` is called in post_fork; on any other server by the first request. Nothing happens at import:
under preload that would be in the master, whose threads and sessions do not survive a fork.
"""

import gc
import os
import threading
import time
from contextlib import suppress

from service import log, metrics
from service.models.manager import ModelManager, ModelSet
from service.settings import Settings

LOAD_DEADLINE = 60.0
"""Seconds a start waits for the first load; one that hangs leaves a worker that answers, not ready, instead of none."""
WATCH_SECONDS = 0.5

_lock = threading.Lock()
_forks = 0
_watched: dict[Settings, "Watched"] = {}


class Watched:
    """A holder and its watcher."""

    def __init__(self, settings: Settings) -> None:
        self.holder = ModelManager(settings)
        self._loaded_once = threading.Event()
        self._deadline = time.monotonic() + LOAD_DEADLINE
        threading.Thread(target=self._watch, name="models", daemon=True).start()

    def wait(self) -> None:
        """Until the first load was tried, or its deadline is over."""
        if not self._loaded_once.is_set() and not self._loaded_once.wait(self._deadline - time.monotonic()):
            log.error("model_load_slow", seconds=LOAD_DEADLINE)

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            try:
                self.holder.refresh()
            except Exception:  # the watcher must outlive whatever it meets
                self.holder.report_failure()
            self._loaded_once.set()
            pause.wait(WATCH_SECONDS)


def prepare(settings: Settings) -> None:
    """Import what each load will need, before the fork, so that its pages are shared; load nothing."""
    with suppress(ImportError):  # told by the load, in words
        if settings.engine == "onnx":
            import inference.engines.onnx  # noqa: F401  # for its pages alone
    gc.collect()
    gc.freeze()  # a collection in a worker would write to every shared page it looks at


def start(settings: Settings) -> Watched:
    """Load what is wanted and go on watching; again in the same process only waits for the first load."""
    with _lock:
        if settings not in _watched:
            _watched[settings] = Watched(settings)
            metrics.open_metrics(settings)
        watched = _watched[settings]
    watched.wait()
    return watched


class Models:
    """What the models of this process are, asked by the web without a lock."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._watched: Watched | None = None
        self._forks = _forks

    @property
    def now(self) -> ModelSet:
        """What may answer now; the first to ask in a process starts the load and waits for it."""
        if self._watched is None or self._forks != _forks:
            self._watched = start(self._settings)
            self._forks = _forks
        return self._watched.holder.loaded


def _forget() -> None:
    """In a forked child: what the parent process had does not live here."""
    global _lock, _forks
    _lock = threading.Lock()
    _watched.clear()
    _forks += 1


os.register_at_fork(after_in_child=_forget)
