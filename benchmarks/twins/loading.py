"""How a twin loads its artifact, and opens what it shares with the other workers."""

import ctypes
import gc
import os
from contextlib import suppress
from pathlib import Path

from inference import artifact
from inference.engines.base import Engine
from inference.golden import check_golden
from inference.manifest import Manifest
from inference.routing import read_routing
from service import log, metrics
from service.metrics import versions
from service.records import recorder
from service.records.recorder import Recorder
from service.settings import Settings

PREPARED = "TWIN_PREPARED"
"""Set by the process that starts the workers, once it has prepared what they share."""


def wanted_version(settings: Settings) -> str:
    """The pinned version, else the stable one of routing.json, else the newest by creation time.

    Raises:
        SystemExit: the folder holds no artifact.
    """
    if settings.model_version:
        return settings.model_version
    routing = read_routing(settings.artifacts_dir)
    if routing is None:
        raise SystemExit(f"{settings.artifacts_dir} holds no artifact: run python -m training, or set ARTIFACTS_DIR.")
    return routing.stable


def load_manifest(settings: Settings) -> tuple[Path, Manifest]:
    """The wanted artifact's folder and manifest."""
    folder = settings.artifacts_dir / wanted_version(settings)
    return folder, Manifest.read(folder)


def load_engine(settings: Settings) -> tuple[Manifest, Engine]:
    """The wanted artifact and its engine, verified and warmed up by its golden rows, as the Flask service does."""
    folder, manifest = load_manifest(settings)
    engine = artifact.build_engine(folder, manifest, settings.engine)
    check_golden(engine, manifest.contract, artifact.read_document(folder, manifest, artifact.GOLDEN))
    versions.loaded(manifest.version, engine.name)
    return manifest, engine


def prepare_host(settings: Settings) -> None:
    """Once a host, before the workers start."""
    metrics.prepare(settings)
    recorder.prepare(settings)
    os.environ[PREPARED] = "yes"


def open_worker(settings: Settings) -> Recorder:
    """Once a worker: this process's own part of log and metrics, and the recorder of its answers."""
    log.configure(settings)
    if PREPARED not in os.environ:
        prepare_host(settings)
    metrics.open_metrics(settings)
    records = Recorder(settings)
    records.open()
    return records


def settle() -> None:
    """After the load, as the Flask service does: return memory, exclude the rest from garbage collection."""
    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError):  # where the C library is another
        ctypes.CDLL(None).malloc_trim(0)


def close_worker() -> None:
    """Flush the records of this worker."""
    recorder.close_all()
