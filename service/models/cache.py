"""CACHE: answers of single rows, stored beside an engine. Off by default, since the compiled engine takes microseconds.

An answer never goes stale: its key is the artifact, the engine and the row itself. The engine's answer is stored, not
the service's: every request still gets its own id, time and record.
"""

import hashlib
import math
import threading
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
import orjson

from inference.engines.base import Answers, Engine
from inference.features import Matrix
from inference.open_columns import key_of
from service import metrics
from service.settings import Settings

if TYPE_CHECKING:
    from redis import Redis

    from service.redis_client import RedisClient

LOCAL_ROWS = 10_000
"""Rows that a worker stores for one version, the most recently used ones; below 1 KB each with a few classes."""
REDIS_SECONDS = 86_400
"""Redis drops a row a day after it was computed, and so the rows of versions that are served no more."""


class Store(Protocol):
    """Answers by the bytes of a row."""

    def get(self, row: bytes) -> Answers | None:
        """The stored answer, or None."""
        ...

    def put(self, row: bytes, answers: Answers) -> None:
        """Store an answer."""
        ...


class Cached:
    """An engine that looks a single row up before it computes it; batches go straight to the engine."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self.name = engine.name
        self._engine = engine
        self._store = store

    def predict(self, matrix: Matrix) -> Answers:
        """The engine's own answers, to the bit."""
        if len(matrix) != 1:
            return self._engine.predict(matrix)
        row = key_of(matrix)
        stored = self._store.get(row)
        metrics.cache_looked_up(stored is not None)
        if stored is not None:
            return stored
        answers = self._engine.predict(matrix)
        self._store.put(row, answers)
        return answers


class LocalStore:
    """The most recently used rows, in this worker's memory."""

    def __init__(self, rows: int = LOCAL_ROWS) -> None:
        self._rows = rows
        self._answers: OrderedDict[bytes, Answers] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, row: bytes) -> Answers | None:
        """The stored answer, which is now the most recently used one."""
        with self._lock:
            if (found := self._answers.get(row)) is not None:
                self._answers.move_to_end(row)
            return found

    def put(self, row: bytes, answers: Answers) -> None:
        """Store an answer in the place of the least recently used one."""
        with self._lock:
            self._answers[row] = answers
            if len(self._answers) > self._rows:
                self._answers.popitem(last=False)


class RedisStore:
    """Answers that all workers of all hosts share, as JSON; while Redis is away nothing is found and nothing stored."""

    def __init__(self, redis: "RedisClient", artifact: str, engine: str) -> None:
        self._redis = redis
        self._salt = f"{engine}:{artifact}:".encode()

    def get(self, row: bytes) -> Answers | None:
        """The stored answer; None as well for one that cannot be read."""
        found = self._redis.call("cache", partial(_get, self._key(row)), lambda: None)
        return _read(found) if found is not None else None

    def put(self, row: bytes, answers: Answers) -> None:
        """Store an answer for a day."""
        if (written := _write(answers)) is not None:
            self._redis.call("cache", partial(_put, self._key(row), written), lambda: None)

    def _key(self, row: bytes) -> bytes:
        return b"serving:answer:" + hashlib.sha256(self._salt + row).digest()


def with_cache(engine: Engine, artifact: str, settings: Settings) -> Engine:
    """The engine behind the cache that CACHE names; ``artifact`` is the SHA-256 of the manifest."""
    if settings.cache == "local":
        return Cached(engine, LocalStore())
    if settings.cache == "redis":
        from service.redis_client import connect  # 20 MB of memory, only where there is a Redis

        return Cached(engine, RedisStore(connect(settings.redis_url), artifact, engine.name))
    return engine


def _get(key: bytes, redis: "Redis") -> bytes | None:
    found = redis.get(key)
    return found if isinstance(found, bytes) else None


def _put(key: bytes, written: bytes, redis: "Redis") -> None:
    redis.set(key, written, ex=REDIS_SECONDS)


def _write(answers: Answers) -> bytes | None:
    """One row's answer as JSON, which holds a double to its last bit; None for what JSON cannot express."""
    prediction, probabilities, chosen = answers.predictions[0], answers.probabilities, answers.chosen
    if isinstance(prediction, float) and not math.isfinite(prediction):
        return None
    try:
        return orjson.dumps(
            [
                prediction,
                None if probabilities is None else probabilities[0].tolist(),
                None if chosen is None else int(chosen[0]),
            ]
        )
    except TypeError:  # a label beyond 64 bits
        return None


def _read(written: bytes) -> Answers | None:
    try:
        prediction, probabilities, chosen = orjson.loads(written)
        return Answers(
            [prediction],
            None if probabilities is None else np.array([probabilities], dtype=np.float64),
            None if chosen is None else np.array([chosen], dtype=np.int64),
        )
    except (ValueError, TypeError):
        return None
