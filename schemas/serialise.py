"""Answers as JSON: a batch's rows as bytes, and the refusal of numbers that JSON does not have."""

from collections.abc import Sequence
from math import isfinite

import numpy as np
import orjson

from inference.engines.base import Answers, Label
from schemas.errors import MOST_ERRORS, InvalidInput
from schemas.row_validator import WHOLE

PROBABILITIES = "probabilities"
"""The query parameter that asks for the probabilities of all classes, and what the answer calls them."""
NOT_FINITE = "The model has no finite number for this row: its numbers are too far from those it learned from."


def serialise_rows(answers: Answers, classes: Sequence[Label], all_classes: bool = False) -> bytes:
    """A JSON array with an object for each row; with ``all_classes`` it has the probabilities of them all.

    The text of a class is written once, and all probabilities by one call: half the time of an object for each row.
    """
    if answers.probabilities is None or answers.chosen is None:
        return orjson.dumps([{"prediction": prediction} for prediction in answers.predictions])
    chosen: list[int] = answers.chosen.tolist()
    probabilities = answers.probabilities[np.arange(len(chosen)), answers.chosen]
    of_class = {index: b'},{"prediction":%b,"probability":' % orjson.dumps(classes[index]) for index in set(chosen)}
    columns = [
        list(map(of_class.__getitem__, chosen)),
        orjson.dumps(probabilities, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b","),
    ]
    if all_classes:
        rows = np.ascontiguousarray(answers.probabilities)
        columns += [
            [b',"probabilities":['] * len(chosen),
            orjson.dumps(rows, option=orjson.OPT_SERIALIZE_NUMPY)[2:-2].split(b"],["),
            [b"]"] * len(chosen),
        ]
    pieces = [b""] * (len(columns) * len(chosen))
    for place, column in enumerate(columns):
        pieces[place :: len(columns)] = column
    return b"[%b}]" % b"".join(pieces)[2:]


def not_finite(predictions: Sequence[float], batch: bool) -> InvalidInput | None:
    """The refusal of rows whose prediction is infinite or NaN, which JSON cannot say; an exponential may give one."""
    if all(map(isfinite, predictions)):
        return None
    rows = [row for row, number in enumerate(predictions) if not isfinite(number)]
    keys = [f"instances.{row}" for row in rows[:MOST_ERRORS]] if batch else [WHOLE]
    return InvalidInput({key: [NOT_FINITE] for key in keys}, len(rows))


def wrong_parameter(version: str, has_probabilities: bool, text: str) -> str | None:
    """What is wrong with the query parameter ``text``; None where the version can answer it."""
    if text not in ("true", "false"):
        return "Must be true or false."
    if text == "true" and not has_probabilities:
        return f"{version} has no probabilities: leave the parameter out, or say false."
    return None
