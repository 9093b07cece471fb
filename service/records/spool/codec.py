"""The line format of the spool: from a record to a line of JSON, and back to rows of the table ``predictions``.

A record's line holds the matrix as it is, its doubles in base64: a third of the time that digits take, and exact. The
strings that the contract does not list (texts, unseen categories) stand beside it by column, see
``inference.open_columns``. A model's line comes before the first record of the model and holds the contract that gives
the numbers their meaning. Every file names each model that it speaks of, so it can be read alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any

import orjson
import pybase64

from inference.contract import Contract, Value
from service.records import Record

if TYPE_CHECKING:  # numpy, which the shipper does without
    from inference.features import Matrix

MODEL_PREFIX = b'{"model":'
RECORD_PREFIX = b'{"prediction_id":"'
"""How each kind of line begins."""
FORMAT = 1
"""Of the lines. A line without a number is of format 1."""
_TEXTS = ("prediction_id", "request_id", "model_version", "role", "client")
_SCALARS = {str, int, float, bool}


class CodecError(ValueError):
    """A line of the spool that cannot be read: cut short by a full disk, or damaged since.

    ``rows`` is the number of rows in it as far as it can be read. A line that its writer cut short has none: the writer
    has counted them as lost.
    """

    def __init__(self, reason: str, rows: int = 0) -> None:
        super().__init__(reason)
        self.rows = rows


def encode_record(record: Record, redacted: Sequence[int] = ()) -> bytes:
    """The line of one answer; the columns ``redacted`` of its matrix are null in it.

    Raises:
        TypeError: a value has no JSON form.
    """
    rows, answers = record.rows, record.answers
    texts = getattr(rows, "unlisted", None)  # a plain array has none
    if redacted:
        rows = rows.copy()
        rows[:, redacted] = nan
    more = {}
    if texts:
        more["texts"] = {str(column): one.texts for column, one in texts.items() if column not in redacted}
    return orjson.dumps(
        {
            "prediction_id": record.prediction_id,
            "request_id": record.request_id,
            "time": record.time,
            "model_version": record.model_version,
            "role": record.role,
            "rows": _pack(rows),
            "predictions": answers.predictions,
            "probabilities": None if answers.probabilities is None else _pack(answers.probabilities),
            "latency_ms": record.latency_ms,
            "client": record.client,
            **more,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def encode_model(record: Record) -> bytes:
    """The line that a file needs before the first record of a model."""
    model = {
        "version": record.model_version,
        "contract": record.contract.to_json(),
        "classes": list(record.classes),
    }
    return orjson.dumps({"model": model}, _plain, orjson.OPT_APPEND_NEWLINE)


def read_record(line: bytes) -> dict[str, Any]:
    """The document of a record's line, its values of the types that Decoder and the database take.

    Raises:
        CodecError: the line is no record.
    """
    rows = 0
    try:
        record = orjson.loads(line)
        rows = len(record["predictions"])
        _check_format(record, rows)
        valid = all(isinstance(record[name], str) for name in _TEXTS)
        valid = valid and all(type(record[name]) in (int, float) for name in ("time", "latency_ms"))
        valid = valid and isinstance(record["rows"], str) and isinstance(record["predictions"], list)
        valid = valid and isinstance(record.get("texts", {}), dict)
        valid = valid and {type(prediction) for prediction in record["predictions"]} <= _SCALARS
    except CodecError:
        raise
    except (ValueError, KeyError, TypeError) as exc:
        raise CodecError(f"{type(exc).__name__}: {exc}", rows or _rows_of_damaged(line)) from exc
    if not valid:
        raise CodecError("a value of another type than it should be", rows)
    return record  # type: ignore[no-any-return]  # a dict, or its keys would not have been found


def _rows_of_damaged(line: bytes) -> int:
    """How many rows a damaged line had: by its predictions, or else one; none in a line that was cut short."""
    if not line.startswith(RECORD_PREFIX) or not line.endswith(b"}"):
        return 0
    begin = line.find(b'"predictions":[')
    end = line.find(b'],"probabilities":', begin)
    try:
        return len(orjson.loads(line[begin + len(b'"predictions":') : end + 1]))
    except (ValueError, TypeError):
        return 1


def _check_format(document: Mapping[str, Any], rows: int = 0) -> None:
    if document.get("format", FORMAT) != FORMAT:
        raise CodecError(
            f"the line has format {document['format']!r}, this release reads format {FORMAT}: start the release that "
            "wrote it",
            rows,
        )


@dataclass(frozen=True, slots=True)
class KnownModel:
    """What a model's line holds: enough to read its records when its artifact is gone."""

    version: str
    contract: Contract
    classes: tuple[Value, ...]

    @classmethod
    def read(cls, line: bytes) -> "KnownModel":
        """Read the line.

        Raises:
            CodecError: the line is no model.
        """
        try:
            model = orjson.loads(line)["model"]
            _check_format(model)
            if not isinstance(model["version"], str):
                raise CodecError("the version is no text")
            return cls(model["version"], Contract.from_json(model["contract"]), tuple(model["classes"]))
        except (ValueError, KeyError, TypeError) as exc:
            raise CodecError(str(exc)) from exc


def _pack(matrix: "Matrix") -> str:
    """Row after row of doubles, in base64."""
    return pybase64.b64encode_as_string(matrix.tobytes())


def _plain(value: Any) -> Any:
    """A label of numpy's as Python's own value."""
    if not hasattr(value, "item"):
        raise TypeError(type(value).__name__)
    return value.item()
