"""routing.json, read and written here alone: which version is stable, and which others are loaded beside it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inference.artifact import versions
from inference.atomic_write import write_atomically
from inference.manifest import ArtifactError, Manifest
from inference.naming import is_version
from inference.regular_file import DOCUMENT_BYTES, read_regular

ROUTING = "routing.json"
FORMAT = 1
"""What is read and written here. A file without a number is of format 1."""
MEND = "Mend it, or write it anew with: flask models promote"


class RoutingError(RuntimeError):
    """routing.json cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Routing:
    """Which version answers: ``stable``, and ``canary`` a ``share`` (0 to 1) of the requests.

    ``shadow`` predicts for the same requests; its answers are recorded and not sent.
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

    def promoted(self, version: str) -> "Routing":
        """``version`` is the stable one, and no longer canary or shadow."""
        routing = replace(self, stable=version, shadow=None if self.shadow == version else self.shadow)
        return replace(routing, canary=None, share=0.0) if self.canary == version else routing

    def retired(self, version: str) -> "Routing":
        """``version`` is neither canary nor shadow and is not kept; the stable version stays."""
        keep = tuple(other for other in self.keep if other != version)
        routing = replace(self, shadow=None if self.shadow == version else self.shadow, keep=keep)
        return replace(routing, canary=None, share=0.0) if self.canary == version else routing

    def roles(self, version: str) -> tuple[str, ...]:
        """The roles of ``version`` in words; empty for one that is not loaded."""
        roles = {
            "stable": version == self.stable,
            f"canary {self.share:.0%}": version == self.canary,
            "shadow": version == self.shadow,
            "kept": version in self.keep,
        }
        return tuple(role for role, holds in roles.items() if holds)

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file."""
        canary = {"version": self.canary, "share": self.share} if self.canary else None
        return {"stable": self.stable, "canary": canary, "shadow": self.shadow, "keep": list(self.keep)}


def read_routing(root: Path) -> Routing | None:
    """The routing of ``root``/routing.json. Without the file the newest artifact is stable; None where there is none.

    Raises:
        RoutingError: the file is there and cannot be used.
    """
    path = root / ROUTING
    try:
        document = json.loads(read_regular(path, DOCUMENT_BYTES))
    except FileNotFoundError:
        newest = newest_version(root)
        return Routing(newest) if newest else None
    except (OSError, ValueError, RecursionError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise RoutingError(f"{path} cannot be read as JSON: {reason}. {MEND}") from None
    if type(document) is dict and document.get("format", FORMAT) != FORMAT:
        raise RoutingError(
            f"{path} has format {document['format']!r}, this release reads format {FORMAT}. Run the release that wrote "
            "it, or write it anew with: flask models promote"
        )
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
    """Replace ``root``/routing.json in one step.

    Raises:
        OSError: it cannot be written.
    """
    write_atomically(root / ROUTING, json.dumps(routing.to_json(), indent=2).encode() + b"\n")


def route_first(root: Path, version: str) -> bool:
    """Make ``version`` the stable one if there is no routing.json yet; True when it now is.

    Raises:
        OSError: it cannot be written.
    """
    if (root / ROUTING).exists():
        return False
    write_routing(root, Routing(version))
    return True


def newest_version(root: Path) -> str | None:
    """The readable artifact of ``root`` that was created last; else the last name, so that its error is reported."""
    created: list[tuple[str, str]] = []
    for version in versions(root):
        try:
            created.append((Manifest.read(root / version).created, version))
        except ArtifactError:
            created.append(("", version))
    return max(created)[1] if created else None
