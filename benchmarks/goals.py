"""Figures that the goals need besides the scenarios: cold start, memory, swaps, versions, uptime."""

import dataclasses
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import servers
from benchmarks.cores import client_cores, server_cores
from benchmarks.lab import Lab
from benchmarks.load.scenario_requests import requests_for
from benchmarks.load.sequential import send_once
from benchmarks.load.wrk import closed_loop
from benchmarks.readiness import await_ready, warm_up
from benchmarks.scenarios import ONE_ROW
from benchmarks.servers import NotStarted, Server
from benchmarks.targets import BY_NAME
from inference.manifest import MANIFEST, Manifest
from inference.routing import Routing, write_routing

OURS = BY_NAME["ours"]
UPTIME_SECONDS = 30


def measure_goals(lab: Lab, tick: Callable[[], None]) -> dict[str, Any]:
    """Each figure by name."""
    found: dict[str, Any] = {}
    for name, measure in (("cold_start", _cold_start), ("memory", _memory), ("swap", _swap), ("versions", _versions)):
        try:
            found[name] = measure(lab)
        except (NotStarted, OSError, TimeoutError) as exc:
            found[name] = {"error": str(exc)}
        tick()
    return found


def _cold_start(lab: Lab) -> dict[str, Any]:
    """From the command to the first 200 from /predict, two workers, unpinned."""
    taken = []
    for number in range(5):
        began = time.monotonic()
        server = servers.start(OURS, lab.artifact, lab.work / f"cold-{number}", (), 2)
        try:
            _until(server, lambda answer: answer[0] == 200, lab)
            taken.append(time.monotonic() - began)
        finally:
            server.stop()
    return {"seconds": taken}


def _memory(lab: Lab) -> dict[str, Any]:
    """PSS of the whole service by workers, after a load on all of them, and through uptime."""
    found: dict[str, Any] = {"pss_mib": {}}
    for workers in (1, 2, 3):
        with lab.running([OURS], workers) as ready:
            for server in ready:
                load(lab, server, 2)
                found["pss_mib"][str(workers)] = server.pss_bytes() / 2**20
                if workers == 1:
                    requests = load(lab, server, UPTIME_SECONDS)
                    found["uptime"] = {"requests": requests, "pss_mib": server.pss_bytes() / 2**20}
    return found


def _swap(lab: Lab) -> dict[str, Any]:
    """From the renaming of routing.json to the first answer by the new version; memory before and after six swaps."""
    root = _repository(lab, ("lab-1", "lab-2"))
    with _Serving(lab, root, "swap") as server:
        load(lab, server, 1)
        _route(root, "lab-2")
        _until(server, _version_is("lab-2"), lab)
        load(lab, server, 1)
        before, taken = server.pss_bytes(), []
        for number in range(6):
            wanted = f"lab-{number % 2 + 1}"
            began = time.monotonic()
            _route(root, wanted)
            _until(server, _version_is(wanted), lab)
            taken.append(time.monotonic() - began)
        load(lab, server, 1)
        return {"seconds": taken, "pss_mib": [before / 2**20, server.pss_bytes() / 2**20]}


def _versions(lab: Lab) -> dict[str, Any]:
    """The one-row rate with one version loaded and with six, rounds alternating."""
    names = tuple(f"lab-{number}" for number in range(1, 7))
    few, many = _repository(lab, names, "few"), _repository(lab, names, "many")
    _route(many, "lab-1", names[1:])
    with _Serving(lab, few, "few") as one, _Serving(lab, many, "many") as six:
        rates: dict[str, list[float]] = {"1": [], "6": []}
        for _ in range(3):
            for key, server in (("1", one), ("6", six)):
                rates[key].append(load(lab, server, 1))
        return {"rates": rates}


class _Serving:
    """Our service on its own artifacts folder, routed by that folder's routing.json."""

    def __init__(self, lab: Lab, root: Path, name: str) -> None:
        self._lab = lab
        unpinned = {"ARTIFACTS_DIR": str(root), "MODEL_VERSION": ""}
        self._server = servers.start(OURS, lab.artifact, lab.work / f"serving-{name}", server_cores(1), 1, unpinned)

    def __enter__(self) -> Server:
        try:
            await_ready(self._server, self._lab.pool)
            warm_up(self._server, self._lab.pool)
        except BaseException:
            self._server.stop()
            raise
        return self._server

    def __exit__(self, *_: object) -> None:
        self._server.stop()


def _repository(lab: Lab, versions: tuple[str, ...], name: str = "swap") -> Path:
    """An artifacts folder that holds the artifact under several names."""
    root = lab.work / f"repository-{name}"
    manifest = Manifest.read(lab.artifact)
    for version in versions:
        shutil.copytree(lab.artifact, root / version)
        renamed = dataclasses.replace(manifest, version=version).to_json()
        (root / version / MANIFEST).write_text(json.dumps(renamed))
    _route(root, versions[0])
    return root


def _route(root: Path, stable: str, keep: tuple[str, ...] = ()) -> None:
    write_routing(root, Routing(stable, keep=keep))


def _until(server: Server, holds: Callable[[tuple[int, bytes]], bool], lab: Lab) -> None:
    request = requests_for(ONE_ROW, OURS, lab.pool)[0]
    limit = servers.deadline(60)
    while time.monotonic() < limit:
        try:
            if holds(send_once(server.port, request, 5)):
                return
        except OSError:
            if server.process.poll() is not None:
                break
        time.sleep(0.002)
    raise NotStarted(f"no such answer came:\n{servers.last_lines(server.work / 'server.log')}")


def _version_is(version: str) -> Callable[[tuple[int, bytes]], bool]:
    return lambda answer: b'"model_version":"%s"' % version.encode() in answer[1]


def load(lab: Lab, server: Server, seconds: float) -> float:
    """How many one-row requests were answered in a closed loop."""
    requests = requests_for(ONE_ROW, server.target, lab.pool)
    found = closed_loop(server.port, requests, server.work, seconds, 16, "", client_cores())
    return float(found.requests)
