"""rollout.json beside routing.json: how far a rollout is, for --resume, the dashboard and the metrics."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from inference.atomic_write import write_atomically
from inference.regular_file import DOCUMENT_BYTES, read_regular

STATE, LOCK = "rollout.json", "rollout.lock"
Phase = Literal["running", "interrupted", "too little traffic", "going back", "went back", "taken over", "arrived"]
OPEN = ("running", "interrupted", "too little traffic", "going back")
"""Phases from which --resume goes on."""


@dataclass
class RolloutState:
    """``step`` counts ``steps``, percentages, from 0. ``since`` is the Unix time at which ``phase`` began.

    ``routed``: the canary has had its share, so that who took it away is known to be somebody else. ``measures`` are
    the last verdicts, in the form of ``Measure``.
    """

    version: str
    stable: str
    steps: list[float]
    options: dict[str, Any]
    phase: Phase = "running"
    step: int = 0
    share: float = 0.0
    routed: bool = False
    why: str = ""
    who: str = ""
    host: str = ""
    pid: int = 0
    since: float = 0.0
    updated: float = 0.0
    requests: dict[str, float] = field(default_factory=dict)
    measures: list[dict[str, str]] = field(default_factory=list)


def percent(share: float) -> str:
    """A share of the requests as people read it: 0.05 is 5%."""
    return f"{100 * share:.4g}%"


def read_state(root: Path) -> RolloutState | None:
    """The last rollout; None where there was none, or its file cannot be read."""
    try:
        document = json.loads(read_regular(root / STATE, DOCUMENT_BYTES))
        known = {entry.name: document[entry.name] for entry in fields(RolloutState) if entry.name in document}
        state = RolloutState(**known)
        steps = [float(step) for step in state.steps]
        valid = isinstance(state.version, str) and isinstance(state.stable, str) and bool(steps)
        valid = valid and state.phase in get_args(Phase) and type(state.step) is int and 0 <= state.step < len(steps)
        valid = valid and all(isinstance(value, int | float) for value in (state.share, state.since, state.pid))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return state if valid else None


def write_state(root: Path, state: RolloutState) -> None:
    """Replace the file in one step.

    Raises:
        OSError: it cannot be written.
    """
    write_atomically(root / STATE, json.dumps(asdict(state), indent=2, ensure_ascii=False).encode() + b"\n")
