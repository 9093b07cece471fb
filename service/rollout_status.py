"""How far the last rollout is, as the dashboard, the metrics and the commands show it."""

import socket
from dataclasses import replace
from pathlib import Path

from inference.rollout.state import LOCK, RolloutState, read_state
from service.locks import is_held


def current_rollout(root: Path) -> RolloutState | None:
    """The last rollout, as it is now: one whose process on this host ended without a word is interrupted."""
    state = read_state(root)
    if state is None or state.phase not in ("running", "going back") or state.host != socket.gethostname():
        return state
    if is_held(root / LOCK):
        return state
    return replace(state, phase="interrupted", why="its process has ended", since=state.updated)
