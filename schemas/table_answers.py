"""Answers as tables: columns ``prediction``, ``probability`` where there are any, ``probability.<class>`` if asked.

In CSV a label is written as in JSON, without the quotes of a string; a number has the same digits. In Arrow a label has
the type it was trained with.
"""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from inference.engines.base import Answers, Label

PREDICTION, PROBABILITY = "prediction", "probability"
ARROW_TYPES = {bool: "bool", int: "int64", float: "double", str: "string"}


def csv_answer(answers: Answers, classes: Sequence[Label], all_classes: bool = False) -> bytes:
    """A header line and a line for each row, in UTF-8, each ended by a line feed."""
    if answers.chosen is None:
        labels = list(map(_digits, answers.predictions))
    else:
        cells = [_cell(_text(label)) for label in classes]
        labels = list(map(cells.__getitem__, answers.chosen.tolist()))
    found = dict(_probabilities(answers, classes, all_classes))
    numbers = [
        orjson.dumps(column, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].decode().split(",") for column in found.values()
    ]
    lines = map(",".join, zip(labels, *numbers, strict=True))
    header = ",".join(map(_cell, (PREDICTION, *found)))
    return "\n".join([header, *lines, ""]).encode()


def arrow_answer(answers: Answers, classes: Sequence[Label], all_classes: bool = False) -> bytes:
    """An Arrow stream of one record batch. pyarrow is imported here.

    Raises:
        ImportError: it is not installed.
    """
    import pyarrow as pa

    columns = {PREDICTION: _arrow_labels(answers, classes)}
    columns |= {name: pa.array(column) for name, column in _probabilities(answers, classes, all_classes)}
    batch = pa.record_batch(list(columns.values()), names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _probabilities(
    answers: Answers, classes: Sequence[Label], all_classes: bool
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The columns of probabilities by name; none where the model has none."""
    if answers.probabilities is None or answers.chosen is None:
        return
    rows = answers.probabilities
    yield PROBABILITY, rows[np.arange(len(rows)), answers.chosen]
    for place, label in enumerate(classes if all_classes else ()):
        yield f"{PROBABILITY}.{_text(label)}", np.ascontiguousarray(rows[:, place])


def _arrow_labels(answers: Answers, classes: Sequence[Label]) -> Any:
    """Labels in their own type; labels of several types as their texts, since a column has one."""
    import pyarrow as pa

    if answers.chosen is None:
        return pa.array(answers.predictions, pa.float64())
    kinds = {type(label) for label in classes if label is not None}
    if len(kinds) == 1:
        return pa.array(answers.predictions, ARROW_TYPES[kinds.pop()])
    return pa.array([None if label is None else _text(label) for label in answers.predictions], pa.string())


def _text(label: Label) -> str:
    return label if isinstance(label, str) else "" if label is None else orjson.dumps(label).decode()


def _digits(number: Any) -> str:
    return orjson.dumps(number).decode()


def _cell(text: str) -> str:
    """A cell of CSV, in quotes where it needs them."""
    line = StringIO()
    csv.writer(line, lineterminator="").writerow([text])
    return line.getvalue()
