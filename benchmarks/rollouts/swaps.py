"""Promotes, rollbacks and rollouts, one after the other, under a load that never pauses."""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.rollouts.clients import Clients, ask_once
from benchmarks.rollouts.service import Service, running
from benchmarks.workload import make_pool

CLIENTS, WORKERS, ROWS, QUIET_EVERY, QUIET_SECONDS = 4, 2, 32, 10, 5.0
FOLLOWED_SECONDS = 1.5
"""Workers follow within a second."""
ROLLOUT = ("--steps", "50,100", "--hold", "500ms", "--min-requests", "20", "--patience", "5m")
VERSIONS = ("stable-1", "good-1", "wrong-1")


def run(changes: int) -> dict[str, Any]:
    """Make so many changes; what the clients heard, and how long answers took meanwhile and in quiet times between."""
    kinds = [("promote", "rollback", "rollout")[number % 3] for number in range(changes)]
    done: Counter[str] = Counter()
    quiet: list[tuple[float, float]] = []
    busy: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, running(Path(folder), WORKERS) as service:
        rows = make_pool(service.root / "stable-1", ROWS).rows
        service.models("promote", "good-1", "--keep")
        service.models("promote", "wrong-1", "--keep")
        _await_versions(service, rows[0])
        expected = {version: [ask_once(service.port, row, version) for row in rows] for version in VERSIONS}
        with Clients(service.port, rows, expected, CLIENTS) as clients, tqdm(total=changes, file=sys.stderr) as bar:
            for number, kind in enumerate(kinds):
                if number % QUIET_EVERY == 0:
                    quiet.append((time.time() + 1, time.time() + 1 + QUIET_SECONDS))
                    time.sleep(1 + QUIET_SECONDS)
                began = time.time()
                done[_change(service, kind, number)] += 1
                time.sleep(FOLLOWED_SECONDS)
                busy.append((began, time.time()))
                bar.update()
    answers = [one for heard in clients.heard for one in heard.answers]
    still, moving = (_percentiles(answers, windows) for windows in (quiet, busy))
    return {
        "changes": dict(done),
        "clients": CLIENTS,
        "workers": WORKERS,
        "requests": len(answers),
        "versions": dict(sum((Counter(heard.versions) for heard in clients.heard), Counter())),
        "failed": [text for heard in clients.heard for text in heard.failed],
        "wrong": [text for heard in clients.heard for text in heard.wrong],
        "quiet_ms": still,
        "during_changes_ms": moving,
        "p99_ratio": moving["p99"] / still["p99"],
    }


def report(found: dict[str, Any]) -> str:
    """In words."""
    changes = ", ".join(f"{count} x {what}" for what, count in sorted(found["changes"].items()))
    return f"""# Changes of version under full load

`python -m benchmarks.rollouts swaps`: {found["clients"]} clients ask without a pause, {found["workers"]} workers
answer, while versions change by the real commands: {changes}.

| | |
|---|---|
| requests | {found["requests"]:,} |
| failed | {len(found["failed"])} |
| answered wrongly, by the version that the answer names | {len(found["wrong"])} |
| p99 in quiet times between | {found["quiet_ms"]["p99"]:.2f} ms (p50 {found["quiet_ms"]["p50"]:.2f}) |
| p99 while a command runs and versions change | {found["during_changes_ms"]["p99"]:.2f} ms \
(p50 {found["during_changes_ms"]["p50"]:.2f}) |
| ratio of the two p99 | {found["p99_ratio"]:.2f} |

The commands run on the same cores as the workers and the clients, so the ratio holds what they cost as well.
"""


def _change(service: Service, kind: str, number: int) -> str:
    """Make one change; what was done, in words."""
    if kind == "rollback":
        _expect(service, 0, "rollback")
        return "rollback"
    stable = _stable(service)
    if kind == "promote":
        _expect(service, 0, "promote", "good-1" if stable == "stable-1" else "stable-1")
        return "promote"
    if number % 2:
        _expect(service, 1, "rollout", "wrong-1", *ROLLOUT)
        return "rollout that went back"
    _expect(service, 0, "rollout", "good-1" if stable == "stable-1" else "stable-1", *ROLLOUT)
    return "rollout that arrived"


def _expect(service: Service, status: int, *arguments: str) -> None:
    got, output = service.models(*arguments)
    if got != status:
        raise RuntimeError(f"flask models {' '.join(arguments)} ended with {got}, not {status}:\n{output}")


def _stable(service: Service) -> str:
    from inference.routing import read_routing

    routing = read_routing(service.root)
    assert routing is not None
    return routing.stable


def _await_versions(service: Service, row: dict[str, Any]) -> None:
    end = time.monotonic() + 60
    for version in VERSIONS:
        for _ in range(20):  # every worker
            while True:
                try:
                    ask_once(service.port, row, version)
                    break
                except KeyError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.1)


def _percentiles(answers: list[tuple[float, float]], windows: list[tuple[float, float]]) -> dict[str, float]:
    """Of the answers that came within the windows, in ms."""
    times, seconds = (np.array(column) for column in zip(*sorted(answers), strict=True))
    inside = np.zeros(len(times), dtype=bool)
    for start, end in windows:
        inside[np.searchsorted(times, start) : np.searchsorted(times, end)] = True
    chosen = seconds[inside] * 1000
    found = {f"p{share:g}": float(np.percentile(chosen, share)) for share in (50, 95, 99, 99.9)}
    return found | {"max": float(chosen.max()), "answers": float(len(chosen))}
