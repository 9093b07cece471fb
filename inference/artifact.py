"""An artifact on disk: ``artifacts/<version>/``, written once, never changed, and verified before it is used."""

import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

from inference.atomic_write import write_durably
from inference.engines.base import Engine, Label
from inference.manifest import MANIFEST, ArtifactError, Manifest
from inference.regular_file import DOCUMENT_BYTES, MODEL_BYTES, read_regular

PIPELINE, GRAPH, GOLDEN, REFERENCE = "pipeline.joblib", "model.onnx", "golden.json", "reference.json"
ESTIMATOR_LIBRARIES = ("scikit-learn", "lightgbm", "xgboost", "catboost")


def versions(root: Path) -> list[str]:
    """The names of the folders of ``root`` that hold a manifest, readable or not, sorted."""
    try:
        return sorted(entry.name for entry in root.iterdir() if entry.name[0] != "." and (entry / MANIFEST).is_file())
    except OSError:
        return []


def read_verified(folder: Path, manifest: Manifest, name: str) -> bytes:
    """The bytes of one file of an artifact, after its SHA-256 was found to be the manifest's.

    Raises:
        ArtifactError: the file is missing, unknown to the manifest, or not the one that was written.
    """
    path = folder / name
    expected = manifest.files.get(name)
    if expected is None:
        raise ArtifactError(f"{folder} holds no {name}. Train again, or choose another ENGINE.")
    try:
        content = read_regular(path, MODEL_BYTES if name in (PIPELINE, GRAPH) else DOCUMENT_BYTES)
    except OSError as exc:
        raise ArtifactError(f"{path} cannot be read: {exc.strerror}. Restore it, or train again.") from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise ArtifactError(
            f"{path} is not the file that was written: its SHA-256 differs. Restore it, or train again."
        )
    return content


def read_document(folder: Path, manifest: Manifest, name: str) -> dict[str, Any]:
    """One of an artifact's JSON files, verified."""
    document: dict[str, Any] = json.loads(read_verified(folder, manifest, name))
    return document


def build_engine(folder: Path, manifest: Manifest, wanted: str) -> Engine:
    """The engine of an artifact.

    ``wanted``: "auto" is the graph where there is one, else the pipeline; "onnx" the graph alone, so that nothing is
    unpickled whatever the manifest says; "sklearn" the pipeline.

    Raises:
        ArtifactError: the artifact has no graph and ``wanted`` is "onnx"; a file is not what was written; or a library
            that the pipeline needs is missing or of another version.
        EngineError: the graph cannot be run here.
    """
    labels: tuple[Label, ...] = manifest.classes
    if wanted == "onnx" and manifest.engine != "onnx":
        raise ArtifactError(
            f"{folder} has no graph to run, and ENGINE=onnx unpickles nothing. Set ENGINE=auto, or train a model that "
            "compiles."
        )
    if wanted != "sklearn" and manifest.engine == "onnx":
        from inference.engines.onnx import OnnxEngine  # each engine's libraries only where it runs

        return OnnxEngine(read_verified(folder, manifest, GRAPH), labels)
    content = read_verified(folder, manifest, PIPELINE)
    _check_libraries(folder, manifest)
    import joblib

    from inference.engines.sklearn import SklearnEngine

    return SklearnEngine(joblib.load(io.BytesIO(content)), manifest.contract, manifest.forms, labels)


def _check_libraries(folder: Path, manifest: Manifest) -> None:
    """Refuse a pickle of other library versions, before it is read: it may fail or, worse, predict otherwise.

    The estimators' own libraries must be of the very same version, the others of the same major version.
    """
    for library, version in manifest.libraries.items():
        try:
            here = metadata.version(library)
        except metadata.PackageNotFoundError:
            here = "not installed"
        parts = None if library in ESTIMATOR_LIBRARIES else 1
        if here.split(".")[:parts] != version.split(".")[:parts]:
            raise ArtifactError(
                f"{folder / PIPELINE} was fitted with {library} {version}, which here is {here}. "
                f"Install {library}=={version}, or train again."
            )


def write(
    root: Path,
    algorithm: str,
    files: Mapping[str, bytes],
    describe: Callable[[str, Mapping[str, str]], Manifest],
    number: int | None = None,
) -> Manifest:
    """Write an artifact aside and rename it to the first free ``<algorithm>-<n>``, from ``number`` on where given.

    ``describe(version, hashes)`` makes its manifest. Racing writers never overwrite each other: a rename onto a folder
    that is not empty fails, and the next number is tried.
    """
    root.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".writing-", dir=root))
    try:
        aside.chmod(0o755)
        for name, content in files.items():
            write_durably(aside / name, content)
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        number = number or _next_number(root, algorithm)
        while True:
            manifest = describe(f"{algorithm}-{number}", hashes)
            document = manifest.to_json()
            write_durably(aside / MANIFEST, json.dumps(document, indent=2).encode() + b"\n")
            try:
                aside.rename(root / manifest.version)
            except OSError:
                if not (root / manifest.version).exists():
                    raise
                number += 1
                continue
            return replace(manifest, sha256=document["sha256"])
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _next_number(root: Path, algorithm: str) -> int:
    taken = [name.removeprefix(f"{algorithm}-") for name in versions(root) if name.startswith(f"{algorithm}-")]
    return max((int(number) for number in taken if number.isdigit()), default=0) + 1
