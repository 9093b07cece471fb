"""Records as one flat table: a column a feature, the true outcome beside the prediction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from service.records.database.table_files import Kind
from service.records.database.tables import feedback, predictions
from service.records.spool.codec import KnownModel

AT_ONCE = 5000
FEATURE = "feature."
"""Before a feature's name, so that it cannot be taken for a column of the records."""
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
KINDS: dict[str, Kind] = {"number": "float", "integer": "integer", "category": "text", "boolean": "boolean"}


def selection(since: datetime | None, until: datetime | None, version: str | None) -> Select[Any]:
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


def count_rows(connection: Connection, query: Select[Any]) -> int:
    """How many there are."""
    return int(connection.execute(select(func.count()).select_from(query.order_by(None).subquery())).scalar_one())


def columns_of(models: Iterable[KnownModel]) -> dict[str, Kind]:
    """The columns of the table and what they hold; where versions differ, text."""
    kinds: dict[str, Kind] = {}
    for model in models:
        found = {FEATURE + feature.name: KINDS[feature.type] for feature in model.contract.features}
        answer: Kind = "float" if model.contract.task == "regression" else kind_of(model.classes)
        for name, kind in (found | {"prediction": answer, "outcome": answer}).items():
            kinds[name] = kind if kinds.get(name, kind) == kind else "text"
    features = {name: kind for name, kind in kinds.items() if name.startswith(FEATURE)}
    return {name: kinds.get(name, kind) for name, kind in COLUMNS.items()} | features


def kind_of(classes: Sequence[Any]) -> Kind:
    """What a column of these labels holds."""
    types = {type(label) for label in classes}
    if types == {bool}:
        return "boolean"
    if types == {int}:
        return "integer"
    return "float" if types and types <= {int, float} else "text"


def parts(connection: Connection, query: Select[Any], columns: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    """The rows as flat dicts, AT_ONCE at a time."""
    for part in connection.execution_options(yield_per=AT_ONCE).execute(query).mappings().partitions():
        yield [{name: _cell(row, name) for name in columns} for row in part]


def _cell(row: Mapping[Any, Any], name: str) -> Any:
    """One value; a feature that a version does not have is null in its rows."""
    return row["features"].get(name.removeprefix(FEATURE)) if name.startswith(FEATURE) else row[name]
