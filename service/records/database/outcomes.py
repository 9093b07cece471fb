"""Outcomes: the true labels of predicted rows, by prediction_id and row."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from inference.engines.base import Label
from schemas.errors import MOST_ERRORS, Conflict, InvalidInput, NotFound
from service.records.database.connection import connected
from service.records.database.queries import known_models, outcomes_of, versions_of
from service.records.database.tables import feedback
from service.records.spool.backlog import find_in_spool
from service.records.spool.codec import KnownModel
from service.records.spool.files import spool_folder
from service.settings import Settings

MAX_NAMED = 10
"""Most outcomes of a batch that an error names."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The true label of one row. In errors its fields have the ``prefix``: empty, or ``outcomes.17.`` in a batch."""

    prediction_id: str
    row: int
    outcome: Label
    prefix: str = ""

    @property
    def key(self) -> tuple[str, int]:
        """The key of its row."""
        return self.prediction_id, self.row


def record_outcomes(settings: Settings, outcomes: Sequence[Outcome], client: str) -> int:
    """Record all outcomes or none; the number of new ones.

    Raises:
        NotFound: a prediction is neither in the database nor in this host's spool.
        InvalidInput: an outcome is none that the model could have predicted.
        Conflict: another outcome of a row is known.
        StoreUnavailable: the database does not answer.
    """
    with connected(settings) as connection:
        versions, models = _look_up(settings, connection, [outcome.prediction_id for outcome in outcomes])
        if unknown := [one.prefix + "prediction_id" for one in outcomes if one.key not in versions]:
            raise NotFound(f"No record of this prediction and row: {_named(unknown)}.")
        labels = _checked(outcomes, [models.get(versions[one.key]) for one in outcomes])
        return _insert(connection, outcomes, labels, client)


def _look_up(
    settings: Settings, connection: Connection, ids: list[str]
) -> tuple[Mapping[tuple[str, int], str], Mapping[str, KnownModel]]:
    """The version of each row, and those versions' models.

    Looks in the database, then in the spool, then in the database again for what was shipped in between.
    """
    ids = list(dict.fromkeys(ids))
    versions = versions_of(connection, ids)
    models: dict[str, KnownModel] = {}
    if missing := set(ids) - {prediction_id for prediction_id, _ in versions}:
        spooled, models = find_in_spool(spool_folder(settings), missing)
        for prediction_id, found in spooled.items():
            versions |= {(prediction_id, row): found.model_version for row in range(found.rows)}
        if shipped := missing - spooled.keys():
            versions |= versions_of(connection, list(shipped))
    return versions, known_models(connection, set(versions.values())) | models


def _checked(outcomes: Sequence[Outcome], models: Sequence[KnownModel | None]) -> list[Label]:
    """The outcomes as the models' own labels.

    Raises:
        InvalidInput: an outcome is none of them.
    """
    labels: list[Label] = []
    errors: dict[str, list[str]] = {}
    total = 0
    for one, model in zip(outcomes, models, strict=True):
        try:
            labels.append(_label(one.outcome, model))
        except ValueError as exc:
            total += 1
            if total <= MOST_ERRORS:
                errors[one.prefix + "outcome"] = [str(exc)]
    if total:
        raise InvalidInput(errors, total)
    return labels


def _label(outcome: Label, model: KnownModel | None) -> Label:
    if model is not None and model.contract.task == "regression":
        if isinstance(outcome, bool) or not isinstance(outcome, int | float) or not math.isfinite(outcome):
            raise ValueError("Must be a number: the model is a regression.")
        return float(outcome)
    if model is None or not model.classes:
        return outcome
    for label in model.classes:
        if _kind(label) == _kind(outcome) and label == outcome:
            return label
    shown = ", ".join(str(label) for label in model.classes[:20]) + (", ..." if len(model.classes) > 20 else "")
    raise ValueError(f"Must be one of the model's classes, in their JSON type: {shown}.")


def _kind(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


def _insert(connection: Connection, outcomes: Sequence[Outcome], labels: Sequence[Label], client: str) -> int:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    now = datetime.now(UTC)
    new = [
        {"prediction_id": one.prediction_id, "row_index": one.row, "outcome": label, "time": now, "client": client}
        for one, label in sorted(zip(outcomes, labels, strict=True), key=lambda pair: pair[0].key)
    ]  # in one order, so that two batches that overlap cannot wait for each other both
    statement = insert(feedback).on_conflict_do_nothing().returning(feedback.c.row_index)
    created = len(connection.execute(statement, new).all())  # psycopg has no rowcount for many
    # Read after the insert, so that the second of two concurrent requests sees the outcome of the first.
    known = outcomes_of(connection, list({one.prediction_id for one in outcomes}))
    differing = [one.prefix + "outcome" for one, label in zip(outcomes, labels, strict=True) if known[one.key] != label]
    if differing:
        raise Conflict(f"Another outcome is known already: {_named(differing)}.")
    return created


def _named(paths: list[str]) -> str:
    rest = f" and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else ""
    return ", ".join(paths[:MAX_NAMED]) + rest
