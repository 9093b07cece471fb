"""One chunk from its file to the bytes of its part: the work of a process, here or on a cluster."""

import csv
import io
import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from scoring.block import Chunk, Reader
from scoring.csv_cells import typed
from scoring.refusals import GO_ON, ScoringError
from scoring.scorer import WHOLE, Errors, ModelSpec, load_scorer, rejected_json
from scoring.tables import open_reader

REJECTED, REASONS = b"rejected", b"reasons"
MOST_REASONS = 100
_open = threading.local()


@dataclass(frozen=True, slots=True)
class Work:
    """What is done with each chunk, for any process: the model, the columns of the answers, the columns to keep."""

    model: ModelSpec
    probabilities: bool
    keep: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of a chunk's part, an Arrow file; how many rows were read and how many of them left out.

    ``first_rejected`` is a sentence on the first of these.
    """

    number: int
    content: bytes
    rows: int
    rejected: int
    first_rejected: str = ""


def score_chunk(work: Work, chunk: Chunk) -> Part:
    """Read, validate and answer a chunk.

    Raises:
        ScoringError: the file or the model cannot be used.
    """
    scorer = load_scorer(work.model)
    names = tuple(dict.fromkeys((*scorer.names, *work.keep)))
    block = _reader(chunk).read(chunk, names)
    features = scorer.model.manifest.contract.features
    columns: dict[str, Any] = {name: block.table.column(name) for name in scorer.names}
    if chunk.kind == "csv":
        columns = {feature.name: typed(feature, columns[feature.name]) for feature in features}
    scored = scorer.score(columns, work.probabilities)
    table = scored.table
    kept = block.table.select(list(work.keep))
    if len(kept) != len(table):
        kept = kept.take(pa.array(scored.places))
    for name in work.keep:
        table = table.append_column(name, kept.column(name))
    rejected: dict[int, Errors] = {int(block.places[place]): errors for place, errors in scored.rejected.items()}
    rejected |= {place: {WHOLE: [told]} for place, told in block.broken.items()}
    return _part(chunk, table, dict(sorted(rejected.items())))


def _reader(chunk: Chunk) -> Reader:
    """The reader of the chunk's file; that of the file that this thread read last stays open."""
    try:
        facts = Path(chunk.path).stat()
    except OSError as exc:
        raise ScoringError(f"{chunk.path} cannot be read: {exc.strerror}. {GO_ON}") from None
    key = chunk.path, facts.st_ino, facts.st_size, facts.st_mtime_ns
    known, reader = getattr(_open, "last", (None, None))
    if reader is None or known != key:
        close_reader()
        reader = open_reader(chunk.path, chunk.kind)
        _open.last = key, reader
    return reader


def close_reader() -> None:
    """Close the file that this thread read last."""
    _, reader = _open.__dict__.pop("last", (None, None))
    if reader is not None:
        reader.close()


def _part(chunk: Chunk, table: pa.Table, rejected: Mapping[int, Errors]) -> Part:
    lines = io.StringIO(newline="")
    csv.writer(lines, lineterminator="\n").writerows(
        (chunk.first + place, rejected_json(errors)) for place, errors in rejected.items()
    )
    reasons = Counter(f"{name or WHOLE}: {' '.join(told)}" for one in rejected.values() for name, told in one.items())
    facts = {
        REJECTED: lines.getvalue().encode(),
        REASONS: json.dumps(dict(reasons.most_common(MOST_REASONS))).encode(),
    }
    table = table.replace_schema_metadata(facts).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    first = next((f"row {chunk.first + place}: {rejected_json(errors)}" for place, errors in rejected.items()), "")
    return Part(chunk.number, sink.getvalue().to_pybytes(), chunk.rows, len(rejected), first)


def read_part(content: bytes) -> tuple[pa.Table, bytes, dict[str, int]]:
    """The answers of a part, its lines of rejected rows, and how often each reason was met.

    Raises:
        ScoringError: it is no whole part.
    """
    try:
        table = pa.ipc.open_file(pa.BufferReader(content)).read_all()
        facts = table.schema.metadata
        return table.replace_schema_metadata(None), facts[REJECTED], json.loads(facts[REASONS])
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
        raise ScoringError("a part of the answers is broken on disk: begin anew with --restart.") from None
