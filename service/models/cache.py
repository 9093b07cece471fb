"""CACHE: answers of single rows, kept beside an engine. Off by default, since the compiled engine takes microseconds.

An answer never goes stale: its key is the artifact, the engine and the row itself. It is the engine's answer that is
kept, not the service's: every request still gets its own id, time and record.
"""

import threading
from collections import OrderedDict
from typing import Protocol

from inference.engines.base import Answers, Engine
from inference.features import Matrix
from service import metrics
from service.settings import Settings

LOCAL_ROWS = 10_000
"""Rows a worker remembers of one version, the ones asked for last; below 1 KB each with a few classes."""


class Store(Protocol):
    """Where answers are kept, by the bytes of a row."""

    def get(self, row: bytes) -> Answers | None:
        """The answer, or None where it is not known."""
        ...

    def put(self, row: bytes, answers: Answers) -> None:
        """Keep it."""
        ...


class Cached:
    """An engine that looks a single row up before it computes; more rows go straight to the engine."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self.name = engine.name
        self._engine = engine
        self._store = store

    def predict(self, matrix: Matrix) -> Answers:
        """As the engine answers, to the bit."""
        if len(matrix) != 1:
            return self._engine.predict(matrix)
        row = matrix.tobytes()
        known = self._store.get(row)
        metrics.cache_looked_up(known is not None)
        if known is not None:
            return known
        answers = self._engine.predict(matrix)
        self._store.put(row, answers)
        return answers


class LocalStore:
    """The rows asked for last. Each worker has its own."""

    def __init__(self, rows: int = LOCAL_ROWS) -> None:
        self._rows = rows
        self._known: OrderedDict[bytes, Answers] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, row: bytes) -> Answers | None:
        """The answer, which counts as asked for."""
        with self._lock:
            if (found := self._known.get(row)) is not None:
                self._known.move_to_end(row)
            return found

    def put(self, row: bytes, answers: Answers) -> None:
        """Keep it in the place of the one not asked for the longest."""
        with self._lock:
            self._known[row] = answers
            if len(self._known) > self._rows:
                self._known.popitem(last=False)


def with_cache(engine: Engine, artifact: str, settings: Settings) -> Engine:
    """The engine behind the cache that CACHE names; ``artifact`` is the SHA-256 of the manifest."""
    if settings.cache == "local":
        return Cached(engine, LocalStore())
    if settings.cache == "redis":
        from service.models.redis_store import RedisStore  # 20 MB of memory, only for those who have a Redis
        from service.redis_client import connect

        return Cached(engine, RedisStore(connect(settings.redis_url), artifact, engine.name))
    return engine
