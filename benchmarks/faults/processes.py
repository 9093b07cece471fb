"""Faults of processes: killed, stopped, replaced, upgraded, started twice."""

import errno
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial

import psutil

from benchmarks.faults.definition import HOLD, Break, Fault
from benchmarks.faults.service import Service
from benchmarks.servers import free_port

RECYCLED = ("--max-requests", "60", "--max-requests-jitter", "30")


def _kill_worker(service: Service, draw: random.Random) -> None:
    for _ in range(3):
        killed = draw.choice(service.workers())
        os.kill(killed, signal.SIGKILL)
        service.until(partial(_replaced, service, [killed]))


def _kill_workers(service: Service, _draw: random.Random) -> None:
    killed = service.workers()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    service.until(partial(_replaced, service, killed))


def _kill_master(service: Service, _draw: random.Random) -> None:
    workers = service.workers()
    os.kill(service.master, signal.SIGKILL)
    assert service.process is not None
    service.process.wait()
    service.until(lambda: not any(psutil.pid_exists(pid) for pid in workers))
    service.start()


def _restart(service: Service, _draw: random.Random) -> None:
    os.kill(service.master, signal.SIGTERM)
    assert service.process is not None
    service.process.wait()
    service.start()


def _kill_shipper(service: Service, _draw: random.Random) -> None:
    service.until(service.shippers)
    for _ in range(2):
        before = service.shippers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        service.until(partial(_others, service, before))


def _hang_shipper(service: Service, _draw: random.Random) -> None:
    service.until(service.shippers)
    stopped = service.shippers()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    service.until(lambda: not set(stopped) & set(service.shippers()) and service.shippers(), 120)


def _replaced(service: Service, before: list[int]) -> bool:
    """Whether two workers run, and none of ``before``."""
    return len(service.workers()) == 2 and not set(before) & set(service.workers())


def _others(service: Service, before: list[int]) -> bool:
    return bool(set(service.shippers()) - set(before))


def _has_workers(service: Service, wanted: int) -> bool:
    return len(service.workers()) == wanted


def _stop(which: Callable[[Service], list[int]]) -> Break:
    def make(service: Service, draw: random.Random) -> None:
        service.until(lambda: which(service))
        frozen = draw.choice(which(service))
        os.kill(frozen, signal.SIGSTOP)
        time.sleep(HOLD)
        os.kill(frozen, signal.SIGCONT)

    return make


def _reload(service: Service, _draw: random.Random) -> None:
    for _ in range(2):
        before = service.workers()
        os.kill(service.master, signal.SIGHUP)
        service.until(partial(_replaced, service, before))


def _resize(service: Service, _draw: random.Random) -> None:
    for sent, wanted in ((signal.SIGTTIN, 3), (signal.SIGTTOU, 2), (signal.SIGTTOU, 1), (signal.SIGTTIN, 2)):
        os.kill(service.master, sent)
        service.until(partial(_has_workers, service, wanted))


def _upgrade(service: Service, _draw: random.Random) -> None:
    old = service.master
    new = _second_master(service)
    time.sleep(HOLD)  # both generations serve; the new one's workers load their model meanwhile
    os.kill(old, signal.SIGTERM)
    assert service.process is not None
    service.process.wait()
    assert service.master == new


def _upgrade_and_back(service: Service, _draw: random.Random) -> None:
    new = _second_master(service)
    time.sleep(HOLD)
    os.kill(new, signal.SIGTERM)
    service.until(lambda: not psutil.pid_exists(new))
    service.masters.remove(new)


def _second_master(service: Service) -> int:
    """Send SIGUSR2; the new master, which is ready."""
    old = service.master
    os.kill(old, signal.SIGUSR2)
    service.until(lambda: _child_master(service, old))
    new = _child_master(service, old)
    assert new is not None
    service.masters.append(new)
    service.until(lambda: len(service.workers(new)) == 2)
    service.until(service.ready)
    return new


def _child_master(service: Service, old: int) -> int | None:
    """The child of the old master that has workers of its own."""
    return next((pid for pid in service.workers(old) if service.workers(pid)), None)


def _second_service(service: Service, _draw: random.Random) -> None:
    """Another service on the same VAR_DIR: it logs ``var_dir_shared``, and does no harm."""
    port = free_port()
    environment = service.environment() | {"BIND": f"127.0.0.1:{port}"}
    with (service.work / "second.log").open("ab") as log:
        second = service.spawn(environment, log)
    service.until(lambda: service.ready(port))
    time.sleep(HOLD)
    second.terminate()
    second.wait()


def _second_start(service: Service, _draw: random.Random) -> None:
    """The same command again: the address is taken, so it ends, and the first one goes on."""
    with (service.work / "second.log").open("ab") as log:
        second = service.spawn(service.environment(), log)
    try:
        assert second.wait(60) != 0, os.strerror(errno.EADDRINUSE)
    except subprocess.TimeoutExpired:
        second.kill()
        raise TimeoutError("a second service on the same address did not end") from None


def _wait(service: Service, _draw: random.Random) -> None:
    time.sleep(3 * HOLD)
    service.until(service.ready)


FAULTS = (
    Fault("kill_worker", "SIGKILL of a worker, three times", _kill_worker, outage="requests that it was answering"),
    Fault("kill_workers", "SIGKILL of all workers at once", _kill_workers, outage="requests that they were answering"),
    Fault("kill_master", "SIGKILL of the master, then a start", _kill_master, outage="nobody listens until the start"),
    Fault("kill_shipper", "SIGKILL of the shipper, twice", _kill_shipper),
    Fault("stop_worker", "SIGSTOP of a worker for 2 s", _stop(lambda service: service.workers())),
    Fault("stop_shipper", "SIGSTOP of the shipper for 2 s", _stop(lambda service: service.shippers())),
    Fault("hang_shipper", "SIGSTOP of the shipper, until it is replaced", _hang_shipper),
    Fault("stop_master", "SIGSTOP of the master for 2 s", _stop(lambda service: [service.master])),
    Fault("restart", "TERM of the master, then a start", _restart, outage="nobody listens until the start"),
    Fault("reload", "HUP, twice", _reload),
    Fault("resize", "TTIN, TTOU, TTOU, TTIN", _resize),
    Fault("upgrade", "USR2, then TERM to the old master: a new one takes over", _upgrade),
    Fault("upgrade_back", "USR2, then TERM to the new master: the old one goes on", _upgrade_and_back),
    Fault(
        "max_requests",
        "workers that end after 60 to 90 requests",
        _wait,
        arguments=("--max-requests", "60", "--max-requests-jitter", "30"),
    ),
    Fault("second_service", "a second service on the same VAR_DIR", _second_service),
    Fault("second_start", "a second start on the same address", _second_start),
)
