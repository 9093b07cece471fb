"""Drift and live performance of each version, from the records of a window.

A window is of the prediction's time: ``since`` inclusive, ``until`` exclusive, both aware.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

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
from service.models.repository import Repository
from service.records.database.connection import REQUEST_SECONDS, connected
from service.records.database.queries import (
    LabelledPrediction,
    Observation,
    count_by_version,
    known_models,
    labelled_predictions,
    recent_rows,
)
from service.records.spool.codec import KnownModel
from service.settings import Settings

MAX_ROWS = 10_000
"""Drift is judged on at most so many rows of a window, the newest: more say nothing new about drift of this size."""
_WORST_FIRST: tuple[Verdict, ...] = ("alarm", "watch", "stable", "too few rows", "not recorded")


@dataclass(frozen=True, slots=True)
class VersionDrift:
    """The drift of one version over ``rows`` rows; ``reason`` says why it could not be judged, where it could not."""

    model_version: str
    rows: int
    features: list[Drift]
    prediction: Drift | None
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of a feature or of the prediction."""
        verdicts = [one.verdict for one in (*self.features, self.prediction) if one is not None]
        return min(verdicts, key=_WORST_FIRST.index, default="too few rows")


@dataclass(frozen=True, slots=True)
class VersionPerformance:
    """The live performance of one version: ``predictions`` counts all rows, ``measures`` is of the labelled ones."""

    model_version: str
    task: Task
    predictions: int
    measures: ClassificationPerformance | RegressionPerformance

    def to_json(self) -> dict[str, Any]:
        """One flat object, as the answer of GET /model/performance has it."""
        measures = asdict(self.measures, dict_factory=_without_underscores)
        return {"model_version": self.model_version, "task": self.task, "predictions": self.predictions, **measures}


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
    with connected(settings, seconds) as connection:
        names = sorted(count_by_version(connection, since, until, version))
        rows = {
            name: [row for chunk in recent_rows(connection, name, since, until, MAX_ROWS) for row in chunk]
            for name in names
        }
    return [_judge(settings, name, observed) for name, observed in rows.items()]


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
    with connected(settings, seconds) as connection:
        counts = count_by_version(connection, since, until, version)
        models = known_models(connection, {version} if version else set(counts))
        tallies = {name: _Tally(model) for name, model in models.items()}
        for chunk in labelled_predictions(connection, since, until, version):
            for name, tally in tallies.items():
                tally.add([row for row in chunk if row.model_version == name])
    return [
        VersionPerformance(name, models[name].contract.task, counts.get(name, 0), tally.performance())
        for name, tally in sorted(tallies.items())
    ]


def _judge(settings: Settings, version: str, rows: Sequence[Observation]) -> VersionDrift:
    repository = Repository(settings)
    folder = repository.folder(version)
    try:
        manifest = Manifest.read(folder)
        reference = read_document(folder, manifest, REFERENCE)
    except ArtifactError as exc:
        return VersionDrift(version, len(rows), [], None, repository.without_location(str(exc)))
    found = []
    names = {feature.name for feature in manifest.contract.features}
    # Rows of another artifact that once had the same version's name say nothing about this one.
    rows = [row for row in rows if row.features.keys() == names]
    for feature in manifest.contract.features:
        distribution = Distribution.from_json(reference["features"][feature.name])
        values = None if feature.name in settings.records_redact else _recorded_values(feature, rows)
        found.append(compare(feature.name, distribution, values, settings.drift_rows))
    trained = Distribution.from_json(reference["prediction"])
    predictions = [row.prediction for row in rows]
    return VersionDrift(version, len(rows), found, compare("prediction", trained, predictions, settings.drift_rows))


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
