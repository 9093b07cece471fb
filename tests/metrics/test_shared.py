"""Several processes that count together."""

import shutil
import subprocess
import sys

import pytest

from service.metrics.process_slot import folder_for

PROLOGUE = """
import os, signal, sys, time
from service.settings import Settings
from service import metrics
from service.metrics import process_slot, versions
settings = Settings.read(os.environ)
def child(work):
    pid = os.fork()
    if not pid:
        metrics.open_metrics(settings)
        work()
        os.kill(os.getpid(), signal.SIGKILL)
    return pid
def wait(*pids):
    for pid in pids: os.waitpid(pid, 0)
def count(): metrics.began(); metrics.answered("/", "GET", 200, 0.001)
def exposed(): return metrics.exposition().decode()
def value(name): return sum(float(l.rsplit(" ", 1)[1]) for l in exposed().splitlines() if l.startswith(name))
folder = process_slot.folder_for(settings.var_dir)
def files(): return sorted(p.name for p in folder.iterdir() if p.name != "lock")
"""
pytestmark = pytest.mark.process


@pytest.fixture
def run(tmp_path):
    """Run lines of Python as a service with a VAR_DIR of its own; what they print."""

    def run(code: str, **environment: str) -> str:
        given = {"VAR_DIR": str(tmp_path)} | environment
        command = [sys.executable, "-c", PROLOGUE + code]
        done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    yield run
    shutil.rmtree(folder_for(tmp_path))


def test_a_killed_workers_counts_stay_and_its_gauges_go(run, samples):
    text = run(
        "metrics.prepare(settings)\n"
        "reading, writing = os.pipe()\n"
        "def work():\n"
        "    metrics.worker_slots(3); count(); metrics.began(); versions.loaded('a-1', 'onnx')\n"
        "    os.write(writing, b'.'); time.sleep(60)\n"
        "pids = [child(work) for _ in range(2)]\n"
        "os.read(reading, 1); os.read(reading, 1)\n"
        "print(exposed()); print('=====')\n"
        "for pid in pids: os.kill(pid, signal.SIGKILL)\n"
        "wait(*pids); metrics.leave(); print(exposed())"
    )
    during, after = (samples(part) for part in text.split("====="))
    assert during['http_requests_total{method="GET",route="/",status="200"}'] == 2
    assert (during["http_requests_in_flight"], during["http_worker_slots"]) == (2, 6)
    assert during['model_info{engine="onnx",model_version="a-1"}'] == 1
    assert after['http_requests_total{method="GET",route="/",status="200"}'] == 2
    assert after["http_requests_in_flight"] == 0 and "http_worker_slots" not in after
    assert 'model_info{engine="onnx",model_version="a-1"}' not in after
    assert after["worker_exits_total"] == 1


@pytest.mark.slow
def test_a_thousand_replaced_workers_leave_no_more_files_and_no_count_goes_back(run):
    text = run(
        "metrics.prepare(settings)\n"
        "last, size = 0, 0\n"
        "for turn in range(250):\n"
        "    wait(*[child(count) for _ in range(4)])\n"
        "    if turn % 10 == 0:\n"
        "        now = value('http_requests_total'); assert now >= last + 4, (now, last); last = now\n"
        "        size = size or len(exposed()); assert len(exposed()) < size * 1.2\n"
        "assert value('http_requests_total') == 1000\n"
        "print(len(files()))"
    )
    assert int(text) <= 5


def test_a_service_that_starts_counts_from_zero_and_a_reload_does_not(run):
    run("metrics.prepare(settings); wait(child(count)); os._exit(0)")
    run(
        "metrics.prepare(settings); assert value('http_requests_total') == 0\n"
        "wait(child(count)); metrics.prepare(settings); assert value('http_requests_total') == 1"
    )


def test_servers_without_our_master_share_their_counts_too(run):
    run(
        "reading, writing = os.pipe()\n"
        "def work(): count(); os.write(writing, b'.'); time.sleep(60)\n"
        "pids = [child(work) for _ in range(2)]\n"
        "os.read(reading, 1); os.read(reading, 1)\n"
        "count(); metrics.open_metrics(settings)\n"
        "assert value('http_requests_total') == 3  # what was counted before is not lost\n"
        "for pid in pids: os.kill(pid, signal.SIGKILL)"
    )


def test_the_last_process_to_leave_removes_the_folder(run):
    assert run("metrics.prepare(settings); wait(child(count)); print(folder.exists())").strip() == "True"
    assert run("print(os.path.exists(folder / 'lock'))").strip() == "False"


@pytest.mark.parametrize("leaves", [False, True])
def test_a_release_that_starts_or_leaves_during_an_upgrade_leaves_the_counts_of_the_other_one_alone(run, leaves):
    """Its files have other names, since it may lay its values out in another way."""
    text = run(
        "reading, writing = os.pipe()\n"
        "def work(): count(); os.write(writing, b'.'); time.sleep(60)\n"
        "metrics.prepare(settings); own, slot = process_slot._LAYOUT, process_slot.PROCESS\n"
        "pid = child(work); os.read(reading, 1); slot.leave()\n"
        "process_slot._LAYOUT = 'another-release'; metrics.prepare(settings)\n"
        f"{'slot.leave()' if leaves else 'pass'}\n"
        "process_slot._LAYOUT = own; metrics.prepare(settings); print(value('http_requests_total'))\n"
        "os.kill(pid, signal.SIGKILL)"
    )
    assert text.strip() == "1.0"


def test_a_version_that_is_always_wrong_has_an_accuracy_of_zero(run, samples):
    text = run("metrics.prepare(settings); versions.live_accuracy('a-1', 0.0, 120); print(exposed())")
    assert samples(text)['model_live_accuracy{model_version="a-1"}'] == 0


def test_a_full_disk_costs_the_sharing_and_nothing_else(run):
    text = run(
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "metrics.prepare(settings); count(); count()\n"
        "assert value('http_requests_total') == 2 and not files()"
    )
    assert '"event":"metrics_not_shared"' in text


def test_another_users_folder_is_not_used(run, tmp_path):
    text = run(
        "memory = process_slot.MEMORY = settings.var_dir / 'memory'; memory.mkdir()\n"
        "(memory / folder.name).symlink_to('/etc')\n"
        "print(process_slot.folder_for(settings.var_dir))"
    )
    assert text.strip() == str(tmp_path / "metrics")
