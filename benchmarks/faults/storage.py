"""Faults of disks, of the clock, and of the files that the service depends on."""

import dataclasses
import errno
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.faults.definition import HOLD, Break, Fault
from benchmarks.faults.service import Service
from inference.manifest import MANIFEST, Manifest
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


def _artifact(service: Service) -> Path:
    """The folder of the version that is served."""
    return next(path.parent for path in sorted(service.artifacts.glob("*/manifest.json")))


def _model_file(service: Service) -> Path:
    return next(path for path in _artifact(service).iterdir() if path.suffix in (".onnx", ".joblib"))


def _break_artifact(service: Service, draw: random.Random) -> None:
    path = _model_file(service)
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 0xFF
    path.write_bytes(content)
    os.kill(service.master, signal.SIGHUP)
    time.sleep(2 * HOLD)


def _delete_artifact(service: Service, _draw: random.Random) -> None:
    service.until((service.var / "last_good.json").exists)
    shutil.rmtree(_artifact(service))
    os.kill(service.master, signal.SIGHUP)
    time.sleep(2 * HOLD)


def _pipe_for_artifact(service: Service, _draw: random.Random) -> None:
    """A pipe that nobody writes to, in the place of the model's file."""
    service.until((service.var / "last_good.json").exists)
    path = _model_file(service)
    path.unlink()
    os.mkfifo(path)
    os.kill(service.master, signal.SIGHUP)
    time.sleep(2 * HOLD)


def _link_artifact(service: Service, _draw: random.Random) -> None:
    """The artifact's folder is moved to another place, and a link set in its stead."""
    folder = _artifact(service)
    moved = folder.rename(service.work / "elsewhere")
    folder.symlink_to(moved)
    os.kill(service.master, signal.SIGHUP)
    time.sleep(2 * HOLD)


def _break_routing(service: Service, draw: random.Random) -> None:
    routing = service.artifacts / "routing.json"
    right = routing.read_text()
    for text in ("", "{", '{"stable": "nobody-9"}', "[]", draw.randbytes(50).hex()):
        routing.write_text(text)
        time.sleep(HOLD / 4)
    routing.write_text(right)


def _promote(service: Service, _draw: random.Random) -> None:
    """Another version of the same model is promoted, then the first one again."""
    first = _artifact(service)
    second = first.with_name("other-2")
    shutil.copytree(first, aside := first.with_name(".other-2"))
    manifest = dataclasses.replace(Manifest.read(first), version=second.name)
    (aside / MANIFEST).write_text(json.dumps(manifest.to_json()))
    aside.rename(second)
    for wanted in (second.name, first.name):
        service.command("models", "promote", wanted)
        service.until(lambda wanted=wanted: service.health().get("model_version") == wanted)  # type: ignore[misc]  # a default binds the loop's value
        time.sleep(HOLD / 2)


def _break_tokens(service: Service, draw: random.Random) -> None:
    path = service.work / "tokens"
    right = path.read_bytes()
    for content in (b"clients: \n", draw.randbytes(300), b"\xff\xfe" + right):
        path.write_bytes(content)
        time.sleep(HOLD / 2)
    path.unlink()
    time.sleep(HOLD / 2)
    os.mkfifo(path)
    time.sleep(HOLD / 2)
    path.unlink()
    path.mkdir()
    time.sleep(HOLD / 2)
    path.rmdir()
    path.write_bytes(right)


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
    Fault("database_deleted", "the database's file deleted", _delete(_var(DATABASE))),
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
    Fault("artifact_broken", "a byte of the model's file flipped, then HUP", _break_artifact),
    Fault("artifact_deleted", "the artifact deleted, then HUP", _delete_artifact),
    Fault("artifact_pipe", "a pipe in the place of the model's file, then HUP", _pipe_for_artifact),
    Fault("artifact_linked", "the artifact moved and linked, then HUP", _link_artifact),
    Fault("promotion", "another version promoted, then the first one again", _promote),
    Fault("routing_broken", "five kinds of nonsense in routing.json", _break_routing),
    Fault(
        "tokens_broken",
        "six kinds of nonsense in the place of API_TOKENS_FILE",
        _break_tokens,
        settings=(("API_TOKENS_FILE", "{tokens}"),),
    ),
)
