"""``python -m training verify``: whether an artifact is whole, answers as its pipeline does, and how fast.

Exit codes: 0 all of it holds, 1 something does not, 2 usage.
"""

import io
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click
import joblib
import numpy as np

from inference.artifact import GOLDEN, PIPELINE, build_engine, read_document, read_verified
from inference.engines.base import Engine, EngineError
from inference.features import Matrix, encode
from inference.golden import check_golden
from inference.manifest import MANIFEST, SIGNATURE, ArtifactError, Manifest
from service.settings import Settings
from service.signature import read_trusted_manifest
from training import parity

BATCH = 1000
TRIES = 30
Verdict = Literal["ok", "failed", "not checked"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, the verdict, and a clause that says more."""

    name: str
    verdict: Verdict
    said: str


@click.command("verify")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--rows", default=20_000, show_default=True, type=click.IntRange(1), help="Random rows for the parity.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1), help="Of these rows.")
@click.option("--unpickle/--no-unpickle", default=True, show_default=True, help="Read the pipeline, a pickle, for it.")
def verify(folder: Path, rows: int, seed: int, unpickle: bool) -> None:
    """Look whether the artifact in FOLDER is whole, answers as its pipeline does, and how fast it is."""
    failed = False
    for finding in verified(folder, rows, seed, unpickle=unpickle):
        click.echo(f"{finding.name:<12} {finding.verdict:<11}  {finding.said}")
        failed = failed or finding.verdict == "failed"
    if failed:
        raise click.exceptions.Exit(1)


def verified(folder: Path, rows: int, seed: int, *, unpickle: bool) -> Iterator[Finding]:
    """Each thing that was looked at, in order; what needs one that failed is not looked at."""
    signature, trusted = _signature(folder)
    yield signature
    if signature.verdict == "failed":
        return
    try:
        manifest = trusted or Manifest.read(folder)
        for name in manifest.files:
            read_verified(folder, manifest, name)
    except ArtifactError as exc:
        yield Finding("hashes", "failed", str(exc))
        return
    yield Finding("hashes", "ok", f"{len(manifest.files) + 1} files are as they were written")
    known = {*manifest.files, MANIFEST, SIGNATURE}
    if strange := sorted(entry.name for entry in folder.iterdir() if entry.name not in known):
        yield Finding("other files", "not checked", f"{', '.join(strange[:5])}: the manifest does not name them")
    if not unpickle and manifest.engine != "onnx":
        yield Finding("golden rows", "not checked", "the artifact has no graph, and nothing is unpickled")
        return
    try:
        engine = build_engine(folder, manifest, "auto")
        golden = read_document(folder, manifest, GOLDEN)
        check_golden(engine, manifest.contract, golden)
    except (ArtifactError, EngineError) as exc:
        yield Finding("golden rows", "failed", str(exc))
        return
    yield Finding("golden rows", "ok", f"{len(golden['rows'])} rows, by the {engine.name} engine")
    yield _parity(folder, manifest, engine, rows, seed, unpickle)
    yield Finding("speed", "ok", _speed(engine, encode(manifest.contract, golden["rows"])))


def _signature(folder: Path) -> tuple[Finding, Manifest | None]:
    """Whether a key of TRUSTED_KEYS has signed it as it is, where the environment names any; the manifest then."""
    settings = Settings.read(os.environ)
    if settings.trusted_keys is None:
        said = "no key to check it with: set TRUSTED_KEYS" if (folder / SIGNATURE).is_file() else "it is not signed"
        return Finding("signature", "not checked", said), None
    try:
        manifest = read_trusted_manifest(folder, settings)
    except ArtifactError as exc:
        return Finding("signature", "failed", str(exc)), None
    return Finding("signature", "ok", "of a key of TRUSTED_KEYS, and all files are as they were signed"), manifest


def _parity(folder: Path, manifest: Manifest, engine: Engine, rows: int, seed: int, unpickle: bool) -> Finding:
    """The graph against the pipeline, on random valid rows and on those at thresholds."""
    if engine.name != "onnx":
        return Finding("parity", "ok", f"the pipeline itself serves: {manifest.engine_reason or 'it has no graph'}")
    if not unpickle:
        return Finding("parity", "not checked", "it needs the pipeline, and nothing is unpickled")
    try:
        build_engine(folder, manifest, "sklearn")  # checks the versions of its libraries before it is unpickled
        pipeline: Any = joblib.load(io.BytesIO(read_verified(folder, manifest, PIPELINE)))
    except (ArtifactError, EngineError) as exc:
        return Finding("parity", "failed", str(exc))
    except Exception as exc:  # unpickling raises nearly anything
        return Finding("parity", "failed", f"{folder / PIPELINE} cannot be read: {' '.join(str(exc).split())[:200]}")
    found = parity.check(pipeline, engine, manifest.contract, manifest.forms, rows, seed)
    if not found.passed:
        return Finding("parity", "failed", found.reason)
    return Finding(
        "parity", "ok", f"{found.rows:,} rows answered as by the pipeline, {found.threshold_rows:,} at thresholds"
    )


def _speed(engine: Engine, rows: Matrix) -> str:
    one, many = rows[:1], rows[np.resize(np.arange(len(rows)), BATCH)]
    single, batch = cpu_microseconds(lambda: engine.predict(one)), cpu_microseconds(lambda: engine.predict(many))
    return f"{single:,.0f} µs of computing for one row, {batch / BATCH:,.1f} µs a row in batches of {BATCH:,}"


def cpu_microseconds(call: Callable[[], object], tries: int = TRIES) -> float:
    """The median CPU time of a call in this thread: what else the machine does is not counted."""
    call()
    times = []
    for _ in range(tries):
        started = time.thread_time()
        call()
        times.append(time.thread_time() - started)
    return float(np.median(times)) * 1e6
