"""What ``flask models rollout`` prints: one rollout that arrives, one that goes back, as they really went."""

import tempfile
from pathlib import Path

from benchmarks.rollouts.clients import Clients, ask_once
from benchmarks.rollouts.service import running
from benchmarks.workload import make_pool

OPTIONS = ("--steps", "10,50,100", "--hold", "10s", "--min-requests", "100")
VERSIONS = ("good-1", "wrong-1")


def record() -> str:
    """Markdown with both, and with the history afterwards."""
    parts = ["# Transcripts", "", "Written by `python -m benchmarks.rollouts transcripts`.", ""]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, running(Path(folder)) as service:
        rows = make_pool(service.root / "stable-1", 32).rows
        right = [ask_once(service.port, row, "stable-1") for row in rows]
        expected = dict.fromkeys(("stable-1", *VERSIONS), right)  # what is wrong is not counted here
        with Clients(service.port, rows, expected, 2):
            for version in VERSIONS:
                status, output = service.models("rollout", version, *OPTIONS)
                parts += ["```", f"$ flask models rollout {version} {' '.join(OPTIONS)}", output.rstrip()]
                parts += ["$ echo $?", str(status), "```", ""]
        _, history = service.models("history")
        _, listed = service.models("list")
    parts += ["```", "$ flask models history", history.rstrip(), "$ flask models list", listed.rstrip(), "```"]
    return "\n".join(parts) + "\n"
