"""Random valid rows of a contract: ordinary ones, and more nulls, ends and far numbers than real data has."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from inference.contract import UNBOUNDED, Contract, Feature
from inference.features import Matrix
from inference.open_columns import with_texts

NULLS = 0.1
UNSEEN = 0.1
"""Share of unseen values in a category that takes them."""
BARE = 0.02
"""Share of rows in which every nullable feature is null."""
FAR = 1e6
"""How many times the observed range a number may lie beyond it, unless it is known how far the pipeline goes."""
Column = NDArray[np.float64]
Draw = np.random.Generator


def random_rows(contract: Contract, rows: int, draw: Draw) -> Matrix:
    """A matrix of codes, shape (rows, features)."""
    bare = draw.random(rows) < BARE
    columns = []
    texts = {place: unseen_texts(contract.features[place]) for place in contract.open_columns}
    for feature in contract.features:
        column = _values(contract, feature, rows, draw)
        if feature.nullable:
            column[bare | (draw.random(rows) < NULLS)] = np.nan
        columns.append(column)
    return with_texts(contract.features, np.column_stack(columns), texts)


def unseen_texts(feature: Feature) -> list[str]:
    """Strings that an open feature takes and does not list: none that data is likely to hold, and awkward ones."""
    made = [
        "no value that was ever seen \u2205",
        "",
        "0",
        "NaN",
        "a b a C",
        "\u00dcn\u00efc\u00f6de \u6570\u636e",
        "x" * 300,
    ]
    known = {*(feature.choices or ()), None}
    return [text for text in made if text not in known and len(text) <= feature.longest] or ["\u2205"]


def _values(contract: Contract, feature: Feature, rows: int, draw: Draw) -> Column:
    if feature.type == "boolean":
        return draw.integers(0, 2, rows).astype(np.float64)
    if feature.type == "text":
        return draw.integers(0, len(unseen_texts(feature)), rows).astype(np.float64)
    if feature.choices:  # rare ones as often as common ones
        place = draw.integers(0, len(feature.choices), rows)
        if feature.is_open:
            unseen = len(feature.choices) + draw.integers(0, len(unseen_texts(feature)), rows)
            place = np.where(draw.random(rows) < UNSEEN, unseen, place)
        return (place if feature.type == "category" else np.array(feature.choices)[place]).astype(np.float64)
    return within(contract, feature, _numbers(contract, feature, rows, draw))


def within(contract: Contract, feature: Feature, values: Column) -> Column:
    """Values moved to the nearest valid ones."""
    low, high = contract.bounds(feature)
    if feature.type == "integer":
        values, low, high = np.rint(values), np.ceil(low), np.floor(high)
    return np.clip(values, low, high)


def _numbers(contract: Contract, feature: Feature, rows: int, draw: Draw) -> Column:
    """Each cell in one of several ways: within what was seen, around it, on round numbers, on the ends, far off."""
    low, high = _seen(feature)
    span, middle = max(high - low, 1e-6 * max(abs(low), abs(high)), 1e-6), (low + high) / 2
    bound = max(map(abs, contract.bounds(feature)))
    known = feature.limits is not None or contract.magnitude < UNBOUNDED
    farthest = bound if known else min(bound, FAR * max(span, abs(middle)))
    ends = np.array([low, high, middle, 0.0, *contract.bounds(feature)])
    ends = ends[np.abs(ends) <= farthest]
    step = 10.0 ** np.floor(np.log10(span) - 1)

    def uniform(beyond: float) -> Column:
        return draw.uniform(low - beyond * span, high + beyond * span, rows)

    ways: tuple[tuple[float, Callable[[], Column]], ...] = (
        (0.40, lambda: uniform(0.0)),
        (0.20, lambda: draw.normal(middle, span / 6, rows)),
        (0.15, lambda: uniform(0.5)),
        (0.15, lambda: np.rint(uniform(0.1) / step) * step),
        (0.05, lambda: draw.choice(ends, rows)),
        (0.05, lambda: draw.choice([-1.0, 1.0], rows) * 10.0 ** draw.uniform(-3, np.log10(max(farthest, 1.0)), rows)),
    )
    which = draw.choice(len(ways), rows, p=[share for share, _ in ways])
    return np.choose(which, [way() for _, way in ways])


def _seen(feature: Feature) -> tuple[float, float]:
    """The range seen in training, else the declared one, else one around 0."""
    low = feature.observed.get("minimum", feature.minimum)
    high = feature.observed.get("maximum", feature.maximum)
    if low is None or high is None:
        known = next((float(end) for end in (low, high, feature.example) if isinstance(end, (int, float))), 0.0)
        return known - 1.0, known + 1.0
    return float(low), float(high)
