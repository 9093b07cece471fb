"""MODEL_URI: a version of an MLflow model registry, fetched once a host.

What is registered is the folder of an artifact as it is:
``mlflow.log_artifacts("artifacts/random_forest-1", "model")``, then ``mlflow.register_model``. MLflow runs in a process
of its own, so that no worker has it in memory.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from inference.manifest import MANIFEST, ArtifactError, Manifest
from inference.naming import is_version
from service.models.repository import Repository

RETRY_SECONDS = 15.0
DOWNLOAD_SECONDS = 300.0


class RegistryError(RuntimeError):
    """MODEL_URI cannot be fetched; the message says why."""


class Registry:
    """Fetches the model ``uri`` into the repository; a version that is there already needs no MLflow any more."""

    def __init__(self, uri: str, repository: Repository) -> None:
        self._uri = uri
        self._repository = repository
        self._retry_at, self._reason = 0.0, ""

    def fetch(self) -> None:
        """Return once the repository holds the version.

        Raises:
            RegistryError: it cannot be fetched now; it is tried again after RETRY_SECONDS.
        """
        if self._repository.versions():
            return
        if time.monotonic() < self._retry_at:
            raise RegistryError(self._reason)
        try:
            self._fetch()
        except (RegistryError, ArtifactError, OSError) as exc:
            self._retry_at, self._reason = time.monotonic() + RETRY_SECONDS, f"MODEL_URI={self._uri}: {exc}"
            raise RegistryError(self._reason) from None

    def _fetch(self) -> None:
        root = self._repository.root
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=root) as aside:
            self._download(fetched := Path(aside) / "fetched")
            manifest = next(fetched.rglob(MANIFEST), None)
            if manifest is None:
                raise RegistryError(f"it holds no {MANIFEST}. Register the folder of an artifact, as it is.")
            named = manifest.parent.rename(Path(aside) / _version_in(manifest.parent))
            Manifest.read(named)  # an unreadable artifact does not enter the repository
            if not (folder := self._repository.folder(named.name)).exists():  # else another worker was quicker
                named.rename(folder)

    def _download(self, into: Path) -> None:
        into.mkdir()
        command = [sys.executable, "-m", "mlflow", "artifacts", "download", "-u", self._uri, "-d", str(into)]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS)  # noqa: S603  # no shell
        except subprocess.TimeoutExpired:
            raise RegistryError(f"MLflow did not answer within {DOWNLOAD_SECONDS:.0f} s.") from None
        if "No module named mlflow" in run.stderr:
            raise RegistryError("MLflow is not installed. Install it with: pip install mlflow-skinny")
        if run.returncode:
            raise RegistryError(f"MLflow says: {(run.stderr.strip() or 'nothing').splitlines()[-1]}")


def _version_in(folder: Path) -> str:
    try:
        version: str = json.loads((folder / MANIFEST).read_bytes())["version"]
    except (ValueError, KeyError, TypeError):
        version = ""
    if not is_version(version):
        raise RegistryError(f"its {MANIFEST} names no version. Register the folder of an artifact, as it is.")
    return version
