"""artifacts/routing.json: which version is stable, and which others are loaded beside it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.inference.artifact import versions, write_atomically
from service.inference.manifest import ArtifactError, Manifest

ROUTING = "routing.json"


class RoutingError(RuntimeError):
    """routing.json cannot be followed; the message says why."""


@dataclass(frozen=True, slots=True)
class Routing:
    """Who answers: ``stable``, but for a ``share`` (0 to 1) of the requests ``canary``.

    ``shadow`` answers every request of the stable version once more, recorded and not heard.
    ``keep`` are further versions that stay loaded for ``?model_version=``.
    """

    stable: str
    canary: str | None = None
    share: float = 0.0
    shadow: str | None = None
    keep: tuple[str, ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every version to load, the stable one first, each once."""
        named = (self.stable, self.canary, self.shadow, *self.keep)
        return tuple(dict.fromkeys(version for version in named if version))

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file."""
        canary = {"version": self.canary, "share": self.share} if self.canary else None
        return {"stable": self.stable, "canary": canary, "shadow": self.shadow, "keep": list(self.keep)}


def read_routing(root: Path) -> Routing | None:
    """What ``root``/routing.json says; without the file the newest artifact is stable; None where there is none.

    Raises:
        RoutingError: the file is there and cannot be followed.
    """
    path = root / ROUTING
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        newest = newest_version(root)
        return Routing(newest) if newest else None
    except (OSError, ValueError) as fault:
        raise RoutingError(
            f"{path} cannot be read as JSON: {fault}. Write it anew with: flask models promote"
        ) from None
    try:
        canary = document.get("canary") or {}
        routing = Routing(
            document["stable"],
            canary.get("version"),
            float(canary.get("share", 0.0)),
            document.get("shadow"),
            tuple(document.get("keep") or ()),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RoutingError(f"{path} must name a stable version. Write it anew with: flask models promote") from None
    if not all(isinstance(version, str) for version in routing.wanted) or not 0 <= routing.share <= 1:
        raise RoutingError(f"{path}: versions must be strings and the canary's share a number from 0 to 1.")
    return routing


def write_routing(root: Path, routing: Routing) -> None:
    """Replace routing.json in one step."""
    write_atomically(root / ROUTING, json.dumps(routing.to_json(), indent=2).encode() + b"\n")


def newest_version(root: Path) -> str | None:
    """The readable artifact of ``root`` that was created last; else the last name, so that its fault is told."""
    created: list[tuple[str, str]] = []
    for version in versions(root):
        try:
            created.append((Manifest.read(root / version).created, version))
        except ArtifactError:
            created.append(("", version))
    return max(created)[1] if created else None
