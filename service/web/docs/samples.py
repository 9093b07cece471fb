"""Examples that are true: the contract's own row, and what the served model really answers to it."""

from dataclasses import dataclass
from typing import Any

from schemas.answers import BatchAnswer, PredictionAnswer
from service.inference.contract import Value
from service.inference.features import encode
from service.models.model import Model

_FACTS = {
    "timestamp": "2026-01-31T12:00:00.000Z",
    "prediction_id": "0b8f7a52-6c1d-4a0e-8a51-5f2f9f0c7d3e",
}
_JSON_TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Samples:
    """Examples of bodies and answers, by schema; ``outcome`` is what the schema of a prediction says beside them."""

    row: dict[str, Value]
    answers: dict[Any, dict[str, Any]]
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
        return Samples({"feature_1": 0.5}, {}, {}, True)
    contract = model.manifest.contract
    found = model.engine.predict(encode(contract, [list(contract.example.values())]))
    said: dict[str, Any] = {"prediction": found.predictions[0]}
    if found.probabilities is not None and found.chosen is not None:
        said["probability"] = float(found.probabilities[0, found.chosen[0]])
    facts = {"model_version": model.version} | _FACTS
    answers = {
        PredictionAnswer: said | facts,
        BatchAnswer: {"predictions": [said, said], "count": 2} | facts,
    }
    return Samples(contract.example, answers, _outcome(model), "probability" in said)


def _outcome(model: Model) -> dict[str, Any]:
    classes = model.manifest.classes
    if not classes:
        return {"type": "number", "description": "The predicted number."}
    types = sorted({_JSON_TYPES[type(label)] for label in classes})
    shown = ", ".join(f"`{label}`" for label in classes[:_MOST_SHOWN]) + (", ..." if len(classes) > _MOST_SHOWN else "")
    return {
        "type": types[0] if len(types) == 1 else types,
        "description": f"The predicted label, in the type it was trained with. One of: {shown}.",
    }
