"""CACHE=redis: answers that all workers of all hosts share, as JSON."""

import hashlib
import math
from functools import partial

import numpy as np
import orjson
from redis import Redis

from inference.engines.base import Answers
from service.redis_client import RedisClient

REDIS_SECONDS = 86_400
"""Redis forgets what was not asked anew for a day, so that versions that left take their answers with them."""


class RedisStore:
    """All workers of all hosts share it; while Redis is away nothing is known and nothing is kept."""

    def __init__(self, remote: RedisClient, artifact: str, engine: str) -> None:
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


def _get(key: bytes, redis: Redis) -> bytes | None:
    found = redis.get(key)
    return found if isinstance(found, bytes) else None


def _put(key: bytes, written: bytes, redis: Redis) -> None:
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
