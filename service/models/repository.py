"""The model repository on disk: where each version lies, which versions are wanted, and which one worked last.

Every reader of an artifact in the service gets its folder here: the model manager, ``flask models``, drift.
"""

import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from inference import artifact
from inference.atomic_write import write_atomically
from inference.manifest import MANIFEST, SIGNATURE, ArtifactError, Manifest
from inference.regular_file import DOCUMENT_BYTES, read_regular
from inference.routing import Routing, read_routing
from service import log
from service.locks import open_lock, try_lock
from service.settings import Settings

FETCHED = "fetched.json"
"""Beside the versions of MODEL_URI: which of them is the wanted one, which number it has in the registry, and when the
registry was looked at last."""
NOTE, COPIES, COPIES_LOCK = "last_good.json", "last_good", "last_good.lock"
COPY_BYTES = 4 * 2**30
"""The largest artifact of which a copy is kept."""


class Repository:
    """The versions that these settings may serve.

    ``root`` holds a folder a version: ARTIFACTS_DIR or, with MODEL_URI, the cache of that registered model in VAR_DIR.
    ``override`` is the setting that names the model to serve, like ``MODEL_VERSION=random_forest-1``; empty where
    routing.json does.
    """

    def __init__(self, settings: Settings) -> None:
        self._pin, self._uri = settings.model_version, settings.model_uri
        self._note, self._copies = settings.var_dir / NOTE, settings.var_dir / COPIES
        self._kept, self._reported = "", ""
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
            fetched = self.fetched()
            return Routing(fetched["version"]) if fetched is not None else None
        return read_routing(self.root)

    def fetched(self) -> dict[str, Any] | None:
        """What FETCHED says; None where MODEL_URI has not been fetched, or its folder is gone.

        A cache of the release before has no such file, and one version.
        """
        versions = self.versions()
        try:
            note = json.loads(read_regular(self.root / FETCHED, DOCUMENT_BYTES))
            found = {"version": note["version"], "registered": note["registered"]}
            found |= {"looked": float(note["looked"]), "reason": str(note["reason"])}
        except (OSError, ValueError, KeyError, TypeError):
            found = {
                "version": versions[0] if len(versions) == 1 else "",
                "registered": "",
                "looked": 0.0,
                "reason": "",
            }
        return found if found["version"] in versions else None

    def last_good(self) -> str | None:
        """The stable version that worked last on this host, if these settings may serve it; None where none is known.

        A pin means its version or none, and MODEL_URI the model of that address or none.
        """
        try:
            note = json.loads(read_regular(self._note, DOCUMENT_BYTES))
            version, source = note["version"], note.get("source", "")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        if not isinstance(version, str) or not isinstance(source, str):
            return None
        if self._pin:
            return version if version == self._pin else None
        belongs = source == self.override if self._uri else not source.startswith("MODEL_URI=")
        return version if belongs else None

    def copy(self, version: str) -> Path:
        """Where the copy of the last good version lies, or would lie: whatever happens to the artifact, it stays."""
        return self._copies / version

    def keep_last_good(self, manifest: Manifest) -> None:
        """Keep a copy of this version's files in VAR_DIR, in the place of the one before, and note its name.

        Workers that start later serve the copy where the artifact itself is broken or gone. One worker makes it. What
        prevents it is logged once: the name alone is noted then.
        """
        if self._kept == manifest.sha256 and self.last_good() and (self.copy(manifest.version) / MANIFEST).exists():
            return
        try:
            self._note.parent.mkdir(parents=True, exist_ok=True)
            descriptor = open_lock(self._note.with_name(COPIES_LOCK))
            try:
                if not try_lock(descriptor):  # another worker is at it; look again at the next refresh
                    return
                if self.last_good() is None:  # before the copy, which nobody would find if this process died after it
                    self._write_note(manifest)
                reason = self._copy_files(manifest)
                if self.last_good() != manifest.version or self._kept != manifest.sha256:
                    self._write_note(manifest)
                self._remove_others(manifest.version)
            finally:
                os.close(descriptor)
            self._kept = manifest.sha256
        except ArtifactError as exc:
            reason = str(exc)
        except OSError as exc:
            reason = f"{exc.filename or self._note.parent}: {exc.strerror}"
        if reason and reason != self._reported:
            log.warning("last_good_not_kept", model_version=manifest.version, reason=reason)
        self._reported = reason

    def _write_note(self, manifest: Manifest) -> None:
        write_atomically(self._note, json.dumps({"version": manifest.version, "source": self.override}).encode())

    def _copy_files(self, manifest: Manifest) -> str:
        """Make the copy if there is none, or another one; why not, in words, or nothing.

        Raises:
            OSError: it cannot be written. ArtifactError: the artifact is not whole any more.
        """
        target = self.copy(manifest.version)
        if _is_whole(target, manifest):
            return ""
        source = self.folder(manifest.version)
        size = sum((source / name).stat().st_size for name in manifest.files)
        self._copies.mkdir(exist_ok=True)
        free = shutil.disk_usage(self._copies).free
        if size > COPY_BYTES:
            return f"its {size} bytes are more than the {COPY_BYTES} of which a copy is kept"
        if size > free // 2:
            return f"its {size} bytes are more than half of the {free} that are free"
        aside = Path(tempfile.mkdtemp(prefix=".copying-", dir=self._copies))
        try:
            (copy := aside / manifest.version).mkdir()
            for name in manifest.files:
                (copy / name).write_bytes(artifact.read_verified(source, manifest, name))
            (copy / MANIFEST).write_bytes(read_regular(source / MANIFEST, DOCUMENT_BYTES))
            with suppress(FileNotFoundError):
                (copy / SIGNATURE).write_bytes(read_regular(source / SIGNATURE, DOCUMENT_BYTES))
            if not _is_whole(copy, manifest):
                return "its files changed while they were copied"
            shutil.rmtree(target, ignore_errors=True)
            copy.rename(target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return ""

    def _remove_others(self, version: str) -> None:
        """Remove the copies of other versions, once the note names the one that stays."""
        for other in self._copies.glob("*"):
            if other.name != version and self.copy(version).exists():
                shutil.rmtree(other, ignore_errors=True)

    def without_location(self, reason: str) -> str:
        """A sentence for clients: it names files from the repository's folder on, not where that folder lies."""
        return reason.replace(f"{self.root.parent}/", "")


def _is_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether a folder holds this very artifact, each file of it as it was written."""
    try:
        if Manifest.read(folder).sha256 != manifest.sha256:
            return False
        for name in manifest.files:
            artifact.read_verified(folder, manifest, name)
    except ArtifactError:
        return False
    return True
