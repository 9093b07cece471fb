"""One limit over several processes of a host, and over hosts that share a Redis, whether it is there or not."""

import threading
import time

import pytest

from service.access.rate_limit import COUNTERS, Limiter, make_limiter
from service.redis_client import RETRY_SECONDS, SLOW_CALLS, RedisClient
from service.setting_readers import Rate
from service.settings import Settings
from tests.conftest import until


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_the_limit_is_the_rate_of_the_settings(tmp_path):
    limiter = make_limiter(Settings.read({"RATE_LIMIT": "5 per 2 seconds", "VAR_DIR": str(tmp_path)}))
    assert limiter.rate == Rate(5, 2)


def test_without_a_limit_nothing_is_counted(tmp_path):
    assert make_limiter(Settings.read({"VAR_DIR": str(tmp_path)})) is None


def test_a_folder_that_cannot_be_written_costs_the_sharing_not_the_limit(tmp_path, capfd):
    (tmp_path / "file").write_text("not a folder")
    limiter = Limiter(Rate(2, 60), tmp_path / "file" / COUNTERS)
    assert [limiter.check("a").allowed for _ in range(3)] == [True, True, False]
    assert '"limit_per_worker"' in capfd.readouterr().out


@pytest.fixture
def hosts(tmp_path):
    """Limiters that share nothing but a Redis."""

    def make(url, count, rate, clock=time.monotonic):
        return [
            Limiter(rate, tmp_path / f"host-{number}" / COUNTERS, RedisClient(url, clock)) for number in range(count)
        ]

    return make


@pytest.mark.process
def test_hosts_with_a_redis_together_get_exactly_the_limit(redis_server, hosts):
    limiters = hosts(redis_server().url, 3, Rate(100, 3600), Clock())  # no time passes: a busy machine is no slow Redis
    allowed = []

    def run(limiter):
        allowed.extend(limiter.check("client").allowed for _ in range(60))

    threads = [threading.Thread(target=run, args=(limiter,)) for limiter in limiters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 100


@pytest.mark.process
def test_redis_renews_the_limit_when_it_said_it_would(redis_server, hosts):
    (limiter,) = hosts(redis_server().url, 1, Rate(2, 1))
    assert [limiter.check("a").allowed for _ in range(3)] == [True, True, False]
    time.sleep(limiter.check("a").reset)
    assert limiter.check("a").allowed


@pytest.mark.process
def test_while_redis_is_away_the_host_counts_itself_and_says_so(redis_server, hosts, capfd):
    server, clock = redis_server(), Clock()
    (limiter,) = hosts(server.url, 1, Rate(3, 3600), clock)
    assert limiter.check("a").remaining == 2
    server.stop()
    assert [limiter.check("a").allowed for _ in range(4)] == [True, True, True, False]
    server.start()
    assert not limiter.check("a").allowed, "no command is sent to Redis at once"
    clock.now += 5
    until(lambda: limiter.check("b") and limiter.check("a").remaining == 2)  # counted by the new Redis
    log = capfd.readouterr().out
    assert log.count('"redis_away"') == 1
    assert log.count('"redis_back"') == 1


@pytest.mark.process
def test_a_redis_that_hangs_is_waited_for_once(redis_server, hosts):
    server, clock = redis_server(), Clock()
    (limiter,) = hosts(server.url, 1, Rate(1000, 3600), clock)
    limiter.check("a")
    server.freeze()
    assert limiter.check("a").allowed
    server.process.poll()
    counted = [limiter.check("a").used for _ in range(500)]
    assert counted == list(range(2, 502)), "all by the host, none lost"
    server.thaw()
    clock.now += 5
    until(lambda: limiter.check("a").used < 502)  # by Redis again


@pytest.mark.process
def test_a_restart_of_redis_is_not_noticed(redis_server, hosts, capfd):
    server = redis_server()
    (limiter,) = hosts(server.url, 1, Rate(1000, 3600))
    limiter.check("a")
    server.stop()
    server.start()
    limiter.check("a")
    assert '"redis_away"' not in capfd.readouterr().out


@pytest.mark.process
def test_a_refused_password_is_logged_without_the_password(redis_server, hosts, capfd):
    server = redis_server("--requirepass", "right")
    (limiter,) = hosts(server.url.replace("//", "//:hunter2@"), 1, Rate(2, 60))
    assert [limiter.check("a").allowed for _ in range(3)] == [True, True, False]
    log = capfd.readouterr().out
    assert '"redis_away"' in log
    assert "hunter2" not in log


class SlowCommand:
    """A command that takes ``seconds`` of the clock, and counts how often it was sent."""

    def __init__(self, clock, seconds):
        self.clock, self.seconds, self.sent = clock, seconds, 0

    def __call__(self, redis):
        self.sent += 1
        self.clock.now += self.seconds
        return "redis"


@pytest.mark.process
def test_a_redis_that_is_often_slow_is_left_alone_and_trusted_again_once_it_is_quick(redis_server, capfd):
    clock = Clock()
    slow = SlowCommand(clock, 0.08)
    client = RedisClient(redis_server().url, clock)
    answers = [client.call("limits", slow, lambda: "host") for _ in range(200)]
    assert slow.sent == SLOW_CALLS, "nothing is sent after the breaker is open"
    assert answers == ["redis"] * SLOW_CALLS + ["host"] * (200 - SLOW_CALLS)
    slow.seconds = 0.001
    clock.now += RETRY_SECONDS
    until(lambda: client.call("limits", slow, lambda: "host") == "redis")
    assert slow.sent == SLOW_CALLS + 1, "no request was the probe"
    log = capfd.readouterr().out
    assert [log.count(f'"redis_{name}"') for name in ("slow", "away", "back")] == [1, 0, 1]


@pytest.mark.process
def test_a_pause_of_redis_now_and_then_changes_nothing(redis_server, capfd):
    clock = Clock()
    client = RedisClient(redis_server().url, clock)
    quick, pause = SlowCommand(clock, 0.001), SlowCommand(clock, 0.15)
    for _ in range(20):
        assert client.call("cache", pause, lambda: "host") == "redis"
        assert {client.call("cache", quick, lambda: "host") for _ in range(9)} == {"redis"}
    assert "redis_slow" not in capfd.readouterr().out


@pytest.mark.process
def test_a_redis_that_answers_probes_and_refuses_commands_is_not_called_back(redis_server, capfd):
    clock = Clock()
    client = RedisClient(redis_server("--maxmemory", "1", "--maxmemory-policy", "noeviction").url, clock)
    for _ in range(3):
        sent = SlowCommand(clock, 0)

        def refused(redis, sent=sent):
            sent(redis)
            return redis.set("a", "b")

        until(lambda sent=sent, refused=refused: client.call("cache", refused, lambda: None) or sent.sent)
        clock.now += RETRY_SECONDS
    log = capfd.readouterr().out
    assert [log.count(f'"redis_{name}"') for name in ("away", "back")] == [1, 0]
