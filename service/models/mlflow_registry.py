"""MODEL_URI: a version kept in an MLflow model registry, fetched once a host.

What is registered is the folder of an artifact as it is:
``mlflow.log_artifacts("artifacts/random_forest-1", "model")``, then ``mlflow.register_model``. MLflow runs in a process
of its own: the worker has none of it in memory.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from inference.artifact import versions
from inference.manifest import MANIFEST, ArtifactError, Manifest
from inference.naming import is_version
from service.settings import Settings

RETRY_SECONDS = 15.0
DOWNLOAD_SECONDS = 300.0


class RegistryError(RuntimeError):
    """MODEL_URI cannot be fetched; the message says why."""


class Registry:
    """Fetches ``uri`` into a folder under VAR_DIR; a version that is there already needs no MLflow any more."""

    def __init__(self, settings: Settings) -> None:
        self._uri = settings.model_uri
        self.root = settings.var_dir / "registry" / quote(self._uri.removeprefix("models:/"), safe="")
        self._retry_at, self._fault = 0.0, ""

    def version(self) -> str:
        """The name of the version, which is now in ``root``.

        Raises:
            RegistryError: it cannot be had now; asked again after a pause.
        """
        if not (found := versions(self.root)):
            if time.monotonic() < self._retry_at:
                raise RegistryError(self._fault)
            try:
                self._fetch()
            except (RegistryError, ArtifactError, OSError) as exc:
                self._retry_at, self._fault = time.monotonic() + RETRY_SECONDS, f"MODEL_URI={self._uri}: {exc}"
                raise RegistryError(self._fault) from None
            found = versions(self.root)
        return found[0]

    def _fetch(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=self.root) as aside:
            self._download(fetched := Path(aside) / "fetched")
            manifest = next(fetched.rglob(MANIFEST), None)
            if manifest is None:
                raise RegistryError(f"it holds no {MANIFEST}. Register the folder of an artifact, as it is.")
            named = manifest.parent.rename(Path(aside) / _version_in(manifest.parent))
            Manifest.read(named)  # nothing is kept that could not be loaded
            if not (self.root / named.name).exists():  # else another worker was quicker
                named.rename(self.root / named.name)

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
