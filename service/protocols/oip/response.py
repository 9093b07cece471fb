"""Answers as tensors, and the description of a model's tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from inference.contract import Contract
from inference.engines.base import Label
from service.models.model import Model
from service.protocols.oip.datatypes import BOOL, BYTES, FP64, INT64, Datatype
from service.protocols.oip.request import PREDICT, PREDICT_PROBA, InferRequest
from service.web.prediction import Prediction

OF_FEATURE = {"number": FP64, "integer": INT64, "boolean": BOOL, "category": BYTES, "text": BYTES}
_OF_LABEL: dict[frozenset[type], Datatype] = {
    frozenset(): FP64,  # a regression
    frozenset({int}): INT64,
    frozenset({bool}): BOOL,
    frozenset({float}): FP64,
    frozenset({int, float}): FP64,
}


def datatype_of_labels(classes: Sequence[Label]) -> Datatype:
    """The datatype of ``predict``: that of the labels, BYTES where they are of two kinds; FP64 for a regression."""
    return _OF_LABEL.get(frozenset(map(type, classes)), BYTES)


def metadata(name: str, platform: str, model: Model, versions: Sequence[str]) -> dict[str, Any]:
    """What a model takes and answers. Every tensor has as many rows as the request."""
    contract: Contract = model.manifest.contract
    classes = model.manifest.classes
    outputs = [{"name": PREDICT, "datatype": datatype_of_labels(classes).name, "shape": [-1]}]
    if model.has_probabilities:
        outputs.append({"name": PREDICT_PROBA, "datatype": FP64.name, "shape": [-1, len(classes)]})
    inputs = [
        {"name": feature.name, "datatype": OF_FEATURE[feature.type].name, "shape": [-1]}
        for feature in contract.features
    ]
    return {"name": name, "versions": list(versions), "platform": platform, "inputs": inputs, "outputs": outputs}


def serialise(prediction: Prediction, request: InferRequest, model_name: str) -> tuple[bytes, int | None]:
    """The body of the answer, and the length of its JSON; None where no bytes of tensors follow it."""
    record = prediction.record
    outputs: list[dict[str, Any]] = []
    blocks: list[bytes] = []
    for name, binary in request.outputs.items():
        datatype, shape, values = _tensor(prediction, name)
        output: dict[str, Any] = {"name": name, "shape": shape, "datatype": datatype.name}
        if binary:
            blocks.append(datatype.to_bytes(values))
            output["parameters"] = {"binary_data_size": len(blocks[-1])}
        else:
            output["data"] = values
        outputs.append(output)
    document: dict[str, Any] = {"model_name": model_name, "model_version": record.model_version}
    if request.id is not None:
        document["id"] = request.id
    document |= {"parameters": {"prediction_id": record.prediction_id}, "outputs": outputs}
    head = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return head + b"".join(blocks), len(head) if blocks else None


def _tensor(prediction: Prediction, name: str) -> tuple[Datatype, list[int], Any]:
    """An output: its datatype, its shape, and its values in row-major order."""
    answers, classes = prediction.record.answers, prediction.record.classes
    rows = len(answers.predictions)
    if name == PREDICT_PROBA:
        assert answers.probabilities is not None
        return FP64, [rows, len(classes)], np.ascontiguousarray(answers.probabilities, dtype=np.float64).reshape(-1)
    datatype = datatype_of_labels(classes)
    if datatype is BYTES:
        return datatype, [rows], [_text(label) for label in answers.predictions]
    return datatype, [rows], answers.predictions


def _text(label: Label) -> str:
    return label if isinstance(label, str) else orjson.dumps(label).decode()
