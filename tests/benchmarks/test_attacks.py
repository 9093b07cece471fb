"""The hostile clients against a tiny application under the inline worker, and the tables of what they cost."""

import socket

import pytest
from click.testing import CliRunner

from benchmarks.attacks import goodput, ordinary
from benchmarks.attacks.__main__ import main
from benchmarks.attacks.clients import ATTACKS, Crowd
from benchmarks.attacks.tables import attacks_table, crowds_table
from benchmarks.load.requests import get
from tests.conftest import until
from tests.server.conftest import start, stop

PLACE = {"cpu": "a processor", "cores": [0, 1], "kernel": "6.1", "python": "3.11", "commit": "abc"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    found = start(tmp_path_factory.mktemp("attacked"), "inline")
    yield found
    stop(found)


@pytest.mark.process
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_ordinary_client_is_answered_while_others_attack(server, attack):
    worker = server.get("/pid").body
    crowd = Crowd(attack, server.port)
    for _ in range(3):
        crowd.round()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        assert ordinary.exchange(client, get("/", keep_alive=True)) == (200, False)
    crowd.leave()
    assert server.get("/pid").body == worker


@pytest.mark.process
@pytest.mark.parametrize("obedient", [True, False])
def test_a_crowd_is_answered_and_what_it_got_is_counted(server, obedient):
    crowds = []
    until(
        lambda: crowds.append(goodput.measure(server.port, [get("/", True)], 5, obedient, 1.0)) or crowds[-1].answered
    )
    assert (crowds[-1].refused, crowds[-1].failed) == (0, 0)
    assert crowds[-1].to_json()["rate"] > 0


def test_the_tables_have_a_row_for_each_measurement():
    waits = ordinary.waits_of([1.0] * 99 + [50.0], failed=2).to_json() | {"killed": 0, "recovers": False}
    assert (waits["median"], waits["p99"], waits["longest"]) == (1.0, 50.0, 50.0)
    row = {"name": "tls", "title": "TLS", "load": 9.0, "inline": waits, "gthread": waits | {"p99": 100.0}}
    table = attacks_table([row], PLACE)
    assert "| 50.0 | 100.0 | 0.50 |" in table
    assert "not ready for 15 s afterwards" in table
    assert "busy" in table
    crowd = goodput.Crowd(1000, True, 2.0, answered=10).to_json() | {"engine": "sklearn", "ceiling": 10.0, "load": 1.0}
    assert "| sklearn | 1000 | as Retry-After says | 10 | 5 | 0.50 |" in crowds_table([crowd], PLACE)
    assert "busy" not in crowds_table([crowd], PLACE)


def test_an_attack_that_is_not_there_is_refused_with_those_that_are():
    result = CliRunner().invoke(main, ["attack", "floods"])
    assert result.exit_code == 1
    assert "There is no attack named floods; there are none, pipelines" in result.output
