"""Examples that are true: the contract's own row, and the served model's answer to it."""

from dataclasses import dataclass
from typing import Any

from inference.contract import LARGEST_INTEGER, Value
from inference.features import encode
from schemas.answers import BatchAnswer, PredictionAnswer
from schemas.feedback import OutcomeSchema, OutcomesSchema
from service.models.model import Model

_FACTS = {
    "timestamp": "2026-01-31T12:00:00.000Z",
    "prediction_id": "0b8f7a52-6c1d-4a0e-8a51-5f2f9f0c7d3e",
}
_JSON_TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
_MOST_SHOWN = 20
_MOST_LISTED = 100


@dataclass(frozen=True, slots=True)
class Samples:
    """Examples, of a row and by schema; ``prediction`` and ``outcome`` are the schemas of what this model predicts."""

    row: dict[str, Value]
    answers: dict[Any, dict[str, Any]]
    bodies: dict[Any, dict[str, Any]]
    prediction: dict[str, Any]
    outcome: dict[str, Any]
    probability: bool

    @property
    def batch(self) -> dict[str, Any]:
        """Two rows."""
        return {"instances": [self.row, self.row]}

    @property
    def field(self) -> str:
        """The feature that an example of an error is about."""
        return next(iter(self.row))


def samples_of(model: Model | None) -> Samples:
    """The examples of a model; general ones where none is loaded."""
    if model is None:
        return Samples({"feature_1": 0.5}, {}, {}, {}, {}, True)
    contract = model.manifest.contract
    found = model.engine.predict(encode(contract, [list(contract.example.values())]))
    row_answer: dict[str, Any] = {"prediction": found.predictions[0]}
    if found.probabilities is not None and found.chosen is not None:
        row_answer["probability"] = float(found.probabilities[0, found.chosen[0]])
    facts = {"model_version": model.version} | _FACTS
    answers = {
        PredictionAnswer: row_answer | facts,
        BatchAnswer: {"predictions": [row_answer, row_answer], "count": 2} | facts,
    }
    outcome = {"prediction_id": _FACTS["prediction_id"], "row": 0, "outcome": row_answer["prediction"]}
    bodies = {OutcomeSchema: outcome, OutcomesSchema: {"outcomes": [outcome, outcome | {"row": 1}]}}
    return Samples(contract.example, answers, bodies, _prediction(model), _outcome(model), "probability" in row_answer)


def _prediction(model: Model) -> dict[str, Any]:
    classes = model.manifest.classes
    if not classes:
        return {"type": "number", "description": "The predicted number."}
    types = sorted({_JSON_TYPES[type(label)] for label in classes})
    shown = ", ".join(f"`{label}`" for label in classes[:_MOST_SHOWN]) + (", ..." if len(classes) > _MOST_SHOWN else "")
    return {
        "type": types[0] if len(types) == 1 else types,
        "description": f"The predicted label, in the type it was trained with. One of: {shown}.",
    }


def _outcome(model: Model) -> dict[str, Any]:
    """The schema of a true outcome: one of the labels, each a constant. An ``enum`` of mixed types breaks clients."""
    labels = [label for label in model.manifest.classes if label is not None]
    if not labels:
        return {"anyOf": [{"type": "number", "minimum": -LARGEST_INTEGER, "maximum": LARGEST_INTEGER}]}
    return {"anyOf": [{"const": label} for label in labels]} if len(labels) <= _MOST_LISTED else {}
