"""From a record of the spool to rows of the table ``predictions``."""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import repeat
from math import isnan
from typing import Any, NamedTuple

import orjson
import pybase64

from inference.contract import Value, decoding
from inference.timestamps import isoformat
from service.records.spool.codec import KnownModel


class Row(NamedTuple):
    """A row of the table, in the order of its columns. ``features`` and ``probabilities`` are JSON texts."""

    prediction_id: str
    row_index: int
    request_id: str
    time: str
    model_version: str
    role: str
    features: str
    prediction: Any
    probability: float | None
    probabilities: str | None
    latency_ms: float
    client: str


class Decoder:
    """Makes rows of the records of one model."""

    def __init__(self, model: KnownModel) -> None:
        self.model = model
        self._features = [(feature.name, decoding(feature)) for feature in model.contract.features]
        self._open = model.contract.open_columns
        self._class_index = {label: index for index, label in enumerate(model.classes)}

    def rows(self, record: Mapping[str, Any]) -> Iterator[Row]:
        """The rows of one answer, in the order of the request.

        Raises:
            Exception: the record is damaged; any that Python raises for its values.
        """
        time = timestamp(record["time"])
        features = self._decoders(record.get("texts", {}))
        rows, predictions = _unpack(record["rows"], len(self._features)), record["predictions"]
        packed = record["probabilities"]
        probabilities = repeat(None, len(predictions)) if packed is None else _unpack(packed, len(self._class_index))
        for index, (cells, prediction, row) in enumerate(zip(rows, predictions, probabilities, strict=True)):
            yield Row(
                record["prediction_id"],
                index,
                record["request_id"],
                time,
                record["model_version"],
                record["role"],
                orjson.dumps(_values(features, cells)).decode(),
                prediction,
                None if row is None else _null_if_nan(row[self._class_index[prediction]]),
                None if row is None else orjson.dumps(row).decode(),
                record["latency_ms"],
                record["client"],
            )

    def _decoders(self, texts: Mapping[str, Sequence[str]]) -> "list[_Decoding]":
        """How to decode each column, with the record's own strings in the open ones."""
        found = list(self._features)
        for column in self._open:
            feature = self.model.contract.features[column]
            found[column] = (feature.name, decoding(feature, texts.get(str(column), ())))
        return found


_Decoding = tuple[str, Callable[[float], Value] | None]


def _values(features: Sequence[_Decoding], cells: Sequence[float]) -> dict[str, Value]:
    return {
        name: None if isnan(cell) else cell if decode is None else decode(cell)
        for (name, decode), cell in zip(features, cells, strict=True)
    }


def timestamp(seconds: float) -> str:
    """Unix time as the answers write it."""
    return isoformat(datetime.fromtimestamp(seconds, UTC))


def _unpack(packed: str, width: int) -> Iterator[tuple[float, ...]]:
    """The rows of a packed matrix of ``width`` columns."""
    return struct.iter_unpack(f"{width}d", pybase64.b64decode(packed, validate=True))


def _null_if_nan(value: float) -> float | None:
    return None if isnan(value) else value
