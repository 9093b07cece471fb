"""A rollout that is interrupted, killed, or meets another operator. Without traffic a step only waits."""

import json
import os
import resource
import shutil
import signal
import time

import pytest

from inference.rollout.state import RolloutState, write_state
from inference.routing import Routing, write_routing
from tests.conftest import until
from tests.models.conftest import FIRST
from tests.models.rollout.traffic import Traffic
from tests.models.rollout.versions import make

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.xdist_group("rollout")]

WAITS = ("--steps", "20,100", "--hold", "500ms", "--min-requests", "20", "--patience", "10m")
CANARY = Routing(FIRST, canary="good-1", share=0.2)


@pytest.fixture
def begun(operator):
    """A rollout of good-1 that waits for traffic; it is ended afterwards."""
    process = operator.begin("good-1", *WAITS)
    assert operator.routing == CANARY
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_the_share_stays_and_resume_goes_on_to_the_end(operator, begun, how):
    begun.send_signal(how)
    status, output = operator.end(begun)
    assert status == 130, output
    assert "flask models rollout good-1 --resume" in output and "flask models rollback" in output
    assert (operator.routing, operator.state.phase) == (CANARY, "interrupted")
    if how == signal.SIGINT:
        with Traffic(operator.server.url):
            status, output = operator.run("rollout", "good-1", "--resume")
        assert status == 0, output
        assert operator.routing == Routing("good-1")


def test_under_nohup_it_outlives_its_terminal(operator):
    process = operator.begin("good-1", *WAITS, ignored=(signal.SIGHUP,))
    process.send_signal(signal.SIGHUP)
    for _ in range(2):  # the state is written again and again while it waits
        seen = operator.state.updated
        until(lambda before=seen: operator.state.updated > before, 600)
    assert (process.poll(), operator.state.phase) == (None, "running")
    process.send_signal(signal.SIGTERM)
    assert operator.end(process)[0] == 130


def test_a_killed_rollout_is_seen_refuses_another_and_is_taken_over_by_resume(operator, begun):
    second = operator.run("rollout", "wrong-1", *WAITS)
    assert second[0] == 1
    assert "another rollout is running of good-1" in second[1]
    begun.kill()
    begun.wait()
    metrics = operator.server.ask_text("/metrics")
    assert 'rollout_phase_timestamp_seconds{model_version="good-1",phase="interrupted"}' in metrics
    assert 'rollout_share{model_version="good-1"} 0.2' in metrics
    shown = operator.server.ask("/dashboard/data")[1]["rollout"]
    assert (shown["version"], shown["phase"], shown["share"]) == ("good-1", "interrupted", 0.2)
    status, output = operator.run("rollout", "wrong-1", *WAITS)
    assert status == 1
    assert "the rollout of good-1 stopped at 0.2 of the requests" in output and "--resume" in output
    assert operator.routing == CANARY
    with Traffic(operator.server.url):
        status, output = operator.run("rollout", "good-1", "--resume")
    assert (status, operator.routing) == (0, Routing("good-1")), output


def test_without_traffic_the_patience_ends_the_share_stays_and_it_can_be_ended(operator):
    status, output = operator.run("rollout", "good-1", *WAITS[:-1], "0s")
    assert status == 2, output
    assert "Too little traffic to tell: 0 requests came, 20 are needed" in output
    assert (operator.routing, operator.state.phase) == (CANARY, "too little traffic")
    assert operator.run("rollback")[0] == 0
    status, output = operator.run("rollout", "good-1", "--resume")
    assert status == 1
    assert "somebody has taken it out" in output
    assert operator.routing == Routing(FIRST)


@pytest.mark.parametrize(
    ("command", "status", "said", "routing"),
    [
        (("retire", "good-1"), 1, "taken out by somebody else", Routing(FIRST)),
        (("rollback",), 1, "taken out by somebody else", Routing(FIRST)),
        (("promote", "wrong-1"), 1, "the stable version is wrong-1 meanwhile", Routing("wrong-1")),
        (("promote", "good-1"), 0, "somebody else has promoted it", Routing("good-1")),
        (("promote", "wrong-1", "--canary", "0.1"), 1, "the canary is wrong-1", Routing(FIRST, "wrong-1", 0.1)),
        (("promote", "good-1", "--canary", "0.7"), 1, "set its share to 0.7", Routing(FIRST, "good-1", 0.7)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_another_operator_is_obeyed(operator, begun, command, status, said, routing):
    assert operator.run(*command)[0] == 0
    ended, output = operator.end(begun)
    assert ended == status, output
    assert said in output.splitlines()[-1], output
    assert operator.routing == routing


def test_a_routing_file_that_is_edited_by_hand_is_waited_for(operator, begun):
    path = operator.root / "routing.json"
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    operator.server.until(lambda: operator.server.ask("/health")[1]["status"] == "degraded")
    path.write_text(text)
    with Traffic(operator.server.url):
        status, output = operator.end(begun)
    assert (status, operator.routing) == (0, Routing("good-1")), output


def test_a_version_whose_artifact_is_removed_meanwhile_goes_back(operator):
    make(operator.root, "gone-1")
    process = operator.begin("gone-1", *WAITS)
    shutil.rmtree(operator.root / "gone-1")
    status, output = operator.end(process)
    assert status == 1, output
    assert "gone-1 went back" in output and operator.routing == Routing(FIRST)


def test_a_version_that_no_worker_can_load_goes_back(operator):
    (make(operator.root, "broken-1") / "model.onnx").write_bytes(b"")
    try:
        status, output = operator.run("rollout", "broken-1", *WAITS)
    finally:
        shutil.rmtree(operator.root / "broken-1")
    assert status == 1, output
    assert "workers could not load it" in output and operator.routing == Routing(FIRST)


def test_workers_that_are_killed_meanwhile_do_not_end_a_rollout(operator, begun):
    for worker in operator.server.workers:
        os.kill(worker, signal.SIGKILL)
    operator.server.until(lambda: len(operator.server.workers) == 2)
    with Traffic(operator.server.url):
        status, output = operator.end(begun)
    assert (status, operator.routing) == (0, Routing("good-1")), output


def test_what_cannot_be_rolled_out_is_refused_before_anything_is_changed(operator, tmp_path):
    write_routing(operator.root, Routing(FIRST, canary="wrong-1", share=0.1))
    before = (operator.root / "routing.json").read_bytes()
    for arguments, said in (
        (("good-1",), "wrong-1 is the canary. End that first"),
        ((FIRST,), "it is the stable version"),
        (("nix-1",), "nix-1 was not rolled out"),
        (("good-1", "--resume"), "no rollout is open"),
    ):
        status, output = operator.run("rollout", *arguments)
        assert (status, said in output) == (1, True), output
    for wrong in (("--steps", "50,5"), ("--steps", "0"), ("--steps", "5,200"), ("--hold", "soon")):
        assert operator.run("rollout", "good-1", *wrong)[0] == 2
    write_routing(operator.root, Routing(FIRST))
    operator.environment["VAR_DIR"], kept = str(tmp_path / "elsewhere"), operator.environment["VAR_DIR"]
    try:
        status, output = operator.run("rollout", "good-1")
    finally:
        operator.environment["VAR_DIR"] = kept
    assert (status, "no service runs on this host with VAR_DIR=" in output) == (1, True), output
    write_routing(operator.root, Routing(FIRST, canary="wrong-1", share=0.1))
    assert (operator.root / "routing.json").read_bytes() == before
    assert not (operator.root / "rollout.json").exists()


def test_each_request_of_a_version_is_counted_by_role_and_status(operator):
    row = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 40.5, "feature_5": 5}

    def counted(role, status):
        name = f'prediction_requests_total{{model_version="{FIRST}",role="{role}",status="{status}"}}'
        lines = [line for line in operator.server.ask_text("/metrics").splitlines() if line.startswith(name)]
        return float(lines[0].split()[1]) if lines else 0.0

    keys = [("stable", "200"), ("stable", "422"), ("requested", "200")]
    before = [counted(*key) for key in keys]
    operator.server.ask("/predict", row)
    operator.server.ask("/predict", row | {"feature_4": 1000})
    operator.server.ask(f"/predict?model_version={FIRST}", row)
    assert [counted(*key) - old for key, old in zip(keys, before, strict=True)] == [1, 1, 1]
    assert "canary_row_seconds" not in operator.server.ask_text("/metrics")


def test_the_routing_that_a_worker_follows_is_in_its_log(operator, begun):
    wanted = {"stable": FIRST, "canary": "good-1", "share": 0.2, "shadow": None}
    until(lambda: any(wanted.items() <= line.items() for line in operator.server.events("routing_changed")))
    assert json.loads((operator.root / "rollout.json").read_bytes())["version"] == "good-1"


def test_a_full_disk_before_a_step_ends_it_and_the_share_stays_for_resume(operator, begun):
    limit = resource.prlimit(begun.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    with Traffic(operator.server.url):
        status, output = operator.end(begun)
    assert limit[0] == resource.RLIM_INFINITY
    assert status == 1 and "cannot be written" in output and "--resume" in output, output
    assert "Traceback" not in output and operator.routing == CANARY
    with Traffic(operator.server.url):
        status, output = operator.run("rollout", "good-1", "--resume")
    assert (status, operator.routing) == (0, Routing("good-1")), output


def test_a_worse_version_goes_back_as_soon_as_the_disk_has_room_again(operator):
    process = operator.begin("wrong-1", *WAITS)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    with Traffic(operator.server.url):
        said = next(line for line in process.stdout if "cannot be taken out yet" in line or not line)
    assert "routing.json" in said and operator.routing == Routing(FIRST, canary="wrong-1", share=0.2)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    status, output = operator.end(process)
    assert (status, operator.routing, operator.state.phase) == (1, Routing(FIRST), "went back"), output


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda routing: None, "routing.json is gone, so "),
        (lambda routing: {**routing, "canary": None}, "taken out by somebody else"),
        (lambda routing: {**routing, "canary": {"version": "good-1", "share": 0.9}}, "set its share to 0.9"),
        (lambda routing: {**routing, "stable": "wrong-1"}, "the stable version is wrong-1 meanwhile"),
    ],
    ids=["removed", "no canary", "another share", "another stable"],
)
def test_an_edit_by_hand_is_obeyed_and_named(operator, begun, edit, said):
    path = operator.root / "routing.json"
    edited = edit(json.loads(path.read_bytes()))
    if edited is None:
        path.unlink()
    else:
        (path.parent / "routing.new").write_text(json.dumps(edited))
        (path.parent / "routing.new").replace(path)
    status, output = operator.end(begun)
    assert (status, said in output.splitlines()[-1]) == (1, True), output
    assert path.exists() == (edited is not None)
    if edited is not None and said.startswith("the stable"):
        assert operator.routing == Routing("wrong-1")


def test_a_rollout_goes_back_where_the_stable_version_is_removed(operator):
    make(operator.root, "old-1")
    assert operator.run("promote", "old-1")[0] == 0
    process = operator.begin("good-1", *WAITS)
    shutil.rmtree(operator.root / "old-1")
    status, output = operator.end(process)
    assert status == 1, output
    assert "good-1 went back" in output and "old-1" in output and operator.routing == Routing("old-1")


def test_what_another_host_rolls_out_is_left_to_it(operator):
    write_routing(operator.root, Routing(FIRST, canary="wrong-1", share=0.1))
    state = RolloutState("wrong-1", FIRST, [10.0, 100.0], {}, share=0.1, routed=True, who="ann@far", host="far")
    state.updated = time.time()
    write_state(operator.root, state)
    for arguments in (("good-1",), ("wrong-1",), ("wrong-1", "--resume")):
        status, output = operator.run("rollout", *arguments)
        assert (status, "on far, " in output, "ann@far" in output) == (1, True, True), output
    assert operator.routing == Routing(FIRST, canary="wrong-1", share=0.1)
