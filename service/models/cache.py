"""CACHE: answers of single rows, kept beside an engine. Off by default, since the compiled engine takes microseconds.

An answer never goes stale: its key is the artifact, the engine and the row itself. It is the engine's answer that is
kept, not the service's: every request still gets its own id, time and record.
"""

import hashlib
import math
import threading
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
import orjson

from service.inference.engines.base import Answers, Engine
from service.inference.features import Matrix
from service.settings import Settings
from service.telemetry import metrics

if TYPE_CHECKING:
    from redis import Redis

    from service.remote import Remote

LOCAL_ROWS = 10_000
"""Rows a worker remembers of one version, the ones asked for last; below 1 KB each with a few classes."""
REDIS_SECONDS = 86_400
"""Redis forgets what was not asked anew for a day, so that versions that left take their answers with them."""


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


class RedisStore:
    """All workers of all hosts share it; while Redis is away nothing is known and nothing is kept."""

    def __init__(self, remote: "Remote", artifact: str, engine: str) -> None:
        self._remote = remote
        self._salt = f"{engine}:{artifact}:".encode()

    def get(self, row: bytes) -> Answers | None:
        """The answer; one that cannot be read is none."""
        found = self._remote.ask("cache", partial(_get, self._key(row)), lambda: None)
        return _read(found) if found is not None else None

    def put(self, row: bytes, answers: Answers) -> None:
        """Keep it for a day."""
        if (written := _write(answers)) is not None:
            self._remote.ask("cache", partial(_put, self._key(row), written), lambda: None)

    def _key(self, row: bytes) -> bytes:
        return b"serving:answer:" + hashlib.sha256(self._salt + row).digest()


def with_cache(engine: Engine, artifact: str, settings: Settings) -> Engine:
    """The engine behind the cache that CACHE names; ``artifact`` is the SHA-256 of the manifest."""
    if settings.cache == "local":
        return Cached(engine, LocalStore())
    if settings.cache == "redis":
        from service.remote import connect  # 20 MB of memory, only for those who have a Redis

        return Cached(engine, RedisStore(connect(settings.redis_url), artifact, engine.name))
    return engine


def _get(key: bytes, redis: "Redis") -> bytes | None:
    found = redis.get(key)
    return found if isinstance(found, bytes) else None


def _put(key: bytes, written: bytes, redis: "Redis") -> None:
    redis.set(key, written, ex=REDIS_SECONDS)


def _write(answers: Answers) -> bytes | None:
    """One row's answer as JSON, which keeps a double to its last bit; None for what JSON has no word for."""
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
