"""The closed loop: wrk, one thread, as many requests as the server answers. Its latencies are those of a full queue."""

import json
import os
import re
import resource
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.load.requests import Request, write_requests
from benchmarks.measurement import LoadResult

SCRIPT = Path(__file__).with_name("wrk.lua")


def missing() -> str | None:
    """What to install where wrk is missing; None where it is there."""
    if shutil.which("wrk") is None:
        return "wrk is not installed. apt-get install wrk (Debian, Ubuntu), brew install wrk (macOS)."
    return None


def version() -> str:
    """Of wrk, as ``4.1.0``."""
    shown = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", shown.stdout or shown.stderr)
    return found[0] if found else "unknown"


def closed_loop(
    port: int,
    requests: Sequence[Request],
    work: Path,
    seconds: float,
    connections: int,
    marker: str,
    cores: Sequence[int],
) -> LoadResult:
    """Load a server with wrk: ``marker`` is text that every correct body holds, ``cores`` are those of the client."""
    file = work / "requests.raw"
    write_requests(requests, file)
    expected = {request.status for request in requests}
    if len(expected) > 1:
        raise ValueError("the closed loop expects one status")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    whole = max(1, round(seconds))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{whole}s", "--timeout", "30s", "-s", str(SCRIPT)]
    command += [f"http://127.0.0.1:{port}/", "--", str(file), str(expected.pop()), marker]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # the scheduler weighs sessions: the servers have their own
        preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores and hasattr(os, "sched_setaffinity") else None,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise RuntimeError(f"wrk failed: {done.stderr or done.stdout}")
    found = json.loads(lines[0].removeprefix("RESULT "))
    found["latency"] = [microseconds / 1000 for microseconds in found["latency"]]
    return LoadResult(**found, client_cpu=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
