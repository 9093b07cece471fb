"""The breaker of the records' database: it opens by absence and by slowness, lets one trial through, and closes."""

import pytest

from schemas.errors import StoreUnavailable
from service.records.database.breaker import LONGEST, OPEN_FACTOR, SLOW_CONNECTIONS, SLOW_SECONDS, Breaker


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(clock)


def ask(breaker, clock, seconds, well=True):
    """A request to which the database answers, or not, after so many seconds; False where it was not let through."""
    try:
        with breaker.attempt() as attempt:
            clock.now += seconds
            if not well:
                raise attempt.failed("away")
            attempt.connected()
    except StoreUnavailable as exc:
        return int(exc.headers["Retry-After"]) < 1
    return True


def test_a_request_that_waited_in_vain_opens_it_for_a_time_that_is_bounded(breaker, clock, capfd):
    assert not ask(breaker, clock, 3, well=False)
    clock.now += 3 * OPEN_FACTOR - 0.1
    assert not ask(breaker, clock, 0)
    clock.now += 0.2
    assert ask(breaker, clock, 0.001) and ask(breaker, clock, 0.001)
    ask(breaker, clock, 1000, well=False)
    clock.now += LONGEST
    assert ask(breaker, clock, 0.001)
    log = capfd.readouterr().out
    assert [log.count(f'"records_breaker_{what}"') for what in ("opened", "closed")] == [2, 2]


def test_a_database_that_is_often_slow_opens_it_and_one_slow_connection_does_not(breaker, clock):
    for _ in range(20):
        assert ask(breaker, clock, SLOW_SECONDS * 2)
        assert all(ask(breaker, clock, 0.001) for _ in range(4))
    for _ in range(SLOW_CONNECTIONS):
        assert ask(breaker, clock, SLOW_SECONDS * 2)
    assert not ask(breaker, clock, 0)


def test_one_request_is_the_trial_and_the_others_are_refused_meanwhile(breaker, clock):
    ask(breaker, clock, 1, well=False)
    clock.now += OPEN_FACTOR
    with breaker.attempt() as trial:
        assert not ask(breaker, clock, 0)
        trial.connected()
        assert ask(breaker, clock, 0)


def test_a_trial_that_fails_opens_it_again(breaker, clock):
    ask(breaker, clock, 1, well=False)
    clock.now += OPEN_FACTOR
    assert not ask(breaker, clock, 2, well=False)
    clock.now += 2 * OPEN_FACTOR - 0.1
    assert not ask(breaker, clock, 0)
    clock.now += 0.2
    assert ask(breaker, clock, 0)


def test_a_trial_that_ends_in_an_error_of_its_own_leaves_the_next_one_free(breaker, clock):
    ask(breaker, clock, 1, well=False)
    clock.now += OPEN_FACTOR
    with pytest.raises(KeyError), breaker.attempt():
        raise KeyError
    assert ask(breaker, clock, 0)
