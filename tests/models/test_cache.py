"""CACHE: the same answers to the bit, for less; nothing of it stands between a request and its answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engines.base import Answers
from service.models.cache import Cached, LocalStore, RedisStore
from service.redis_client import RedisClient
from tests.services import redis_server as redis_server

ROW = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40, "feature_5": 5}


class Engine:
    """Answers a regression, a classification or labels alone, and counts its rows."""

    name = "engine"

    def __init__(self, kind="classes", label="yes", number=0.1 + 0.2):
        self.rows = 0
        self._kind, self._label, self._number = kind, label, number

    def predict(self, matrix):
        self.rows += len(matrix)
        n = len(matrix)
        if self._kind == "number":
            return Answers([self._number] * n, None, None)
        shares = np.tile([1 / 3, 2 / 3], (n, 1)) if self._kind == "classes" else None
        return Answers([self._label] * n, shares, np.ones(n, dtype=np.int64))


def same(one, other):
    assert one.predictions == other.predictions
    assert [type(label) for label in one.predictions] == [type(label) for label in other.predictions]
    for mine, theirs in ((one.probabilities, other.probabilities), (one.chosen, other.chosen)):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert mine.dtype == theirs.dtype
            assert mine.tobytes() == theirs.tobytes()
            assert mine.shape == theirs.shape


ROWS = st.lists(st.sampled_from([0.0, -0.0, 1.0, float("nan")]), min_size=2, max_size=2)


@given(st.lists(ROWS, max_size=30), st.integers(1, 5))
def test_a_cached_engine_answers_as_the_engine_and_keeps_no_more_than_it_may(rows, size):
    class Echo(Engine):
        def predict(self, matrix):
            self.rows += 1
            return Answers([repr(matrix.tolist())], None, None)

    engine, store = Echo(), LocalStore(size)
    cached = Cached(engine, store)
    for row in rows:
        assert cached.predict(np.array([row])).predictions == [repr([row])]
        assert len(store._answers) <= size
    if len({repr(row) for row in rows}) <= size:
        assert engine.rows == len({repr(row) for row in rows})


def test_a_batch_goes_straight_to_the_engine():
    engine = Engine()
    cached = Cached(engine, LocalStore())
    for _ in range(2):
        cached.predict(np.zeros((3, 2)))
    assert engine.rows == 6


def test_every_answer_has_an_id_of_its_own(make_client):
    client = make_client(CACHE="local")
    first, second = (client.post("/predict", json=ROW).get_json() for _ in range(2))
    assert first["prediction_id"] != second["prediction_id"]
    assert (first["prediction"], first["probability"]) == (second["prediction"], second["probability"])
    plain = make_client().post("/predict", json=ROW).get_json()
    assert (plain["prediction"], plain["probability"]) == (second["prediction"], second["probability"])


@pytest.mark.process
@pytest.mark.parametrize(
    "engine",
    [Engine(label=label) for label in ("yes", 7, True, None, 0.5, 2**53)]
    + [Engine("labels"), Engine("number"), Engine("number", number=-0.0), Engine("number", number=5e-324)],
    ids=lambda engine: f"{engine._kind}-{engine._label}-{engine._number}",
)
def test_workers_share_answers_through_redis_to_the_bit(redis_server, engine):
    url = redis_server().url
    row = np.array([[1.0, float("nan")]])
    first, second = (Cached(engine, RedisStore(RedisClient(url), "abc", engine.name)) for _ in range(2))
    same(first.predict(row), second.predict(row))
    assert engine.rows == 1
    other = Cached(engine, RedisStore(RedisClient(url), "another artifact", engine.name))
    other.predict(row)
    assert engine.rows == 2


@pytest.mark.process
@pytest.mark.parametrize(
    "engine", [Engine(label=2**70), Engine("number", number=float("inf"))], ids=["label", "number"]
)
def test_what_redis_cannot_hold_exactly_is_computed(redis_server, engine):
    cached = Cached(engine, RedisStore(RedisClient(redis_server().url), "abc", engine.name))
    row = np.zeros((1, 2))
    same(cached.predict(row), cached.predict(row))
    assert engine.rows == 2


@pytest.mark.process
def test_a_redis_that_goes_away_or_talks_nonsense_costs_only_time(redis_server):
    server = redis_server()
    client, engine, row = RedisClient(server.url), Engine(), np.zeros((1, 2))
    cached = Cached(engine, RedisStore(client, "abc", engine.name))
    cached.predict(row)
    for nonsense in (b"", b"{", b"7", b"[1]", b'["a","b",null]'):
        client.call("test", lambda redis, value=nonsense: [redis.set(key, value) for key in redis.scan_iter()], list)
        assert cached.predict(row).predictions == ["yes"]
    server.stop()
    before = engine.rows
    assert cached.predict(row).predictions == ["yes"]
    assert engine.rows == before + 1


@pytest.mark.process
def test_the_service_answers_from_redis_and_without_it(serve, redis_server):
    redis = redis_server()
    server = serve(CACHE="redis", REDIS_URL=redis.url, WEB_CONCURRENCY="2")
    server.until_serving(2)
    answers = [server.ask("/predict", ROW)[1] for _ in range(6)]
    redis.stop()
    answers += [server.ask("/predict", ROW)[1] for _ in range(6)]
    assert len({answer["prediction_id"] for answer in answers}) == 12
    assert len({(answer["prediction"], answer["probability"]) for answer in answers}) == 1
