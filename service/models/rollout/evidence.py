"""What the records say of two versions: outcomes where they are known, and how often the two agree.

Agreement: each version answers anew what the other one has answered, here, in this process. Nothing is recorded.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from inference.artifact import build_engine
from inference.contract import contract_diff
from inference.engines.base import Engine, EngineError
from inference.features import encode
from inference.manifest import ArtifactError, Manifest
from inference.rollout.judgement import Quality, least_agreement
from inference.rollout.tally import Tally
from schemas.errors import StoreUnavailable
from service.models.repository import Repository
from service.settings import Settings

if TYPE_CHECKING:
    from service.records.database.connection import Connection

MAX_ROWS, MAX_OUTCOMES = 500, 20_000
"""Requests answered anew, and outcomes read, at one look; the newest."""
_NEAR = 4.0
"""Two numbers of a regression agree within so many times the RMSE of the stable version."""


class Evidence:
    """The records of ``stable`` and ``canary`` since a time."""

    def __init__(self, settings: Settings, stable: Manifest, canary: Manifest, ratio: float) -> None:
        self._settings, self._repository = settings, Repository(settings)
        self._manifests = {manifest.version: manifest for manifest in (stable, canary)}
        self._stable, self._canary = stable, canary
        self._versions = stable.version, canary.version
        self._engines: dict[str, Engine] = {}
        self._reason = self._why_not()
        measured = stable.metrics.get("accuracy")
        accuracy = float(measured) if isinstance(measured, int | float) else None
        self._least = least_agreement(stable.contract.task, accuracy, ratio)
        self.restart(0.0)

    def restart(self, since: float) -> None:
        """Read the records from the Unix time ``since`` on, and forget those before."""
        self._since = datetime.fromtimestamp(since, UTC)
        self._seen: set[str] = set()

    def look(self, tallies: Mapping[str, Tally]) -> Quality:
        """Set the outcomes of each version, and add further requests to compare to the canary's tally."""
        if not self._settings.records or not self._settings.records_sample:
            return Quality(reason="RECORDS is off, so neither outcomes nor rows are known")
        from service.records.database.connection import connected

        try:
            with connected(self._settings) as connection:
                self._read_outcomes(connection, tallies)
                if not self._reason:
                    self._compare(connection, tallies[self._canary.version])
        except StoreUnavailable as exc:
            return Quality(reason=f"the records' database does not answer: {exc.detail}", pending=True)
        return Quality(self._least, self._reason)

    def _why_not(self) -> str:
        """Why the versions cannot answer each other's rows; empty where they can."""
        if redacted := set(self._settings.records_redact) & set(self._stable.contract.names):
            return f"{', '.join(sorted(redacted))} is not recorded (RECORDS_REDACT)"
        if self._stable.contract.task != self._canary.contract.task:
            return "one version is a classification, the other a regression"
        if found := contract_diff(self._stable.contract, self._canary.contract):
            return f"the versions take different rows: {'; '.join(found)}"
        if self._stable.contract.task == "regression" and not self._rmse:
            return "the stable version's RMSE is not known"
        try:
            for manifest in self._manifests.values():
                folder = self._repository.folder(manifest.version)
                self._engines[manifest.version] = build_engine(folder, manifest, self._settings.engine)
        except (ArtifactError, EngineError) as exc:
            return str(exc)
        return ""

    @property
    def _rmse(self) -> float:
        measured = self._stable.metrics.get("rmse")
        return float(measured) if isinstance(measured, int | float) else 0.0

    def _read_outcomes(self, connection: "Connection", tallies: Mapping[str, Tally]) -> None:
        from service.records.database.queries import routed_outcomes

        found = routed_outcomes(connection, self._versions, self._since, MAX_OUTCOMES)
        near = 0.0
        if self._stable.contract.task == "regression":
            errors = [abs(said - true) for _, version, said, true in found if version == self._stable.version]
            near = median(errors) if errors else 0.0
        by_request: dict[tuple[str, str], list[bool]] = defaultdict(list)
        for prediction_id, version, said, true in found:
            right = abs(said - true) <= near if self._stable.contract.task == "regression" else said == true
            by_request[version, prediction_id].append(right)
        for version, tally in tallies.items():
            shares = [sum(rows) / len(rows) for (of, _), rows in by_request.items() if of == version]
            tally.outcomes, tally.right = float(len(shares)), sum(shares)

    def _compare(self, connection: "Connection", tally: Tally) -> None:
        from service.records.database.queries import routed_rows

        fresh: dict[str, list[tuple[Mapping[str, Any], Any]]] = defaultdict(list)
        for prediction_id, version, features, said in routed_rows(connection, self._versions, self._since, MAX_ROWS):
            if prediction_id not in self._seen:
                self._seen.add(prediction_id)
                fresh[version].append((features, said))
        for version, answered in fresh.items():
            other = self._manifests[self._versions[1 - self._versions.index(version)]]
            rows = [([features.get(name) for name in other.contract.names], said) for features, said in answered]
            rows = [row for row in rows if _fits(other, row[0])]
            tally.compared += len(rows)
            tally.agreed += sum(
                self._agree(one, said) for one, (_, said) in zip(self._answer(other, rows), rows, strict=True)
            )

    def _answer(self, manifest: Manifest, rows: list[tuple[list[Any], Any]]) -> list[Any]:
        """The predictions of a version for these rows; None for a row on which its engine fails."""
        engine, contract = self._engines[manifest.version], manifest.contract
        try:
            return engine.predict(encode(contract, [row for row, _ in rows])).predictions if rows else []
        except Exception:  # an engine has errors of its own; which row is it?
            return [None] if len(rows) == 1 else [one for row in rows for one in self._answer(manifest, [row])]

    def _agree(self, one: Any, other: Any) -> bool:
        if self._stable.contract.task == "regression":
            return one is not None and abs(one - other) <= _NEAR * self._rmse
        return bool(one == other)


def _fits(manifest: Manifest, row: list[Any]) -> bool:
    """Whether the version takes a row of the other one; what it does not take it refuses with 422, which is counted."""
    try:
        encode(manifest.contract, [row])
    except (KeyError, TypeError, ValueError):
        return False
    return True
