"""The fault classes: one table. Each breaks a running service while the load goes on, and mends what it broke."""

import errno
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psutil

from benchmarks.faults.service import Service

Break = Callable[[Service, random.Random], None]
HOLD = 2.0
"""Seconds that a fault lasts."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One class.

    ``settings`` are those of the service, ``shim`` those of shim.c. ``outage`` names why requests may fail, ``loses``
    what the documents say is lost beyond what the service counts; empty where nothing may.
    """

    name: str
    title: str
    make: Break
    settings: tuple[tuple[str, str], ...] = ()
    shim: tuple[tuple[str, str], ...] = ()
    needs: str = ""
    outage: str = ""
    loses: str = ""


def _kill_worker(service: Service, draw: random.Random) -> None:
    for _ in range(3):
        killed = draw.choice(service.workers())
        os.kill(killed, signal.SIGKILL)
        service.until(partial(_replaced, service, [killed]))


def _kill_master(service: Service, _draw: random.Random) -> None:
    workers = service.workers()
    os.kill(service.master, signal.SIGKILL)
    assert service.process is not None
    service.process.wait()
    service.until(lambda: not any(psutil.pid_exists(pid) for pid in workers))
    service.start()


def _kill_shipper(service: Service, _draw: random.Random) -> None:
    service.until(service.shippers)
    for _ in range(2):
        before = service.shippers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        service.until(partial(_others, service, before))


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
    os.kill(old, signal.SIGUSR2)
    service.until(lambda: _second_master(service, old))
    new = _second_master(service, old)
    assert new is not None
    service.masters.append(new)
    service.until(lambda: len(service.workers(new)) == 2)
    service.until(service.ready)
    time.sleep(HOLD)  # both generations serve; the new one's workers load their model meanwhile
    os.kill(old, signal.SIGTERM)
    assert service.process is not None
    service.process.wait()


def _second_master(service: Service, old: int) -> int | None:
    """The child of the old master that has workers of its own."""
    return next((pid for pid in service.workers(old) if service.workers(pid)), None)


def _nothing(_service: Service, _draw: random.Random) -> None:
    time.sleep(2 * HOLD)


def _lock_database(service: Service, _draw: random.Random) -> None:
    database = service.var / "predictions.db"
    service.until(database.exists)
    with sqlite3.connect(database, timeout=30, isolation_level=None) as held:
        held.execute("BEGIN EXCLUSIVE")
        time.sleep(2 * HOLD)
        held.execute("ROLLBACK")
    held.close()


def _delete(name: str) -> Break:
    def make(service: Service, _draw: random.Random) -> None:
        path = service.var / name
        service.until(path.exists)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
        time.sleep(HOLD)

    return make


def _break_artifact(service: Service, draw: random.Random) -> None:
    folder = next(path.parent for path in service.artifacts.glob("*/manifest.json"))
    graph = next(path for path in folder.iterdir() if path.suffix in (".onnx", ".joblib"))
    content = bytearray(graph.read_bytes())
    content[draw.randrange(len(content))] ^= 0xFF
    graph.write_bytes(content)
    os.kill(service.master, signal.SIGHUP)
    time.sleep(2 * HOLD)


def _break_routing(service: Service, draw: random.Random) -> None:
    routing = service.artifacts / "routing.json"
    right = routing.read_text()
    for text in ("", "{", '{"stable": "nobody-9"}', "[]", draw.randbytes(50).hex()):
        routing.write_text(text)
        time.sleep(HOLD / 4)
    routing.write_text(right)


def _few_descriptors(service: Service, _draw: random.Random) -> None:
    limits = {pid: psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE) for pid in service.workers()}
    for pid, (_, hard) in limits.items():
        psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE, (psutil.Process(pid).num_fds(), hard))
    time.sleep(HOLD)
    for pid, limit in limits.items():
        psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE, limit)


def _redis(signal_sent: int, then: int | None) -> Break:
    def make(service: Service, _draw: random.Random) -> None:
        redis = next(p for p in service.helpers if "redis" in str(p.args))
        redis.send_signal(signal_sent)
        time.sleep(HOLD)
        if then is not None:
            redis.send_signal(then)
            time.sleep(HOLD)

    return make


def _clients(count: int, sent: bytes, keep: bool) -> Break:
    """``count`` connections that send ``sent``: kept open and silent, or closed before the answer."""

    def make(service: Service, _draw: random.Random) -> None:
        until = time.monotonic() + HOLD
        held: list[socket.socket] = []
        while time.monotonic() < until:
            opened = socket.create_connection(("127.0.0.1", service.port), timeout=10)
            opened.sendall(sent)
            if keep and len(held) < count:
                held.append(opened)
            else:
                opened.close()
            time.sleep(0.005)
        for opened in held:
            opened.close()

    return make


HALF = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n{"
WHOLE = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
JOURNAL = "/spool/"
REDIS = (("RATE_LIMIT", "1000000/minute"), ("CACHE", "redis"), ("REDIS_URL", "{redis}"))
DAY = 86_400


def _disk(code: int) -> tuple[tuple[str, str], ...]:
    return (("FAULT_PATH", JOURNAL), ("FAULT_FROM", "150"), ("FAULT_COUNT", "60"), ("FAULT_ERRNO", str(code)))


FAULTS: tuple[Fault, ...] = (
    Fault("kill_worker", "SIGKILL of a worker, three times", _kill_worker, outage="requests that it was answering"),
    Fault("kill_master", "SIGKILL of the master, then a start", _kill_master, outage="nobody listens until the start"),
    Fault("kill_shipper", "SIGKILL of the shipper, twice", _kill_shipper),
    Fault("stop_worker", "SIGSTOP of a worker for 2 s", _stop(lambda service: service.workers())),
    Fault("stop_shipper", "SIGSTOP of the shipper for 2 s", _stop(lambda service: service.shippers())),
    Fault("stop_master", "SIGSTOP of the master for 2 s", _stop(lambda service: [service.master])),
    Fault("reload", "HUP, twice", _reload),
    Fault("resize", "TTIN, TTOU, TTOU, TTIN", _resize),
    Fault("upgrade", "USR2, then TERM to the old master: a new one takes over", _upgrade),
    Fault("disk_full", "ENOSPC for 60 writes of each process to the spool", _nothing, shim=_disk(errno.ENOSPC)),
    Fault("disk_broken", "EIO for 60 writes of each process to the spool", _nothing, shim=_disk(errno.EIO)),
    Fault("clock_ahead", "the clock 100 days ahead", _nothing, shim=(("FAULT_CLOCK", str(100 * DAY)),)),
    Fault("clock_behind", "the clock a year behind", _nothing, shim=(("FAULT_CLOCK", str(-365 * DAY)),)),
    Fault("database_locked", "SQLite locked by another for 4 s", _lock_database),
    Fault(
        "database_deleted",
        "the database's file deleted",
        _delete("predictions.db"),
        loses="the records in the deleted file",
    ),
    Fault("spool_deleted", "the spool's folder deleted", _delete("spool"), loses="records that were not shipped yet"),
    Fault("last_good_deleted", "last_good.json deleted", _delete("last_good.json")),
    Fault("artifact_broken", "a byte of the model's file flipped, then HUP", _break_artifact),
    Fault("routing_broken", "five kinds of nonsense in routing.json", _break_routing),
    Fault("descriptors", "no file descriptor is left for 2 s", _few_descriptors, outage="new connections wait"),
    Fault("redis_stopped", "Redis ends", _redis(signal.SIGTERM, None), REDIS, needs="redis-server"),
    Fault("redis_frozen", "Redis frozen for 2 s", _redis(signal.SIGSTOP, signal.SIGCONT), REDIS, needs="redis-server"),
    Fault("clients_hang", "300 clients that send half a body and wait", _clients(300, HALF, keep=True)),
    Fault("clients_leave", "clients that leave before the answer", _clients(0, WHOLE, keep=False)),
    Fault("clients_pipeline", "clients that pipeline 100 requests and leave", _clients(0, WHOLE * 100, keep=False)),
)
BY_NAME = {fault.name: fault for fault in FAULTS}


def missing(fault: Fault) -> str | None:
    """Why a fault cannot be made on this machine, or None."""
    if fault.needs and shutil.which(fault.needs) is None:
        return f"{fault.needs} is not installed: apt-get install {fault.needs}"
    if fault.shim and not any(map(shutil.which, ("cc", "gcc", "clang"))):
        return "a C compiler is not installed: apt-get install gcc"
    return None


def drawn(count: int, commit: str) -> list[Fault]:
    """``count`` classes that this machine can make, drawn by a commit: each commit tries others."""
    possible = [fault for fault in FAULTS if missing(fault) is None]
    return random.Random(commit).sample(possible, min(count, len(possible)))


def start_redis(service: Service, port: int) -> None:
    """A Redis of this service's own, which ends with it."""
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(service.work)]
    service.helpers.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
