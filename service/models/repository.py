"""The model repository on disk: where each version lies, which versions are wanted, and which one worked last.

Every reader of an artifact in the service gets its folder here: the model manager, ``flask models``, drift.
"""

import json
from pathlib import Path
from urllib.parse import quote

from inference import artifact
from inference.routing import Routing, read_routing
from service import log
from service.settings import Settings

LAST_GOOD = "last_good.json"


class Repository:
    """The versions that these settings may serve.

    ``root`` holds a folder a version: ARTIFACTS_DIR or, with MODEL_URI, the cache of that registered model in VAR_DIR.
    ``override`` is the setting that names the model to serve, like ``MODEL_VERSION=random_forest-1``; empty where
    routing.json does.
    """

    def __init__(self, settings: Settings) -> None:
        self._pin, self._uri = settings.model_version, settings.model_uri
        self._last_good = settings.var_dir / LAST_GOOD
        self._write_failed = False
        cached = quote(self._uri.removeprefix("models:/"), safe="")
        self.root = settings.var_dir / "registry" / cached if self._uri else settings.artifacts_dir
        self.override = f"MODEL_VERSION={self._pin}" if self._pin else f"MODEL_URI={self._uri}" if self._uri else ""

    def folder(self, version: str) -> Path:
        """Where ``version`` lies, or would lie; nothing is read."""
        return self.root / version

    def versions(self) -> list[str]:
        """The names of all versions with a manifest, readable or not, sorted."""
        return artifact.versions(self.root)

    def routing(self) -> Routing | None:
        """Which versions should serve; None where there is none, or where MODEL_URI has not been fetched yet.

        Raises:
            RoutingError: routing.json decides, and cannot be used.
        """
        if self._pin:
            return Routing(self._pin)
        if self._uri:
            fetched = self.versions()
            return Routing(fetched[0]) if fetched else None
        return read_routing(self.root)

    def last_good(self) -> str | None:
        """The stable version that worked last on this host; None where none is known."""
        try:
            version = json.loads(self._last_good.read_bytes())["version"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return version if isinstance(version, str) else None

    def remember_last_good(self, version: str) -> None:
        """Note the version for workers that start later. A failure is logged once and costs no more than the note."""
        if self.last_good() == version:
            return
        try:
            self._last_good.parent.mkdir(parents=True, exist_ok=True)
            artifact.write_atomically(self._last_good, json.dumps({"version": version}).encode())
            self._write_failed = False
        except OSError as exc:
            if not self._write_failed:
                self._write_failed = True
                log.warning("last_good_not_kept", reason=str(exc))

    def without_location(self, reason: str) -> str:
        """A sentence for clients: it names files from the repository's folder on, not where that folder lies."""
        return reason.replace(f"{self.root.parent}/", "")
