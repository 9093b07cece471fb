"""Faults of what operators put in place: artifacts, routing.json, API_TOKENS_FILE."""

import dataclasses
import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

from benchmarks.faults.definition import HOLD, Fault
from benchmarks.faults.service import Service
from inference.manifest import MANIFEST, Manifest


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


FAULTS = (
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
