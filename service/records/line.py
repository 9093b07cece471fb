"""The line format of the spool: JSON, one line an answer, and one before the first answer of a model.

A record's line holds the matrix as it is; its model's line holds the contract that gives the numbers their meaning.
Each file names every model it speaks of, so it can be read alone.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from service.inference.features import NULL
from service.records.record import Record

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE


def encode_record(record: Record, hidden: Sequence[int] = ()) -> bytes:
    """The line of one answer; the columns ``hidden`` are null in it."""
    rows, answers = record.rows, record.answers
    if hidden:
        rows = rows.copy()
        rows[:, hidden] = NULL
    return orjson.dumps(
        {
            "prediction_id": record.prediction_id,
            "request_id": record.request_id,
            "time": record.time,
            "model_version": record.model_version,
            "role": record.role,
            "rows": rows,
            "predictions": answers.predictions,
            "probabilities": answers.probabilities,
            "chosen": answers.chosen,
            "latency_ms": record.latency_ms,
            "client": record.client,
        },
        _strided,
        _OPTIONS,
    )


def encode_model(record: Record) -> bytes:
    """The line that a file needs before the first record of a model."""
    model = {
        "version": record.model_version,
        "contract": record.contract.to_json(),
        "classes": list(record.classes),
    }
    return orjson.dumps({"model": model}, _strided, _OPTIONS)


def _strided(array: Any) -> Any:
    """A view of a larger array, which orjson does not read by itself; or a number of numpy's in a contract."""
    return array.tolist()
