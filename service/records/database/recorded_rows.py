"""Recorded rows as they were answered, each with its outcome: what is replayed, compared and learned from."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from service.records.database.queries import CHUNK_ROWS
from service.records.database.tables import feedback, predictions


class RecordedRow(NamedTuple):
    """A row as it was answered. ``probabilities`` in the order of the classes; ``outcome`` is None where not known."""

    prediction_id: str
    row_index: int
    role: str
    model_version: str
    features: Mapping[str, Any]
    prediction: Any
    probabilities: list[float] | None
    outcome: Any


def rows_of_prediction(connection: Connection, prediction_id: str) -> list[RecordedRow]:
    """Every row of one answer, and of its shadow, in order; empty where there is no record of it."""
    query = _recorded_rows().where(predictions.c.prediction_id == prediction_id)
    rows = connection.execute(query.order_by(predictions.c.role, predictions.c.row_index))
    return [RecordedRow(*row) for row in rows]


def draw_predictions(connection: Connection, since: datetime, until: datetime, count: int) -> list[str]:
    """The ids of ``count`` answers of a window, drawn at random; all of them where there are fewer."""
    ids = select(predictions.c.prediction_id).where(_within(since, until)).distinct().subquery()
    return list(connection.execute(select(ids).order_by(func.random()).limit(count)).scalars())


def answered_rows(
    connection: Connection, versions: Sequence[str], since: datetime, until: datetime, limit: int
) -> Iterator[list[RecordedRow]]:
    """The rows that one of these versions answered, shadows left out, the newest first, at most ``limit``."""
    query = _recorded_rows().where(
        _within(since, until), predictions.c.model_version.in_(versions), predictions.c.role != "shadow"
    )
    query = query.order_by(predictions.c.time.desc()).limit(limit)
    for chunk in connection.execution_options(yield_per=CHUNK_ROWS).execute(query).partitions():
        yield [RecordedRow(*row) for row in chunk]


def _recorded_rows() -> Select[Any]:
    """The columns of RecordedRow."""
    row = predictions.c
    joined = predictions.outerjoin(
        feedback, and_(feedback.c.prediction_id == row.prediction_id, feedback.c.row_index == row.row_index)
    )
    columns = (row.prediction_id, row.row_index, row.role, row.model_version, row.features, row.prediction)
    return select(*columns, row.probabilities, feedback.c.outcome).select_from(joined)


def _within(since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(predictions.c.time >= since, predictions.c.time < until)
