"""``flask models rollout`` as an operator runs it: real gunicorn, real traffic, versions that are good or worse."""

import pytest

from inference.routing import Routing
from inference.routing_history import read_changes
from tests.models.conftest import FIRST
from tests.models.rollout.traffic import Traffic

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.xdist_group("rollout")]

QUICK = ("--steps", "20,100", "--hold", "1s", "--min-requests", "40", "--patience", "300s")


def test_a_good_version_arrives_and_no_request_fails_on_the_way(operator):
    with Traffic(operator.server.url) as traffic:
        status, output = operator.run("rollout", "good-1", *QUICK)
    assert status == 0, output
    assert operator.routing == Routing("good-1")
    assert "good-1 is now stable: every step passed." in output
    assert "step 1 of 2 passed" in output and "agreement with stable 100.0%" in output
    assert traffic.broken == [] and {status for _, status in traffic.statuses} == {200}
    assert traffic.statuses["good-1", 200] > 40
    assert operator.state.phase == "arrived"
    changes, _ = read_changes(operator.root)
    shares = [change.after["canary"] and change.after["canary"]["share"] for change in changes[-3:]]
    assert shares == [0.2, 1.0, None]
    assert "every step passed" in changes[-1].why and "@" in changes[-1].who


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("wrong-1", "agreement with stable"),
        ("slow-1", "latency: the median time a row is"),
        ("failing-1", "ended in 5xx"),
        ("refusing-1", "refused with 422"),
    ],
)
def test_a_worse_version_goes_back_by_itself_and_says_why(operator, version, reason):
    with Traffic(operator.server.url):
        status, output = operator.run("rollout", version, *QUICK)
    assert status == 1, output
    assert f"{version} went back, {FIRST} answers: " in output
    assert reason in output.splitlines()[-1], output
    assert operator.routing == Routing(FIRST)
    assert operator.state.phase == "went back"
    changes, _ = read_changes(operator.root)
    assert changes[-1].why.startswith("went back: ")
