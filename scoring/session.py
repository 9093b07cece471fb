"""One run from IN to OUT: what is to be done, what is done already, the rest, and OUT."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
from tqdm import tqdm

from inference.manifest import ArtifactError, Manifest
from inference.routing import RoutingError
from scoring import run
from scoring.chunk import Work
from scoring.inputs import Input, check_unchanged, find_inputs
from scoring.job import Job
from scoring.output import Written, check_ending, check_schema, put_in_place, rejected_path
from scoring.refusals import ScoringError
from scoring.scorer import ModelSpec, load_scorer
from scoring.tables import plan, schema_of
from service import __version__
from service.models.repository import Repository
from service.settings import Settings

ALL = ("all",)
LIBRARIES = ("numpy", "pyarrow", "onnxruntime", "scikit-learn")
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed; see the command's help."""

    given: str
    out: Path
    probabilities: bool = False
    keep: tuple[str, ...] = ()
    artifact: Path | None = None
    chunk: int = 20_000
    workers: int = 1
    strict: bool = False
    restart: bool = False
    dask: str | None = None


def score(options: Options) -> None:
    """Run to the end, and print what came of it.

    Raises:
        ScoringError: it cannot; the sentence says why. KeyboardInterrupt: as it came.
    """
    check_ending(options.out)
    inputs, others = find_inputs(options.given, options.out)
    if others:
        click.echo(f"{len(others)} files of other kinds are left out: {', '.join(others[:SHOWN])}", err=True)
    spec = model_spec(options.artifact)
    scorer = load_scorer(spec)
    answers = scorer.schema(options.probabilities)
    kept = _kept(inputs, scorer.names, answers, options)
    schema = pa.schema([*answers, *kept])
    check_schema(options.out, schema)
    work = Work(spec, options.probabilities, tuple(field.name for field in kept))
    job = Job(options.out)
    try:
        _go(job, work, inputs, options)
        written = put_in_place(job, options.out, schema, options.strict, lambda: check_unchanged(inputs))
    finally:
        job.give_up()
    job.finish()
    _print(options.out, scorer.model.version, written)


def model_spec(artifact: Path | None) -> ModelSpec:
    """The artifact that answers: the named one, or the stable version that the service would serve.

    Raises:
        ScoringError: there is none.
    """
    settings = Settings.read(os.environ)
    folder = artifact
    if folder is None:
        repository = Repository(settings)
        try:
            routing = repository.routing()
        except RoutingError as exc:
            raise ScoringError(str(exc)) from None
        if routing is None:
            raise ScoringError(f"{repository.root} holds no artifact. Make one with: python -m training")
        folder = repository.folder(routing.stable)
    folder = folder.absolute()
    try:
        manifest = Manifest.read(folder)
    except ArtifactError as exc:
        raise ScoringError(str(exc)) from None
    environment = settings.environment()
    needed = {name: environment[name] for name in ("ENGINE", "TRUSTED_KEYS")}
    return ModelSpec(str(folder), manifest.sha256, tuple(needed.items()))


def _go(job: Job, work: Work, inputs: Sequence[Input], options: Options) -> None:
    """Make the parts that are not there yet."""
    facts = _facts(work, inputs, options)
    if options.restart:
        job.clear()
    if not job.begun(facts):
        click.echo("Counting the rows ...", err=True)
        job.begin(facts, list(plan(inputs, options.chunk)))
    done = job.done()
    left = [chunk for chunk in job.chunks if chunk.number not in done]
    total = sum(chunk.rows for chunk in job.chunks)
    before = total - sum(chunk.rows for chunk in left)
    if done:
        click.echo(f"{before:,} of {total:,} rows were done before.", err=True)
    with tqdm(
        total=total, initial=before, unit=" rows", unit_scale=True, smoothing=0.1, disable=not sys.stderr.isatty()
    ) as bar:
        for part in _runner(options, len(left))(work, left):
            job.add(part)
            bar.update(part.rows)
            if options.strict and part.rejected:
                raise ScoringError(f"--strict: {part.first_rejected}. Nothing was put in place.")


def _runner(options: Options, chunks: int) -> run.Runner:
    if options.dask:
        from scoring.cluster import on_dask

        return on_dask(options.dask, options.workers)
    workers = min(options.workers, chunks)
    return run.on_processes(workers) if workers > 1 else run.here


def _facts(work: Work, inputs: Sequence[Input], options: Options) -> dict[str, Any]:
    """What OUT's bytes depend on. The number of workers, and where they run, is not among it."""
    installed = {name: metadata.version(name) for name in LIBRARIES if _is_installed(name)}
    return {
        "inputs": [asdict(one) for one in inputs],
        "--artifact": work.model.folder,
        "the artifact's digest": work.model.sha256,
        "ENGINE": dict(work.model.settings)["ENGINE"],
        "--probabilities": "on" if work.probabilities else "off",
        "--keep": ",".join(work.keep),
        "--chunk": options.chunk,
        "the version of this program": __version__,
        "the versions of libraries": installed,
    }


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _kept(inputs: Sequence[Input], needed: Sequence[str], answers: pa.Schema, options: Options) -> list[pa.Field]:
    """The columns to keep, with a type that holds those of all files.

    Raises:
        ScoringError: a file lacks a column, has it twice, or has it in a type that fits no other file's.
    """
    found: list[pa.Schema] = []
    names: Sequence[str] = options.keep
    for one in inputs:
        schema = schema_of(one)
        if options.keep == ALL:
            names = found[0].names if found else schema.names
        wanted = dict.fromkeys((*needed, *names))
        if missing := [name for name in wanted if name not in schema.names]:
            has = ", ".join(map(repr, schema.names[:20]))
            raise ScoringError(f"{one.path} has no column {', '.join(map(repr, missing[:SHOWN]))}; it has {has}.")
        if twice := [name for name in wanted if schema.names.count(name) > 1]:
            raise ScoringError(f"{one.path} has several columns named {twice[0]!r}: rename them.")
        if taken := [name for name in names if name in answers.names]:
            raise ScoringError(f"--keep {taken[0]}: OUT has an answer of this name; rename it in IN, or leave it out.")
        found.append(pa.schema([pa.field(name, schema.field(name).type) for name in names]))
    try:
        return list(pa.unify_schemas(found, promote_options="permissive"))
    except pa.ArrowException as exc:
        raise ScoringError(f"The files of IN have a column of --keep in types that do not fit: {exc}.") from None


def _print(out: Path, version: str, written: Written) -> None:
    click.echo(f"{written.rows:,} rows answered by {version}: {out}")
    if written.rejected:
        click.echo(f"{written.rejected:,} rows rejected: {rejected_path(out)}")
        for reason, many in sorted(written.reasons.items(), key=lambda item: -item[1])[:SHOWN]:
            click.echo(f"  {many:,} x {reason}")
