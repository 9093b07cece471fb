"""Drift and live performance of each version, from the records of a window.

A window is of the prediction's time: ``since`` inclusive, ``until`` exclusive, both aware.

A request's question is bounded: in rows, in values and in seconds. What was not read is said (``truncated``). It shares
the interpreter with predictions, so it is answered in small steps with pauses in between, one question at a time.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from sqlalchemy import Connection

from inference.artifact import REFERENCE, read_document
from inference.contract import Feature, Task
from inference.drift import Distribution, Drift, Verdict, compare
from inference.manifest import ArtifactError, Manifest
from inference.performance import (
    ClassificationPerformance,
    ClassificationTally,
    RegressionPerformance,
    RegressionTally,
)
from schemas.errors import StoreUnavailable
from service.models.repository import Repository
from service.records.database.connection import REQUEST_SECONDS, connected
from service.records.database.queries import (
    LabelledPrediction,
    Observation,
    Pace,
    count_by_version,
    known_models,
    labelled_predictions,
    recent_rows,
)
from service.records.spool.codec import KnownModel
from service.settings import Settings

MAX_ROWS = 10_000
"""Drift is judged on at most so many rows of a window, the newest: more say nothing new about drift of this size."""
MAX_VALUES = 2_000_000
"""The same in values, for rows with many features: it bounds the memory that a question takes."""
MAX_OUTCOMES = 100_000
"""A request's performance is of at most so many outcomes of a window, the newest predictions'."""
SWITCH_SECONDS = 0.0005
"""How long Python lets a thread compute while another one waits: a prediction waits so long for a question's step."""
_turn = Lock()
_WORST_FIRST: tuple[Verdict, ...] = ("alarm", "watch", "stable", "too few rows", "not recorded")


@dataclass(frozen=True, slots=True)
class VersionDrift:
    """The drift of one version over ``rows`` rows; ``reason`` says why it could not be judged, where it could not.

    ``truncated``: the window has more rows than were read; these are the newest.
    """

    model_version: str
    rows: int
    features: list[Drift]
    prediction: Drift | None
    reason: str = ""
    truncated: bool = False

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of a feature or of the prediction."""
        verdicts = [one.verdict for one in (*self.features, self.prediction) if one is not None]
        return min(verdicts, key=_WORST_FIRST.index, default="too few rows")


@dataclass(frozen=True, slots=True)
class VersionPerformance:
    """The live performance of one version: ``predictions`` counts all rows, ``measures`` is of the labelled ones.

    ``truncated``: there may be more labelled ones than were read; these are the newest.
    """

    model_version: str
    task: Task
    predictions: int
    measures: ClassificationPerformance | RegressionPerformance
    truncated: bool = False

    def to_json(self) -> dict[str, Any]:
        """One flat object, as the answer of GET /model/performance has it."""
        measures = asdict(self.measures, dict_factory=_without_underscores)
        facts = {"model_version": self.model_version, "task": self.task, "predictions": self.predictions}
        return facts | measures | {"truncated": self.truncated}


def drift(
    settings: Settings,
    since: datetime,
    until: datetime,
    version: str | None = None,
    seconds: float | None = REQUEST_SECONDS,
) -> list[VersionDrift]:
    """The drift of each version that predicted in the window, or of ``version`` alone; by name.

    Raises:
        StoreUnavailable: the database does not answer, or took more than ``seconds``.
    """
    with _question(settings, seconds) as (connection, pace):
        counts = count_by_version(connection, since, until, version)
        rows = {name: _newest(connection, name, since, until, pace) for name in sorted(counts)}
    return [_judge(settings, name, found, len(found) < counts[name], pace) for name, found in rows.items()]


def performance(
    settings: Settings,
    since: datetime,
    until: datetime,
    version: str | None = None,
    seconds: float | None = REQUEST_SECONDS,
) -> list[VersionPerformance]:
    """The performance of each version that predicted in the window, or of ``version`` alone; by name.

    ``version`` is in the list if it ever had a record.

    Raises:
        StoreUnavailable: the database does not answer, or took more than ``seconds``.
    """
    limit = None if seconds is None else MAX_OUTCOMES
    with _question(settings, seconds) as (connection, pace):
        counts = count_by_version(connection, since, until, version)
        models = known_models(connection, {version} if version else set(counts))
        tallies = {name: _Tally(model) for name, model in models.items()}
        read = 0
        for chunk in labelled_predictions(connection, since, until, version, limit, pace.chunk_rows):
            read += len(chunk)
            for name, tally in tallies.items():
                tally.add([row for row in chunk if row.model_version == name])
            if pace.is_over():
                break
    truncated = pace.ended or read == limit
    return [
        VersionPerformance(name, models[name].contract.task, counts.get(name, 0), tally.performance(), truncated)
        for name, tally in sorted(tallies.items())
    ]


@contextmanager
def _question(settings: Settings, seconds: float | None) -> Iterator[tuple[Connection, Pace]]:
    """A connection for one question. Requests ask one at a time in a process; ``seconds`` bounds their wait, too."""
    if seconds is None:
        with connected(settings, None) as connection:
            yield connection, Pace(bounded=False)
        return
    sys.setswitchinterval(min(SWITCH_SECONDS, sys.getswitchinterval()))
    if not _turn.acquire(timeout=seconds):
        raise StoreUnavailable("Other questions about the records are being answered.", {"Retry-After": "5"})
    try:
        with connected(settings, seconds) as connection:
            yield connection, Pace(bounded=True)
    finally:
        _turn.release()


def _newest(connection: Connection, version: str, since: datetime, until: datetime, pace: Pace) -> list[Observation]:
    """The newest rows of a version, as many as the bounds allow."""
    rows: list[Observation] = []
    for chunk in recent_rows(connection, version, since, until, MAX_ROWS, pace.chunk_rows):
        rows += chunk
        if pace.is_over() or len(rows) * len(rows[0].features) > MAX_VALUES:
            break
    return rows


def _judge(settings: Settings, version: str, rows: Sequence[Observation], truncated: bool, pace: Pace) -> VersionDrift:
    repository = Repository(settings)
    folder = repository.folder(version)
    try:
        manifest = Manifest.read(folder)
        reference = read_document(folder, manifest, REFERENCE)
    except ArtifactError as exc:
        return VersionDrift(version, len(rows), [], None, repository.without_location(str(exc)), truncated)
    found = []
    names = {feature.name for feature in manifest.contract.features}
    # Rows of another artifact that once had the same version's name say nothing about this one.
    rows = [row for row in rows if row.features.keys() == names]
    for feature in manifest.contract.features:
        distribution = Distribution.from_json(reference["features"][feature.name])
        values = None if feature.name in settings.records_redact else _recorded_values(feature, rows)
        found.append(compare(feature.name, distribution, values, settings.drift_rows))
        pace.pause()
    trained = Distribution.from_json(reference["prediction"])
    predictions = [row.prediction for row in rows]
    judged = compare("prediction", trained, predictions, settings.drift_rows)
    return VersionDrift(version, len(rows), found, judged, truncated=truncated)


def _recorded_values(feature: Feature, rows: Sequence[Observation]) -> list[Any] | None:
    """The recorded values of a feature, None where it was always redacted.

    A null of a feature that is not nullable was redacted.
    """
    values = [row.features[feature.name] for row in rows]
    if not feature.nullable:
        values = [value for value in values if value is not None]
    if feature.type in ("number", "integer"):
        values = [value for value in values if value is None or type(value) in (int, float)]
    if feature.type == "text":
        values = [value for value in values if value is None or type(value) is str]
    return values if values or not rows else None


class _Tally:
    """The tally of one version, by its task."""

    def __init__(self, model: KnownModel) -> None:
        regression = model.contract.task == "regression"
        self._tally = RegressionTally() if regression else ClassificationTally(model.classes)

    def add(self, rows: Sequence[LabelledPrediction]) -> None:
        predictions, outcomes = [row.prediction for row in rows], [row.outcome for row in rows]
        if isinstance(self._tally, RegressionTally):
            self._tally.add(predictions, outcomes)
        else:
            self._tally.add(predictions, [row.probabilities for row in rows], outcomes)

    def performance(self) -> ClassificationPerformance | RegressionPerformance:
        return self._tally.performance()


def _without_underscores(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """``from_``, which Python reserves, as ``from``."""
    return {name.removesuffix("_"): value for name, value in items}
