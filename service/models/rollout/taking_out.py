"""Taking a version out of the traffic, also where the disk is full for a while."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from inference.rollout.state import RolloutState
from inference.routing import ROUTING, Routing
from service import log
from service.models.rollout.check import TakenOver
from service.routing_changes import change_routing

FULL_DISK_SECONDS = 600.0
"""How long it is tried, where routing.json cannot be written."""


def take_out(root: Path, state: RolloutState, why: str, say: Callable[[str], None]) -> None:
    """Give the share of ``state.version`` back to the stable version; nothing where somebody else has done so.

    Raises:
        OSError: routing.json could not be written for ``FULL_DISK_SECONDS``.
    """

    def change(routing: Routing | None) -> Routing:
        if routing is None or routing.canary != state.version:
            raise TakenOver(why)
        return replace(routing, canary=None, share=0.0)

    end, said = time.monotonic() + FULL_DISK_SECONDS, False
    while True:
        try:
            with suppress(TakenOver):
                change_routing(root, change, f"rollout {state.version}", f"went back: {why}")
            return
        except OSError as exc:
            if time.monotonic() > end:
                raise
            if not said:
                said = True
                refused = f"{root / ROUTING} cannot be written: {exc.strerror}"
                say(f"{state.version} cannot be taken out yet: {refused}. {why}")
                log.error("rollout_cannot_go_back", model_version=state.version, reason=exc.strerror)
        time.sleep(1)
