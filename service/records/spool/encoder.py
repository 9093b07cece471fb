"""The line format of the spool: JSON, one line an answer, and one before the first answer of a model.

A record's line holds the matrix as it is, its doubles in base64: a third of the time that digits take. Its model's line
holds the contract that gives the numbers their meaning. Each file names every model it speaks of and can be read alone.
"""

from binascii import b2a_base64
from collections.abc import Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from inference.features import NULL
from service.records.record import Record


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
            "rows": _packed(rows),
            "predictions": answers.predictions,
            "probabilities": None if answers.probabilities is None else _packed(answers.probabilities),
            "latency_ms": record.latency_ms,
            "client": record.client,
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
    return orjson.dumps({"model": model}, np.generic.item, orjson.OPT_APPEND_NEWLINE)


def _packed(matrix: NDArray[np.float64]) -> str:
    """Row after row, as ``rows.py`` unpacks it."""
    return b2a_base64(matrix.tobytes(), newline=False).decode()
