"""Golden rows: training rows that together show each null, each rare category and each end of a range."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from inference.contract import Contract, Feature, Value, decoding
from inference.features import Matrix
from inference.open_columns import texts_of

GOLDEN_ROWS = 50


def golden_rows(contract: Contract, matrix: Matrix, seed: int, count: int = GOLDEN_ROWS) -> NDArray[np.int64]:
    """Indices, sorted, of at most ``count`` rows of ``matrix``: special ones first, the rest at random."""
    columns = list(zip(contract.features, np.asarray(matrix).T, strict=True))
    special = [row for feature, values in columns for row in _rare(feature, values)]
    special += [row for feature, values in columns for row in _extreme(feature, values)]
    drawn = np.random.default_rng(seed).permutation(len(matrix)).tolist()
    rows = list(dict.fromkeys(special[: count * 2 // 3] + drawn))[:count]
    return np.array(sorted(rows), dtype=np.int64)


def _extreme(feature: Feature, values: NDArray[np.float64]) -> list[int]:
    if feature.type not in ("number", "integer") or np.isnan(values).all():
        return []
    return [int(np.nanargmin(values)), int(np.nanargmax(values))]


def _rare(feature: Feature, values: NDArray[np.float64]) -> list[int]:
    """A row with a null, and one of each of the three rarest values of a category or boolean."""
    missing = np.isnan(values)
    found = [int(missing.argmax())] if missing.any() else []
    if feature.type in ("number", "integer"):
        return found
    present, first, counts = np.unique(values[~missing], return_index=True, return_counts=True)
    places = np.flatnonzero(~missing)[first]
    return found + [int(places[kind]) for kind in np.argsort(counts, kind="stable")[: min(3, len(present))]]


def rows_of(contract: Contract, matrix: Matrix) -> list[list[Value]]:
    """The matrix as JSON values: the inverse of ``encode``."""
    texts = texts_of(matrix)
    decodings = [decoding(feature, texts.get(place, ())) for place, feature in enumerate(contract.features)]
    return [[_value(code, decode) for code, decode in zip(row, decodings, strict=True)] for row in matrix.tolist()]


def _value(code: float, decode: Callable[[float], Value] | None) -> Value:
    if math.isnan(code):
        return None
    return code if decode is None else decode(code)
