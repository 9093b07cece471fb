"""From a line of the spool to rows of the table ``predictions``: the matrix becomes JSON values again."""

import struct
from binascii import a2b_base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat
from math import isnan
from typing import Any, NamedTuple

import orjson

from inference.contract import Contract, Value, decoding
from inference.timestamps import isoformat

MODEL_PREFIX = b'{"model":'
RECORD_PREFIX = b'{"prediction_id":"'
"""How each kind of line begins; line.py writes them."""
_TEXTS = ("prediction_id", "request_id", "model_version", "role", "client")
_SCALARS = {str, int, float, bool}


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


class CodecError(ValueError):
    """A line of the spool that cannot be read: cut short by a full disk, or damaged since.

    ``rows`` are in it as far as can be told; those that its writer knew to be cut short it has counted itself.
    """

    def __init__(self, reason: str, rows: int = 0) -> None:
        super().__init__(reason)
        self.rows = rows


def read_record(line: bytes) -> dict[str, Any]:
    """What a record's line says, of the types that Decoder and the database take.

    Raises:
        LineError: it is none.
    """
    rows = 0
    try:
        record = orjson.loads(line)
        rows = len(record["predictions"])
        sound = all(isinstance(record[name], str) for name in _TEXTS)
        sound = sound and all(type(record[name]) in (int, float) for name in ("time", "latency_ms"))
        sound = sound and isinstance(record["rows"], str) and isinstance(record["predictions"], list)
        sound = sound and {type(prediction) for prediction in record["predictions"]} <= _SCALARS
    except (ValueError, KeyError, TypeError) as exc:
        raise CodecError(f"{type(exc).__name__}: {exc}", rows) from exc
    if not sound:
        raise CodecError("a value of another type than it should be", rows)
    return record  # type: ignore[no-any-return]  # a dict, or its keys would not have been found


@dataclass(frozen=True, slots=True)
class KnownModel:
    """What a line about a model says."""

    version: str
    contract: Contract
    classes: tuple[Value, ...]

    @classmethod
    def read(cls, line: bytes) -> "KnownModel":
        """Read the line.

        Raises:
            LineError: it is none.
        """
        try:
            model = orjson.loads(line)["model"]
            if not isinstance(model["version"], str):
                raise CodecError("the version is no text")
            return cls(model["version"], Contract.from_json(model["contract"]), tuple(model["classes"]))
        except (ValueError, KeyError, TypeError) as exc:
            raise CodecError(str(exc)) from exc


class Decoder:
    """Rows of one model."""

    def __init__(self, model: KnownModel) -> None:
        self.model = model
        self._columns = [(feature.name, decoding(feature)) for feature in model.contract.features]
        self._places = {label: place for place, label in enumerate(model.classes)}

    def rows(self, record: Mapping[str, Any]) -> Iterator[Row]:
        """The rows of one answer; a damaged one raises what Python does."""
        time = timestamp(record["time"])
        rows, predictions = _unpacked(record["rows"], len(self._columns)), record["predictions"]
        packed = record["probabilities"]
        probabilities = repeat(None, len(predictions)) if packed is None else _unpacked(packed, len(self._places))
        for index, (cells, prediction, likely) in enumerate(zip(rows, predictions, probabilities, strict=True)):
            yield Row(
                record["prediction_id"],
                index,
                record["request_id"],
                time,
                record["model_version"],
                record["role"],
                orjson.dumps(self._features(cells)).decode(),
                prediction,
                None if likely is None else _number(likely[self._places[prediction]]),
                None if likely is None else orjson.dumps(likely).decode(),
                record["latency_ms"],
                record["client"],
            )

    def _features(self, cells: Sequence[float]) -> dict[str, Value]:
        return {
            name: None if isnan(cell) else cell if decode is None else decode(cell)
            for (name, decode), cell in zip(self._columns, cells, strict=True)
        }


def _unpacked(packed: str, width: int) -> Iterator[tuple[float, ...]]:
    """The rows of a matrix that ``line.py`` packed."""
    return struct.iter_unpack(f"{width}d", a2b_base64(packed, strict_mode=True))


def _number(value: float) -> float | None:
    return None if isnan(value) else value


def timestamp(seconds: float) -> str:
    """Unix time as the answers write it."""
    return isoformat(datetime.fromtimestamp(seconds, UTC))
