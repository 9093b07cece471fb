"""Faults of disks, of the clock, and of the files in VAR_DIR."""

import contextlib
import errno
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.faults.definition import HOLD, Break, Fault
from benchmarks.faults.service import Service
from service.metrics.process_slot import folder_for
from service.records.spool.files import read_offset, spool_files

SPOOL, DATABASE, DAY = "/spool/", "predictions.db", 86_400


def _writes(code: int, count: int = 60) -> Break:
    """Let some writes fail, from one on that the seed draws."""

    def make(service: Service, draw: random.Random) -> None:
        assert service.control is not None
        service.control.fail_writes(code, draw.randrange(40), count)
        limit = time.monotonic() + 4 * HOLD
        while not service.control.all_failed and time.monotonic() < limit:
            time.sleep(0.05)
        service.control.end()

    return make


def _slow_writes(service: Service, _draw: random.Random) -> None:
    assert service.control is not None
    service.control.slow_writes(0.02)
    time.sleep(2 * HOLD)
    service.control.end()


def _read_only(service: Service, _draw: random.Random) -> None:
    """No file can be made: new workers have no spool, and count what they lose."""
    assert service.control is not None
    service.control.fail_opens(errno.EROFS)
    before = service.workers()
    os.kill(service.master, signal.SIGHUP)
    service.until(lambda: len(service.workers()) == 2 and not set(before) & set(service.workers()))
    time.sleep(HOLD)
    service.control.end()


def _clock(*jumps: int) -> Break:
    """Set the clock so many seconds ahead, one jump after the other, then right again."""

    def make(service: Service, _draw: random.Random) -> None:
        assert service.control is not None
        for seconds in (*jumps, 0):
            service.control.set_clock(seconds)
            time.sleep(HOLD)

    return make


def _start_ahead(service: Service, _draw: random.Random) -> None:
    """A start with the clock 400 days ahead: everything looks older than what is kept."""
    assert service.control is not None
    os.kill(service.master, signal.SIGTERM)
    assert service.process is not None
    service.process.wait()
    service.control.set_clock(400 * DAY)
    service.start()
    time.sleep(2 * HOLD)
    service.control.end()


def _delete(where: Callable[[Service], Path]) -> Break:
    def make(service: Service, _draw: random.Random) -> None:
        path = where(service)
        service.until(path.exists)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
        time.sleep(HOLD)

    return make


def _delete_database(service: Service, draw: random.Random) -> None:
    """Once it holds records."""
    path = service.var / DATABASE

    def holds_records() -> bool:
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path, timeout=10)) as database:
            return bool(database.execute("SELECT count(*) > 20 FROM predictions").fetchone()[0])
        return False

    service.until(holds_records)
    _delete(_var(DATABASE))(service, draw)


def _damage_spool(service: Service, draw: random.Random) -> None:
    """Bytes of one line are overwritten before it is shipped."""
    service.until(service.shippers)
    stopped = service.shippers()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(HOLD)
    path = next(path for path in spool_files(service.var / "spool") if path.stat().st_size > read_offset(path) + 4000)
    content = path.read_bytes()
    begin = content.index(b"\n", read_offset(path) + draw.randrange(1000)) + 1
    with path.open("r+b") as file:
        file.seek(begin + draw.randrange(20, 100))
        file.write(b"\xff\xff\xff\xff")
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    time.sleep(HOLD)


def _var(name: str) -> Callable[[Service], Path]:
    return lambda service: service.var / name


FAULTS = (
    Fault("disk_full", "ENOSPC for 60 writes to the spool", _writes(errno.ENOSPC), needs=("cc",), shim=SPOOL),
    Fault("disk_broken", "EIO for 60 writes to the spool", _writes(errno.EIO), needs=("cc",), shim=SPOOL),
    Fault("disk_slow", "each write to the spool takes 20 ms longer", _slow_writes, needs=("cc",), shim=SPOOL),
    Fault("disk_read_only", "no file can be made in VAR_DIR, and HUP", _read_only, needs=("cc",), shim="/var/"),
    Fault("var_full", "ENOSPC for 200 writes to VAR_DIR", _writes(errno.ENOSPC, 200), needs=("cc",), shim="/var/"),
    Fault("database_full", "ENOSPC for 60 writes to the database", _writes(errno.ENOSPC), needs=("cc",), shim=DATABASE),
    Fault("database_broken", "EIO for 60 writes to the database", _writes(errno.EIO), needs=("cc",), shim=DATABASE),
    Fault("clock_ahead", "the clock jumps 400 days ahead and back", _clock(400 * DAY), needs=("cc",), shim=SPOOL),
    Fault("clock_behind", "the clock jumps a year back and forth", _clock(-365 * DAY), needs=("cc",), shim=SPOOL),
    Fault(
        "clock_jumps",
        "the clock jumps by an hour, four times",
        _clock(3600, -3600, 3600, -3600),
        needs=("cc",),
        shim=SPOOL,
    ),
    Fault(
        "clock_at_start",
        "a start with the clock 400 days ahead",
        _start_ahead,
        needs=("cc",),
        shim=SPOOL,
        outage="nobody listens until the start",
    ),
    Fault("database_deleted", "the database's file deleted", _delete_database),
    Fault("spool_deleted", "the spool's folder deleted", _delete(_var("spool"))),
    Fault("spool_damaged", "four bytes of a line of the spool overwritten", _damage_spool),
    Fault("last_good_deleted", "last_good.json deleted", _delete(_var("last_good.json"))),
    Fault("copies_deleted", "the copy of the last good version deleted", _delete(_var("last_good"))),
    Fault("metrics_deleted", "the folder of the metrics deleted", _delete(lambda service: folder_for(service.var))),
    Fault(
        "limits_deleted",
        "the file of the rate limits deleted",
        _delete(_var("limits.v1")),
        settings=(("RATE_LIMIT", "1000000/minute"),),
    ),
)
