"""The protocols of the targets: how rows are sent, and how the answers are read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

Rows = Sequence[Mapping[str, Any]]
Answer = tuple[Any, float | None]
"""A prediction, and the probability of its class where the server gives it."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How to send one row and a batch (path and body), and how to read an answer.

    ``marker`` is text that every right answer holds; ``read`` raises on anything else.
    """

    one_row: Callable[[Rows], tuple[str, bytes]]
    batch: Callable[[Rows], tuple[str, bytes]]
    read: Callable[[bytes], list[Answer]]
    marker: str


def _ours_one(rows: Rows) -> tuple[str, bytes]:
    return "/predict", orjson.dumps(dict(rows[0]))


def _ours_batch(rows: Rows) -> tuple[str, bytes]:
    return "/predict/batch", orjson.dumps({"instances": [dict(row) for row in rows]})


def _one_route(rows: Rows) -> tuple[str, bytes]:
    return "/predict", _ours_batch(rows)[1]


def _read_ours(body: bytes) -> list[Answer]:
    document = orjson.loads(body)
    answers = document.get("predictions", [document])
    return [(answer["prediction"], answer.get("probability")) for answer in answers]


def _v2(rows: Rows) -> tuple[str, bytes]:
    names = list(rows[0])
    inputs = [{"name": name, **_v2_tensor([row[name] for row in rows])} for name in names]
    return "/v2/models/model/infer", orjson.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs})


def _v2_tensor(values: list[Any]) -> dict[str, Any]:
    kinds = {float: "FP64", int: "INT64", bool: "BOOL", str: "BYTES"}
    kind = next((kinds[type(value)] for value in values if value is not None), "FP64")
    if any(isinstance(value, float) for value in values):
        kind = "FP64"
    return {"shape": [len(values), 1], "datatype": kind, "data": values}


def _read_v2(body: bytes) -> list[Answer]:
    return [(prediction, None) for prediction in orjson.loads(body)["outputs"][0]["data"]]


def _mlflow(rows: Rows) -> tuple[str, bytes]:
    names = list(rows[0])
    data = [[row[name] for name in names] for row in rows]
    return "/invocations", orjson.dumps({"dataframe_split": {"columns": names, "data": data}})


def _read_mlflow(body: bytes) -> list[Answer]:
    return [(prediction, None) for prediction in orjson.loads(body)["predictions"]]


PROTOCOLS = {
    "ours": Protocol(_ours_one, _ours_batch, _read_ours, '"prediction'),
    "one_route": Protocol(_ours_one, _one_route, _read_ours, '"prediction'),
    "v2": Protocol(_v2, _v2, _read_v2, '"outputs"'),
    "mlflow": Protocol(_mlflow, _mlflow, _read_mlflow, '"predictions"'),
}
