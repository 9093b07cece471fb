"""One loaded version: read, verified, and compared with the fitted pipeline's own answers."""

import ctypes
import gc
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from inference.artifact import GOLDEN, build_engine, read_document
from inference.engines.base import Engine
from inference.golden import check_golden
from inference.manifest import Manifest
from schemas.reader import Reader
from service.models.cache import with_cache
from service.settings import Settings
from service.signature import read_trusted_manifest
from service.trusted_keys import state_of_keys


@dataclass(frozen=True, slots=True)
class Model:
    """A version that may answer: its facts, its engine, the reader of its rows, and whether it has probabilities."""

    manifest: Manifest
    engine: Engine
    reader: Reader
    has_probabilities: bool = True
    version: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "version", self.manifest.version)  # read several times a request


def load(folder: Path, settings: Settings) -> Model:
    """Load the artifact in ``folder``. It predicts its golden rows before it is returned, which warms it up as well.

    Raises:
        ArtifactError, EngineError: it must not be served; the message says why and what to do.
    """
    manifest = read_trusted_manifest(folder, settings)
    engine = build_engine(folder, manifest, settings.engine)
    golden = read_document(folder, manifest, GOLDEN)
    check_golden(engine, manifest.contract, golden)
    trim_memory()
    return Model(
        manifest,
        with_cache(engine, manifest.sha256, settings),
        Reader(manifest.contract, settings.max_batch_rows),
        golden["probabilities"] is not None,
    )


def state_of(folder: Path, settings: Settings) -> object:
    """It changes whenever a file of the artifact or of TRUSTED_KEYS does, or who may read it; None without a folder."""
    try:
        artifact = sorted((entry.name, entry.stat().st_ctime_ns, entry.stat().st_size) for entry in folder.iterdir())
    except OSError:
        return None
    return artifact, state_of_keys(settings.trusted_keys)


class Loading:
    """A load in a thread of its own: one that never ends, such as that of an endless graph, stops nobody else."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._loaded: Model | None = None
        self._error: Exception | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._run, args=(folder, settings), name="load", daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether ``result`` is there."""
        return self._ended.is_set()

    def result(self, seconds: float) -> Model | None:
        """The model; None where it is not there after ``seconds``.

        Raises:
            Exception: what ``load`` raised.
        """
        self._ended.wait(seconds)
        if self._error is not None:
            raise self._error
        return self._loaded

    def _run(self, folder: Path, settings: Settings) -> None:
        try:
            self._loaded = load(folder, settings)
        except Exception as exc:  # raised again by result
            self._error = exc
        self._ended.set()


def trim_memory() -> None:
    """Return freed memory to the system, after a graph was parsed or a version was dropped: glibc would keep it."""
    gc.collect()
    with suppress(OSError, AttributeError):  # where the C library is another
        ctypes.CDLL(None).malloc_trim(0)
