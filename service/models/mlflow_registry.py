"""MODEL_URI: a model of an MLflow registry, fetched once a host; an alias is followed.

What is registered is the folder of an artifact as it is (``python -m training --register``), or any MLflow scikit-learn
model, which is packed on arrival. MLflow and scikit-learn run in processes of their own: no worker has them in memory.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from inference.artifact import read_verified
from inference.atomic_write import write_atomically
from inference.manifest import MANIFEST, ArtifactError, Manifest
from inference.naming import is_version
from service import log
from service.locks import open_lock, try_lock
from service.models.mlflow_rest import Registered, latest_of_alias
from service.models.repository import FETCHED, Repository
from service.processes import NoAnswer, ask, run_and_wait
from service.settings import Settings
from service.signature import read_trusted_manifest

FOLLOW_SECONDS = 12.0
"""The pause between two looks at an alias, and before a failed one is tried again."""
REFUSED_SECONDS = 300.0
"""The pause before a version that was refused is fetched and looked at again."""
DOWNLOAD_SECONDS = 300.0
PACK_SECONDS = 600.0
LOCK = ".fetching.lock"
INSTALL = "MLflow is not installed. Install it: pip install mlflow-skinny"


class RegistryError(RuntimeError):
    """MODEL_URI cannot be fetched; the message says why."""


class RefusedModelError(RegistryError):
    """What was fetched is of no use: it is not fetched again at once."""


class Registry:
    """Keeps the repository at the version that MODEL_URI names. One worker of a host looks at a time, for all."""

    def __init__(self, settings: Settings, repository: Repository) -> None:
        self._settings, self._repository = settings, repository
        self._uri = settings.model_uri
        self._reason, self._look_at = "", 0.0
        self._refused, self._refused_until = "", 0.0  # a version that is no use, and until when it is left alone

    def follow(self) -> str:
        """Bring the wanted version into the repository where it is not; a sentence where that cannot be done now.

        What was fetched before stays. A version that is named by its number is fetched once, and never again.
        """
        fetched = self._repository.fetched()
        if fetched is not None and "@" not in self._uri:
            return ""
        if time.monotonic() < self._look_at:
            return self._reason
        try:
            self._repository.root.mkdir(parents=True, exist_ok=True)
            descriptor = open_lock(self._repository.root / LOCK)
        except OSError as exc:
            return f"MODEL_URI={self._uri}: {self._repository.root} cannot be written: {exc.strerror}."
        try:
            if not try_lock(descriptor):  # another worker of this host is at it
                return "" if fetched is not None else f"MODEL_URI={self._uri} is being fetched."
            self._look(fetched)
        finally:
            os.close(descriptor)
        self._look_at = time.monotonic() + FOLLOW_SECONDS
        return self._reason

    def _look(self, fetched: dict[str, Any] | None) -> None:
        """One look at the registry, unless another worker had one just now: its result counts for all."""
        now = time.time()
        if fetched is not None and 0 <= now - fetched["looked"] < FOLLOW_SECONDS:
            self._reason = fetched["reason"]
            return
        reason = ""
        try:
            wanted = _resolve(self._uri)
            if wanted.version == self._refused and time.monotonic() < self._refused_until:
                reason = self._reason
            elif fetched is None or fetched["registered"] != wanted.version:
                fetched = {"version": self._fetch(wanted), "registered": wanted.version}
                log.info("model_fetched", model_uri=self._uri, model_version=fetched["version"])
        except (RefusedModelError, ArtifactError) as exc:
            self._refused, self._refused_until = wanted.version, time.monotonic() + REFUSED_SECONDS
            reason = f"MODEL_URI={self._uri}: version {wanted.version} is refused: {exc}"
        except RegistryError as exc:
            reason = f"MODEL_URI={self._uri}: {exc}"
        except OSError as exc:
            reason = f"MODEL_URI={self._uri}: {exc.filename or self._repository.root}: {exc.strerror}."
        self._reason = reason
        if fetched is not None:
            note = {**fetched, "looked": now, "reason": reason}
            with suppress(OSError):  # then the next look is another worker's
                write_atomically(self._repository.root / FETCHED, json.dumps(note).encode())
            self._drop_others(fetched["version"])

    def _fetch(self, wanted: Registered) -> str:
        """Download a version, verify it, and put it into the repository; its name there."""
        root = self._repository.root
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=root) as name:
            aside = Path(name)
            _download(wanted, aside / "downloaded")
            manifest = next(iter(sorted((aside / "downloaded").rglob(MANIFEST))), None)
            if manifest is not None:
                folder = manifest.parent.rename(aside / _version_in(manifest.parent))
            else:
                folder = self._pack(wanted, aside)
            checked = read_trusted_manifest(folder, self._settings)  # the refused one does not enter the repository
            for file in checked.files:
                read_verified(folder, checked, file)
            target = self._repository.folder(folder.name)
            if target.exists():
                if Manifest.read(target).sha256 == checked.sha256:
                    return folder.name
                target.rename(aside / "before")  # another artifact of the same name
            folder.rename(target)
            return folder.name

    def _pack(self, wanted: Registered, aside: Path) -> Path:
        """Make an artifact of a plain MLflow model, in a process of its own, since its pickle runs the code in it."""
        for setting, held in (
            ("ENGINE=onnx", self._settings.engine == "onnx"),
            ("TRUSTED_KEYS", self._settings.trusted_keys),
        ):
            if held:
                raise RefusedModelError(
                    f"it is no artifact but a plain MLflow model, whose pickle would be read; {setting} is set, so it "
                    "is not. Register an artifact: python -m training --register NAME"
                )
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", wanted.name).lstrip("._-") or "model"
        arguments = ["registered", str(aside / "downloaded"), "--name", name, "--number", wanted.version]
        try:
            run = run_and_wait(
                "training", seconds=PACK_SECONDS, arguments=arguments, ARTIFACTS_DIR=str(aside / "packed")
            )
        except subprocess.TimeoutExpired:
            raise RefusedModelError(f"it was not packed within {PACK_SECONDS:.0f} s.") from None
        folder = aside / "packed" / f"{name}-{wanted.version}"
        if run.returncode or not folder.is_dir():
            lines = run.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
            last = next((place for place, line in enumerate(lines) if line.startswith("Error: ")), len(lines) - 1)
            said = " ".join(lines[last:]).removeprefix("Error: ")
            raise RefusedModelError(f"the plain MLflow model cannot be packed: {said}")
        return folder

    def _drop_others(self, version: str) -> None:
        """Keep the version that is served and the one before it."""
        others = [self._repository.folder(name) for name in self._repository.versions() if name != version]
        others.sort(key=lambda folder: folder.stat().st_mtime)
        for folder in others[:-1]:
            shutil.rmtree(folder, ignore_errors=True)


def _resolve(uri: str) -> Registered:
    """The version of the registry that the address names now.

    Raises:
        RegistryError: it has none, or does not answer.
    """
    name, _, version = uri.removeprefix("models:/").rpartition("/")
    if name:
        return Registered(name, version)
    name, _, alias = uri.removeprefix("models:/").partition("@")
    try:
        found = latest_of_alias(name, alias)
    except LookupError as exc:
        raise RegistryError(str(exc)) from None
    if found is not None:
        return found
    answer = _ask_mlflow({"name": name, "alias": alias})
    return Registered(name, answer["version"])


def _download(wanted: Registered, into: Path) -> None:
    into.mkdir()
    _ask_mlflow({"name": wanted.name, "version": wanted.version, "into": str(into)})


def _ask_mlflow(request: dict[str, str]) -> dict[str, Any]:
    """What ``mlflow_process`` answers.

    Raises:
        RegistryError: MLflow is not there, does not answer, or refuses.
    """
    try:
        answer = ask(
            "service.models.mlflow_process",
            request,
            DOWNLOAD_SECONDS,
            MLFLOW_HTTP_REQUEST_MAX_RETRIES=os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"),
            MLFLOW_HTTP_REQUEST_TIMEOUT=os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT", "30"),
        )
    except subprocess.TimeoutExpired:
        raise RegistryError(f"MLflow did not answer within {DOWNLOAD_SECONDS:.0f} s.") from None
    except NoAnswer as exc:
        raise RegistryError(f"MLflow says: {exc}") from None
    if "missing" in answer:
        raise RegistryError(INSTALL)
    if "error" in answer:
        raise RegistryError(f"MLflow says: {answer['error']}")
    return answer


def _version_in(folder: Path) -> str:
    try:
        version: str = json.loads((folder / MANIFEST).read_bytes())["version"]
    except (ValueError, KeyError, TypeError):
        version = ""
    if not is_version(version):
        raise RefusedModelError(f"its {MANIFEST} names no version. Register the folder of an artifact, as it is.")
    return version
