"""How well each version does on what really happened."""

from datetime import datetime
from typing import Any

from inference.performance import ClassificationTally, RegressionTally
from service.records.database.connection import REQUEST_SECONDS, connected
from service.records.database.queries import count_by_version, known_models, labelled_predictions
from service.records.spool.codec import KnownModel
from service.settings import Settings


def performance(
    settings: Settings,
    since: datetime,
    until: datetime,
    version: str | None = None,
    seconds: float | None = REQUEST_SECONDS,
) -> list[dict[str, Any]]:
    """For each version that predicted within the window, or for the one asked for, how it did.

    ``predictions`` counts all its rows, ``outcomes`` those whose outcome is known. The version asked for is left out
    where it has never had a record.

    Raises:
        StoreUnavailable: there is no database now, or it took more than ``seconds``.
    """
    with connected(settings, seconds) as connection:
        counts = count_by_version(connection, since, until, version)
        models = known_models(connection, {version} if version else set(counts))
        tallies = {name: _Tally(model) for name, model in models.items()}
        for part in labelled_predictions(connection, since, until, version):
            for name, tally in tallies.items():
                tally.add([row for row in part if row.model_version == name])
    return [
        {
            "model_version": name,
            "task": models[name].contract.task,
            "predictions": counts.get(name, 0),
            **tally.tally.summary(),
        }
        for name, tally in sorted(tallies.items())
    ]


class _Tally:
    def __init__(self, model: KnownModel) -> None:
        regression = model.contract.task == "regression"
        self.tally = RegressionTally() if regression else ClassificationTally(model.classes)

    def add(self, rows: list[Any]) -> None:
        predictions, outcomes = [row.prediction for row in rows], [row.outcome for row in rows]
        if isinstance(self.tally, RegressionTally):
            self.tally.add(predictions, outcomes)
        else:
            self.tally.add(predictions, [row.probabilities for row in rows], outcomes)
