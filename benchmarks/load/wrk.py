"""The closed loop: wrk, one thread, as many requests as the server answers. Its latencies are those of a full queue."""

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.load.exchange import Ask, save_raw

SCRIPT = Path(__file__).with_name("wrk.lua")


def missing() -> str | None:
    """What to install where wrk is missing; None where it is there."""
    if shutil.which("wrk") is None:
        return "wrk is not installed. apt-get install wrk (Debian, Ubuntu), brew install wrk (macOS)."
    return None


def version() -> str:
    """As it says itself."""
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    return (said.stdout or said.stderr).splitlines()[0]


def closed_loop(
    port: int, asks: Sequence[Ask], work: Path, seconds: float, connections: int, marker: str, cores: Sequence[int]
) -> dict[str, Any]:
    """Requests, seconds, failures by kind, the client's own CPU seconds, latency percentiles 0..100 in ms."""
    file = work / "requests.raw"
    save_raw(asks, file)
    expected = {ask.status for ask in asks}
    if len(expected) > 1:
        raise ValueError("the closed loop expects one status")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    whole = max(1, round(seconds))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{whole}s", "--timeout", "30s", "-s", str(SCRIPT)]
    command += [f"http://127.0.0.1:{port}/", "--", str(file), str(expected.pop()), marker]
    said = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # where sessions are weighed, the client's core is not the servers' affair
        preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores and hasattr(os, "sched_setaffinity") else None,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = [line for line in said.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise RuntimeError(f"wrk failed: {said.stderr or said.stdout}")
    found: dict[str, Any] = json.loads(lines[0].removeprefix("RESULT "))
    found["latency"] = [value / 1000 for value in found["latency"]]
    found["client_cpu"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return found
