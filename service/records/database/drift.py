"""Whether what the models are asked, and what they say, still looks as it did in training."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inference.artifact import REFERENCE, read_document
from inference.contract import Feature
from inference.drift import Distribution, Drift, Verdict, compare
from inference.manifest import ArtifactError, Manifest
from service.models.repository import Repository
from service.records.database.connection import REQUEST_SECONDS, connected
from service.records.database.queries import Observation, count_by_version, recent_rows
from service.settings import Settings

MOST_ROWS = 10_000
"""The newest so many rows of a window are looked at: more say nothing new about drift of this size."""
_WORST_FIRST: tuple[Verdict, ...] = ("alarm", "watch", "stable", "too few rows", "not recorded")


@dataclass(frozen=True, slots=True)
class VersionDrift:
    """One version's drift. ``rows`` were looked at; ``reason`` says why it could not be judged at all."""

    model_version: str
    rows: int
    features: list[Drift]
    prediction: Drift | None
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        found = [one.verdict for one in (*self.features, self.prediction) if one is not None]
        return min(found, key=_WORST_FIRST.index, default="too few rows")


def drift(
    settings: Settings,
    since: datetime,
    until: datetime,
    version: str | None = None,
    seconds: float | None = REQUEST_SECONDS,
) -> list[VersionDrift]:
    """The drift of each version that predicted within the window, or of the one asked for.

    Raises:
        StoreUnavailable: there is no database now, or it took more than ``seconds``.
    """
    with connected(settings, seconds) as connection:
        names = sorted(count_by_version(connection, since, until, version))
        seen = {
            name: [row for part in recent_rows(connection, name, since, until, MOST_ROWS) for row in part]
            for name in names
        }
    return [_judge(settings, name, rows) for name, rows in seen.items()]


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
    # Rows of another artifact that once bore the same version's name say nothing about this one.
    rows = [row for row in rows if row.features.keys() == names]
    for feature in manifest.contract.features:
        distribution = Distribution.from_json(reference["features"][feature.name])
        values = None if feature.name in settings.records_redact else _values(feature, rows)
        found.append(compare(feature.name, distribution, values, settings.drift_rows))
    predicted = Distribution.from_json(reference["prediction"])
    answers = [row.prediction for row in rows]
    return VersionDrift(version, len(rows), found, compare("prediction", predicted, answers, settings.drift_rows))


def _values(feature: Feature, rows: Sequence[Observation]) -> list[Any] | None:
    """What a feature was, where it was recorded: a null of one that is not nullable was redacted at the time."""
    values = [row.features[feature.name] for row in rows]
    if not feature.nullable:
        values = [value for value in values if value is not None]
    if feature.type in ("number", "integer"):
        values = [value for value in values if value is None or type(value) in (int, float)]
    return values if values or not rows else None
