"""artifacts/routing.json: which version is stable, and which others are loaded beside it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.artifact import versions, write_atomically
from inference.manifest import ArtifactError, Manifest
from inference.naming import is_version

ROUTING = "routing.json"
MEND = "Mend it, or write it anew with: flask models promote"


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
        if path.is_fifo():  # reading would wait for a writer, for ever
            raise ValueError("it is a pipe")
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        newest = newest_version(root)
        return Routing(newest) if newest else None
    except (OSError, ValueError, RecursionError) as exc:
        raise RoutingError(f"{path} cannot be read as JSON: {exc}. {MEND}") from None
    wrong = [name for name, fits in _FITS.items() if not fits(document.get(name) if type(document) is dict else None)]
    if wrong:
        raise RoutingError(f"{path}: {wrong[0]} must be {_FORMS[wrong[0]]}. {MEND}")
    canary, share = (document.get("canary") or {}).get("version"), (document.get("canary") or {}).get("share", 0.0)
    return Routing(document["stable"], canary, float(share), document.get("shadow"), tuple(document.get("keep") or ()))


def _is_canary(entry: Any) -> bool:
    if entry is None or entry == {}:
        return True
    if type(entry) is not dict or not is_version(entry.get("version")):
        return False
    share = entry.get("share", 0.0)
    return type(share) in (int, float) and 0 <= share <= 1


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "stable": is_version,
    "canary": _is_canary,
    "shadow": lambda entry: entry is None or is_version(entry),
    "keep": lambda entry: entry is None or (type(entry) is list and all(map(is_version, entry))),
}
_FORMS = {
    "stable": "the name of a version",
    "canary": 'null or like {"version": "random_forest-2", "share": 0.05}, a share from 0 to 1',
    "shadow": "null or the name of a version",
    "keep": "a list of names of versions",
}


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
