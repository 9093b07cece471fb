"""One loaded artifact: validate, encode, predict, record, serialise."""

import time
from collections.abc import MutableMapping
from operator import itemgetter
from typing import Any

import numpy as np
import orjson
from pydantic import ValidationError

from benchmarks.twins.loading import load_engine
from benchmarks.twins.schema import batch_adapter, row_adapter
from benchmarks.twins.tuned.ids import new_id
from benchmarks.twins.tuned.problems import invalid
from inference.engines.base import Answers
from inference.features import Matrix, codes_of, encode
from inference.timestamps import isoformat_unix
from service import metrics
from service.records import Record
from service.records.recorder import Recorder
from service.settings import Settings


class Model:
    """Validators built once, columns picked by one itemgetter, codes looked up only where there are categories."""

    def __init__(self, settings: Settings, records: Recorder) -> None:
        self._records = records
        self.manifest, self._engine = load_engine(settings)
        contract = self.manifest.contract
        self.version = self.manifest.version
        self.headers = [(b"content-type", b"application/json"), (b"x-model-version", self.version.encode())]
        self._validate_row = row_adapter(contract).validator.validate_python
        self._validate_batch = batch_adapter(contract).validator.validate_python
        names = contract.names
        self._pick = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
        self._codes = {i: codes for i, feature in enumerate(contract.features) if (codes := codes_of(feature))}
        self._regression = contract.task == "regression"

    def predict(self, body: Any, scope: MutableMapping[str, Any]) -> bytes:
        """The answer to one row."""
        spent: dict[str, float] = {}
        row = self._checked(self._validate_row, body, spent)
        document, answers = self._answer([row], scope, spent)
        return self._written(_one(answers) | document, spent)

    def predict_batch(self, body: Any, scope: MutableMapping[str, Any]) -> bytes:
        """The answer to a batch."""
        spent: dict[str, float] = {}
        rows = self._checked(self._validate_batch, body, spent)["instances"]
        document, answers = self._answer(rows, scope, spent)
        metrics.batch_rows(len(rows))
        return self._written({"predictions": _each(answers), "count": len(rows), **document}, spent)

    def _written(self, document: dict[str, Any], spent: dict[str, float]) -> bytes:
        began = time.perf_counter()
        content = orjson.dumps(document)
        spent["serialise"] = time.perf_counter() - began
        metrics.phases(self.version, "stable", **spent)
        return content

    def _checked(self, validate: Any, body: Any, spent: dict[str, float]) -> Any:
        started = time.perf_counter()
        try:
            return validate(body)
        except ValidationError as exc:
            error = invalid(exc)
            metrics.invalid([self._known(field) for field in error.errors])
            raise error from None
        finally:
            spent["validate"] = time.perf_counter() - started

    def _known(self, field: str) -> str:
        name = field.split(".", 2)[-1] if field.startswith("instances.") else field
        return name if name in self.manifest.contract.names else "unknown"

    def _answer(
        self, rows: list[dict[str, Any]], scope: MutableMapping[str, Any], spent: dict[str, float]
    ) -> tuple[dict[str, str], Answers]:
        started = time.perf_counter()
        matrix = self._matrix(rows)
        answers = self._engine.predict(matrix)
        ended = time.perf_counter()
        spent["predict"] = ended - started
        metrics.prediction(self.version, answers.predictions, self._regression)
        now = time.time()
        prediction_id = new_id()
        latency_ms = (ended - scope["started"]) * 1000
        client = scope.get("client_name") or (scope["client"] or ("",))[0]
        request_id = scope["request_id"]
        record = Record(
            prediction_id=prediction_id,
            request_id=request_id,
            time=now,
            model_version=self.version,
            role="stable",
            contract=self.manifest.contract,
            rows=matrix,
            answers=answers,
            latency_ms=latency_ms,
            client=client,
            classes=self.manifest.classes,
        )
        self._records.append(record)
        first = answers.predictions[0] if len(rows) == 1 else None
        scope["prediction"] = {
            "request_id": request_id,
            "prediction_id": prediction_id,
            "model_version": self.version,
            "prediction": first,
            "rows": len(rows),
            "latency_ms": round(latency_ms, 3),
            "client_ip": client,
        }
        facts = {"model_version": self.version, "timestamp": isoformat_unix(now), "prediction_id": prediction_id}
        return facts, answers

    def _matrix(self, rows: list[dict[str, Any]]) -> Matrix:
        cells = list(map(self._pick, rows))
        if self.manifest.contract.open_columns:
            return encode(self.manifest.contract, cells)
        if self._codes:
            cells = [tuple(self._codes[i][v] if i in self._codes else v for i, v in enumerate(row)) for row in cells]
        return np.array(cells, dtype=np.float64)


def _one(answers: Answers) -> dict[str, Any]:
    if answers.probabilities is None or answers.chosen is None:
        return {"prediction": answers.predictions[0]}
    return {
        "prediction": answers.predictions[0],
        "probability": answers.probabilities.item(0, answers.chosen.item()),
    }


def _each(answers: Answers) -> list[dict[str, Any]]:
    if answers.probabilities is None or answers.chosen is None:
        return [{"prediction": prediction} for prediction in answers.predictions]
    chosen = answers.probabilities[np.arange(len(answers.chosen)), answers.chosen].tolist()
    return [
        {"prediction": prediction, "probability": probability}
        for prediction, probability in zip(answers.predictions, chosen, strict=True)
    ]
