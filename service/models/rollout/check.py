"""What ends a rollout before its time, and the look at what somebody else may have changed meanwhile."""

import time

from inference.manifest import ArtifactError, Manifest
from inference.rollout.state import RolloutState
from inference.routing import ROUTING, RoutingError
from service.models.repository import Repository

UNREADABLE_SECONDS, LOOK_SECONDS = 10.0, 0.2
"""How long routing.json may be unreadable, since somebody may be editing it, and how often it is read meanwhile."""


class RolloutEnd(Exception):
    """The rollout stops here: in this phase, for this reason."""

    phase = "went back"

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class GoBack(RolloutEnd):
    """The version is to lose its share."""


class TakenOver(RolloutEnd):
    """Somebody else has changed the routing; it stays as they left it."""

    phase = "taken over"


class TooLittleTraffic(RolloutEnd):
    """Nothing can be told within the patience; the share stays."""

    phase = "too little traffic"


class ArrivedOtherwise(RolloutEnd):
    """Somebody else has made the version the stable one."""

    phase = "arrived"


def check(repository: Repository, state: RolloutState) -> None:
    """Look whether routing.json and the artifact are as the rollout left them.

    Raises:
        GoBack, TakenOver, ArrivedOtherwise
    """
    end = time.monotonic() + UNREADABLE_SECONDS
    while True:
        try:
            routing = repository.routing()
            break
        except RoutingError as exc:
            if time.monotonic() > end:
                raise TakenOver(str(exc)) from None
            time.sleep(LOOK_SECONDS)
    if routing is None or not (repository.root / ROUTING).exists():
        stable = "no version" if routing is None else f"{routing.stable}, the newest version,"
        raise TakenOver(f"routing.json is gone, so {stable} answers. Write it anew with: flask models promote")
    if routing.stable == state.version:
        raise ArrivedOtherwise("somebody else has promoted it meanwhile")
    if routing.canary == state.version and routing.stable != state.stable:
        raise GoBack(f"the stable version is {routing.stable} meanwhile, and no longer {state.stable}")
    if routing.canary != state.version and (state.routed or routing.canary is not None):
        raise TakenOver(f"it was taken out by somebody else; the canary is {routing.canary or 'none'}")
    if state.routed and routing.share != state.share:
        raise TakenOver(f"somebody else has set its share to {routing.share:.4g}")
    try:
        for version in (state.version, state.stable):
            Manifest.read(repository.folder(version))
    except ArtifactError as exc:
        raise GoBack(str(exc)) from None
