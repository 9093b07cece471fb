"""The export of records to CSV or Parquet: a column a feature, the true outcome beside the prediction."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from sqlalchemy import Connection, Select, and_, func, select

from inference.timestamps import isoformat
from service.records.database.connection import connected
from service.records.database.queries import CHUNK_ROWS, known_models
from service.records.database.tables import feedback, predictions
from service.records.spool.codec import KnownModel
from service.settings import Settings

Kind = Literal["text", "integer", "float", "floats", "boolean", "time"]

FEATURE = "feature."
"""The prefix of a feature's column, so that no feature has the name of another column."""
COLUMNS: dict[str, Kind] = {
    "prediction_id": "text",
    "row_index": "integer",
    "request_id": "text",
    "time": "time",
    "model_version": "text",
    "role": "text",
    "prediction": "text",
    "probability": "float",
    "probabilities": "floats",
    "latency_ms": "float",
    "client": "text",
    "outcome": "text",
}
FEATURE_KINDS: dict[str, Kind] = {
    **{"number": "float", "integer": "integer", "boolean": "boolean"},
    **{"category": "text", "text": "text"},
}


class Progress(Protocol):
    """A progress bar."""

    def update(self, n_steps: int) -> None:
        """Go on by so many rows."""
        ...


def export(
    settings: Settings,
    target: Path,
    since: datetime | None,
    until: datetime | None,
    version: str | None,
    progress: Callable[[int], AbstractContextManager[Progress]],
) -> int:
    """Write the records of a window, or of one version, to ``target``; the number of rows.

    The suffix of ``target`` is one of FILE_TYPES. The file is put in place when it is whole. ``progress`` is called
    with the number of rows to come.

    Raises:
        ImportError: Parquet without pyarrow.
        StoreUnavailable: the database does not answer.
        ValueError, TypeError: a record does not fit the contract that its version has now.
        OSError: the file cannot be written.
    """
    query = _select(since, until, version)
    temporary = target.with_name(f".{target.name}.part")
    written = 0
    try:
        with connected(settings, seconds=None) as connection:
            total = _count_rows(connection, query)
            columns = _columns(known_models(connection, {version} if version else None).values())
            file = FILE_TYPES[target.suffix](temporary, columns)
            try:
                with progress(total) as bar:
                    for chunk in _chunks(connection, query, columns):
                        file.write(chunk)
                        written += len(chunk)  # more than ``total`` where predictions go on
                        bar.update(len(chunk))
            finally:
                file.close()
        temporary.replace(target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return written


def _select(since: datetime | None, until: datetime | None, version: str | None) -> Select[Any]:
    """The rows to export, oldest first."""
    joined = predictions.outerjoin(
        feedback,
        and_(feedback.c.prediction_id == predictions.c.prediction_id, feedback.c.row_index == predictions.c.row_index),
    )
    query = select(predictions, feedback.c.outcome).select_from(joined)
    if since is not None:
        query = query.where(predictions.c.time >= since)
    if until is not None:
        query = query.where(predictions.c.time < until)
    if version is not None:
        query = query.where(predictions.c.model_version == version)
    return query.order_by(predictions.c.time, predictions.c.prediction_id, predictions.c.row_index)


def _count_rows(connection: Connection, query: Select[Any]) -> int:
    return int(connection.execute(select(func.count()).select_from(query.order_by(None).subquery())).scalar_one())


def _columns(models: Iterable[KnownModel]) -> dict[str, Kind]:
    """The columns of the table and their kinds; text where versions differ."""
    kinds: dict[str, Kind] = {}
    for model in models:
        found = {FEATURE + feature.name: FEATURE_KINDS[feature.type] for feature in model.contract.features}
        answer: Kind = "float" if model.contract.task == "regression" else _kind_of(model.classes)
        for name, kind in (found | {"prediction": answer, "outcome": answer}).items():
            kinds[name] = kind if kinds.get(name, kind) == kind else "text"
    features = {name: kind for name, kind in kinds.items() if name.startswith(FEATURE)}
    return {name: kinds.get(name, kind) for name, kind in COLUMNS.items()} | features


def _kind_of(classes: Sequence[Any]) -> Kind:
    """The kind of a column of these labels."""
    types = {type(label) for label in classes}
    if types == {bool}:
        return "boolean"
    if types == {int}:
        return "integer"
    return "float" if types and types <= {int, float} else "text"


def _chunks(connection: Connection, query: Select[Any], columns: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    """The rows as flat dicts, CHUNK_ROWS at a time."""
    for chunk in connection.execution_options(yield_per=CHUNK_ROWS).execute(query).mappings().partitions():
        yield [{name: _cell(row, name) for name in columns} for row in chunk]


class TableFile(Protocol):
    """A file being written."""

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Add rows; each has every column."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


class CsvFile:
    """RFC 4180, UTF-8. Null is an empty cell, a list is JSON."""

    def __init__(self, path: Path, columns: Mapping[str, Kind]) -> None:
        self._columns = columns
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._writer.writerow(columns)

    def write(self, rows: list[dict[str, Any]]) -> None:
        """See TableFile."""
        self._writer.writerows([_csv_value(row[name], kind) for name, kind in self._columns.items()] for row in rows)

    def close(self) -> None:
        """See TableFile."""
        self._file.close()


class ParquetFile:
    """Parquet, one row group a chunk. The types are the contract's, whatever values come first."""

    def __init__(self, path: Path, columns: Mapping[str, Kind]) -> None:
        """Begin the file.

        Raises:
            ImportError: pyarrow is not installed.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        types: dict[Kind, pa.DataType] = {
            "text": pa.string(),
            "integer": pa.int64(),
            "float": pa.float64(),
            "floats": pa.list_(pa.float64()),
            "boolean": pa.bool_(),
            "time": pa.timestamp("ms", tz="UTC"),
        }
        self._columns = columns
        self._schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
        self._writer = pq.ParquetWriter(path, self._schema)

    def write(self, rows: list[dict[str, Any]]) -> None:
        """See TableFile."""
        import pyarrow as pa

        table = {name: [_typed_value(row[name], kind) for row in rows] for name, kind in self._columns.items()}
        self._writer.write_table(pa.table(table, schema=self._schema))

    def close(self) -> None:
        """See TableFile."""
        self._writer.close()


FILE_TYPES: dict[str, Callable[[Path, Mapping[str, Kind]], TableFile]] = {".csv": CsvFile, ".parquet": ParquetFile}


def _cell(row: Mapping[Any, Any], name: str) -> Any:
    """One value; null for a feature that the row's version does not have."""
    return row["features"].get(name.removeprefix(FEATURE)) if name.startswith(FEATURE) else row[name]


def _typed_value(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if kind == "text":
        return value if isinstance(value, str) else json.dumps(value)
    if kind == "boolean":
        return bool(value)
    return float(value) if kind == "float" else value


def _csv_value(value: Any, kind: Kind) -> Any:
    if value is None:
        return ""
    if kind == "time":
        return isoformat(value)
    value = _typed_value(value, kind)
    return json.dumps(value) if isinstance(value, list | bool) else value
