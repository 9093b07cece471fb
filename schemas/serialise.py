"""Answers as JSON: a row's as a document, a batch's as bytes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from inference.engines.base import Answers, Label

PROBABILITIES = "probabilities"
"""The query parameter that asks for the probabilities of all classes, and what the answer calls them."""


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


def row_document(answers: Answers, classes: Sequence[Label], all_classes: bool = False) -> dict[str, Any]:
    """One row's answer: prediction, and probability where the model has one; all of them and ``classes`` if wanted."""
    (prediction,) = answers.predictions
    if answers.probabilities is None or answers.chosen is None:
        return {"prediction": prediction}
    found = {"prediction": prediction, "probability": answers.probabilities.item(0, answers.chosen.item())}
    if all_classes:
        found |= {PROBABILITIES: answers.probabilities[0].tolist(), "classes": classes}
    return found
