"""reference.json: how each feature, and the prediction, was distributed in training. Drift is measured against it."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.contract import Contract
from inference.engines.base import Answers
from inference.features import Matrix
from inference.open_columns import texts_of

BINS = 10


def reference_document(contract: Contract, matrix: Matrix, answers: Answers, classes: list[Any]) -> dict[str, Any]:
    """``{"rows", "features": {name: distribution}, "prediction": distribution}`` of n training rows.

    A distribution is ``{"type", "edges", "categories", "counts", "nulls"}``. Of numbers and integers, ``edges`` are k
    inner quantile edges and ``counts`` has k + 1 entries: bin i holds the values in ``[edges[i-1], edges[i])``, the
    first and last are open. Of texts it is the same for their lengths in characters. Of categories, booleans and
    labels, ``counts`` follows ``categories``.
    """
    features = {}
    for column, feature in enumerate(contract.features):
        choices: list[Any] = [False, True] if feature.type == "boolean" else list(feature.choices or ())
        kinds = choices if feature.type in ("category", "boolean") else None
        values = _lengths(matrix, column) if feature.type == "text" else np.asarray(matrix)[:, column]
        features[feature.name] = _distribution(feature.type, values, kinds)
    if answers.chosen is None:
        prediction = _distribution("number", np.asarray(answers.predictions, dtype=np.float64), None)
    else:
        prediction = _distribution("category", answers.chosen.astype(np.float64), classes)
    return {"rows": len(matrix), "features": features, "prediction": prediction}


def _lengths(matrix: Matrix, column: int) -> NDArray[np.float64]:
    """(n,) characters of the texts of a column, NaN for null."""
    found = np.asarray(matrix)[:, column].copy()
    known = ~np.isnan(found)
    lengths = np.array([len(text) for text in texts_of(matrix).get(column, ())], dtype=np.float64)
    found[known] = lengths[found[known].astype(np.int64)]
    return found


def _distribution(kind: str, values: NDArray[np.float64], kinds: list[Any] | None) -> dict[str, Any]:
    present = values[~np.isnan(values)]
    edges = None
    if kinds is None:
        edges = quantile_edges(present)
        counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=len(edges) + 1)
    else:
        counts = np.bincount(present.astype(np.int64), minlength=len(kinds))
    return {
        "type": kind,
        "edges": edges,
        "categories": kinds,
        "counts": counts.tolist(),
        "nulls": len(values) - len(present),
    }


def quantile_edges(present: NDArray[np.float64], bins: int = BINS) -> list[float]:
    """Inner edges of bins that hold equally many values, as far as ties allow; fewer where few values differ."""
    if not len(present):
        return []
    distinct = np.unique(present)
    if len(distinct) == 1:  # a bin for the one value, and one on each side, or no shift of it would be seen
        only = float(distinct[0])
        return [edge for edge in (only, math.nextafter(only, math.inf)) if math.isfinite(edge)]
    if len(distinct) <= bins:
        edges = (distinct[:-1] + distinct[1:]) / 2
    else:
        edges = np.unique(np.quantile(present, np.linspace(0, 1, bins + 1)[1:-1]))
        edges = edges[edges > distinct[0]]
    return [float(edge) for edge in edges]
