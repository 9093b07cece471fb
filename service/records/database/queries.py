"""Queries of the records: plain functions on a connection of ``connection.connected``.

A window is of the prediction's time: ``since`` inclusive, ``until`` exclusive, both aware. A shadow's records count for
its own version.
"""

import math
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, select

from inference.contract import Contract
from inference.engines.base import Label
from service.records.database.tables import feedback, models, predictions
from service.records.spool.codec import KnownModel

CHUNK_ROWS = 5000
"""Rows fetched at a time."""
STEP_ROWS = 200
"""Rows fetched at a time for a request: some milliseconds in which predictions of the same worker wait."""
READ_SECONDS = 5.0
"""A request reads rows for so long at most, and answers with those it has."""
_CHUNK_IDS = 500
"""Ids in one statement: SQLite and PostgreSQL bound its parameters."""


class Pace:
    """Small steps with pauses for a request; large ones without for a process of its own. ``ended``: time was over."""

    def __init__(self, bounded: bool) -> None:
        self.chunk_rows = STEP_ROWS if bounded else CHUNK_ROWS
        self.ended = False
        self._end = time.monotonic() + READ_SECONDS if bounded else math.inf
        self._bounded = bounded

    def is_over(self) -> bool:
        """Call it after each step: it pauses, so that predictions get the interpreter. Whether to read no more."""
        self.pause()
        self.ended = self.ended or time.monotonic() > self._end
        return self.ended

    def pause(self) -> None:
        """Let others compute."""
        if self._bounded:
            time.sleep(0.001)


class LabelledPrediction(NamedTuple):
    """A predicted row whose outcome is known. ``probabilities`` in the order of the classes, None without."""

    model_version: str
    prediction: Any
    probabilities: list[float] | None
    outcome: Any


class Observation(NamedTuple):
    """A predicted row: its features by name, and what was predicted."""

    features: Mapping[str, Any]
    prediction: Any
    time: datetime


def known_models(connection: Connection, versions: set[str] | None = None) -> dict[str, KnownModel]:
    """The model of each version that has records, or of those of ``versions`` that have."""
    query = select(models) if versions is None else select(models).where(models.c.model_version.in_(versions))
    return {
        row.model_version: KnownModel(row.model_version, Contract.from_json(row.contract), tuple(row.classes))
        for row in connection.execute(query)
    }


def count_by_version(
    connection: Connection, since: datetime, until: datetime, version: str | None = None
) -> dict[str, int]:
    """The number of rows that each version predicted."""
    query = (
        select(predictions.c.model_version, func.count())
        .where(_within(since, until, version))
        .group_by(predictions.c.model_version)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def labelled_predictions(
    connection: Connection,
    since: datetime,
    until: datetime,
    version: str | None = None,
    limit: int | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[list[LabelledPrediction]]:
    """The rows whose outcome is known, in lists of up to ``chunk_rows``; with a ``limit`` the newest ones."""
    query = (
        select(
            predictions.c.model_version,
            predictions.c.prediction,
            predictions.c.probabilities,
            feedback.c.outcome,
        )
        .join(
            feedback,
            and_(
                feedback.c.prediction_id == predictions.c.prediction_id,
                feedback.c.row_index == predictions.c.row_index,
            ),
        )
        .where(_within(since, until, version))
    )
    if limit is not None:
        query = query.order_by(predictions.c.time.desc()).limit(limit)
    for chunk in connection.execution_options(yield_per=chunk_rows).execute(query).partitions():
        yield [LabelledPrediction(*row) for row in chunk]


def recent_rows(
    connection: Connection,
    version: str,
    since: datetime,
    until: datetime,
    limit: int = 100_000,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[list[Observation]]:
    """The rows that one version predicted, the newest first, at most ``limit``, in lists of up to ``chunk_rows``.

    Features under RECORDS_REDACT are null in every row.
    """
    query = (
        select(predictions.c.features, predictions.c.prediction, predictions.c.time)
        .where(_within(since, until, version))
        .order_by(predictions.c.time.desc())
        .limit(limit)
    )
    for chunk in connection.execution_options(yield_per=chunk_rows).execute(query).partitions():
        yield [Observation(*row) for row in chunk]


def routed_rows(
    connection: Connection, versions: tuple[str, str], since: datetime, limit: int
) -> list[tuple[str, str, Mapping[str, Any], Any]]:
    """Id, version, features and prediction of the first row of requests that routing gave to these versions.

    The newest ones, at most ``limit``: requests that named their version and the shadow's are left out.
    """
    query = (
        select(
            predictions.c.prediction_id, predictions.c.model_version, predictions.c.features, predictions.c.prediction
        )
        .where(_routed(versions, since), predictions.c.row_index == 0)
        .order_by(predictions.c.time.desc())
        .limit(limit)
    )
    return [tuple(row) for row in connection.execute(query)]


def routed_outcomes(
    connection: Connection, versions: tuple[str, str], since: datetime, limit: int
) -> list[tuple[str, str, Any, Any]]:
    """Id, version, prediction and outcome of the labelled rows among the same requests, the newest ``limit``."""
    query = (
        select(predictions.c.prediction_id, predictions.c.model_version, predictions.c.prediction, feedback.c.outcome)
        .join(
            feedback,
            and_(
                feedback.c.prediction_id == predictions.c.prediction_id,
                feedback.c.row_index == predictions.c.row_index,
            ),
        )
        .where(_routed(versions, since))
        .order_by(predictions.c.time.desc())
        .limit(limit)
    )
    return [tuple(row) for row in connection.execute(query)]


def versions_of(connection: Connection, ids: list[str]) -> dict[tuple[str, int], str]:
    """The version that answered each row of these predictions, shadows left out."""
    found: dict[tuple[str, int], str] = {}
    for start in range(0, len(ids), _CHUNK_IDS):
        query = select(predictions.c.prediction_id, predictions.c.row_index, predictions.c.model_version).where(
            predictions.c.prediction_id.in_(ids[start : start + _CHUNK_IDS]), predictions.c.role != "shadow"
        )
        found |= {(row.prediction_id, row.row_index): row.model_version for row in connection.execute(query)}
    return found


def outcomes_of(connection: Connection, ids: list[str]) -> dict[tuple[str, int], Label]:
    """The known outcome of each row of these predictions."""
    found: dict[tuple[str, int], Label] = {}
    for start in range(0, len(ids), _CHUNK_IDS):
        query = select(feedback).where(feedback.c.prediction_id.in_(ids[start : start + _CHUNK_IDS]))
        found |= {(row.prediction_id, row.row_index): row.outcome for row in connection.execute(query)}
    return found


def _routed(versions: tuple[str, str], since: datetime) -> ColumnElement[bool]:
    return and_(
        predictions.c.time >= since,
        predictions.c.model_version.in_(versions),
        predictions.c.role.in_(("stable", "canary")),
    )


def _within(since: datetime, until: datetime, version: str | None) -> ColumnElement[bool]:
    window = and_(predictions.c.time >= since, predictions.c.time < until)
    return window if version is None else and_(window, predictions.c.model_version == version)
