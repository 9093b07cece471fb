"""Recorded rows answered again by the version that answered them, and compared to the bit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from inference.contract import contract_diff
from inference.engines.base import EngineError
from inference.features import encode
from inference.manifest import ArtifactError
from service.models.model import Model, load
from service.models.repository import Repository
from service.settings import Settings

if TYPE_CHECKING:
    from service.records.database.recorded_rows import RecordedRow
    from service.records.spool.codec import KnownModel

Result = Literal["same", "different", "unavailable"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One answer: the rows, ``differences`` of some of them, and where it could not be answered again, why not."""

    prediction_id: str
    role: str
    version: str
    rows: int
    differences: Sequence[str] = ()
    reason: str = ""

    @property
    def result(self) -> Result:
        """In a word."""
        return "unavailable" if self.reason else "different" if self.differences else "same"


def draw(settings: Settings, count: int, hours: int) -> list[str]:
    """The ids of ``count`` answers of the last ``hours``, drawn at random."""
    from service.records.database.connection import connected
    from service.records.database.recorded_rows import draw_predictions

    until = datetime.now(UTC)
    with connected(settings, seconds=None) as connection:
        return draw_predictions(connection, until - timedelta(hours=hours), until, count)


def replay_all(settings: Settings, ids: Sequence[str]) -> Iterator[Replayed]:
    """The answers of these ids, and those of their shadows, each given again."""
    from service.records.database.connection import connected
    from service.records.database.queries import known_models
    from service.records.database.recorded_rows import rows_of_prediction

    models = _Models(settings)
    for prediction_id in ids:
        with connected(settings, seconds=None) as connection:
            rows = rows_of_prediction(connection, prediction_id)
            known = known_models(connection, {row.model_version for row in rows})
        for (role, version), group in groupby(rows, key=lambda row: (row.role, row.model_version)):
            yield _again(models, list(group), role, version, known.get(version), settings)


class _Models:
    """The versions that the records name, each loaded once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = replace(settings, cache="off")
        self._repository = Repository(settings)
        self._loaded: dict[str, Model | str] = {}

    def get(self, version: str) -> Model | str:
        """The version, or a sentence that says why it cannot answer."""
        if version not in self._loaded:
            self._loaded[version] = self._load(version)
        return self._loaded[version]

    def _load(self, version: str) -> Model | str:
        folders = [self._repository.folder(version), self._repository.copy(version)]
        folder = next((one for one in folders if one.is_dir()), None)
        if folder is None:
            return f"{version} answered it, and is no longer in {self._repository.root}. Restore its folder."
        try:
            return load(folder, self._settings)
        except (ArtifactError, EngineError) as exc:
            return f"{version} answered it, and cannot be loaded: {exc}"


def _again(
    models: _Models, rows: "list[RecordedRow]", role: str, version: str, known: "KnownModel | None", settings: Settings
) -> Replayed:
    one = Replayed(rows[0].prediction_id, role, version, len(rows))
    model = models.get(version)
    if isinstance(model, str):
        return replace(one, reason=model)
    contract = model.manifest.contract
    names = contract.names
    if hidden := sorted(settings.records_redact.intersection(names)):
        return replace(one, reason=f"RECORDS_REDACT leaves {hidden[0]} out of the records: nothing can be replayed.")
    changed = contract_diff(known.contract, contract) if known is not None else []
    if changed or any(set(row.features) != set(names) for row in rows):
        what = f" ({'; '.join(changed)})" if changed else ""
        return replace(one, reason=f"{version} takes other rows now than when it answered{what}: it was made anew.")
    try:
        matrix = encode(contract, [[row.features[name] for name in names] for row in rows])
    except (KeyError, TypeError, ValueError):
        return replace(one, reason=f"a recorded value is none that {version} takes: a feature was redacted, or edited.")
    answers = model.engine.predict(matrix)
    given = [None] * len(rows) if answers.probabilities is None else answers.probabilities.tolist()
    lines = []
    for row, prediction, probabilities in zip(rows, answers.predictions, given, strict=True):
        if prediction != row.prediction:
            lines.append(f"row {row.row_index}: it predicted {row.prediction!r}, and predicts {prediction!r} now")
        elif row.probabilities is not None and probabilities != row.probabilities:
            lines.append(f"row {row.row_index}: {_apart(row.probabilities, probabilities)}")
    return replace(one, differences=lines)


def _apart(before: list[float], now: Any) -> str:
    if not isinstance(now, list) or len(now) != len(before):
        return "it had probabilities of other classes"
    largest = max(abs(a - b) for a, b in zip(before, now, strict=True))
    return f"the same prediction, and a probability differs by {largest:.3g}"
