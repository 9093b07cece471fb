"""The columns between two steps: each as an expression, beside the pipeline's own result on a few probe rows.

A category or a boolean has few values, so columns that depend on one of them alone are not modelled at all: they are
read off the fitted steps' own results on rows in which that feature takes each of its values in turn.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from inference.column_form import Forms
from inference.contract import Contract, Feature
from inference.features import Matrix, decode
from inference.open_columns import with_texts
from training.compiler.columns import Column, Raw, Table, apply

UNSEEN = "a value that no training data holds \u2205"
"""It stands for every unseen value of an open category: each has the same code in a graph."""


class NotCompilable(Exception):
    """The pipeline cannot be compiled exactly; the message names the step and the reason."""

    def __init__(self, step: object, reason: str) -> None:
        name = step if isinstance(step, str) else type(step).__name__
        super().__init__(f"{name}: {reason}")


@dataclass(frozen=True, slots=True)
class Probe:
    """Rows that the fitted steps transform while they are compiled.

    ``matrix``: their codes; ``rows``: for each finite feature the row of each code, the last for null (None where null
    is not valid).
    """

    matrix: Matrix
    rows: Mapping[int, tuple[int | None, ...]]


@dataclass(frozen=True, slots=True)
class Block:
    """``columns``, and ``data``: the frame or array of the same columns that the fitted steps made of the probe."""

    columns: Sequence[Column]
    data: Any
    probe: Probe

    @property
    def single_precision(self) -> bool:
        """Whether scikit-learn would compute on these columns in float32."""
        kinds = self.data.dtypes if isinstance(self.data, pd.DataFrame) else [self.data.dtype]
        numeric = [kind for kind in kinds if isinstance(kind, np.dtype)]
        return any(kind == np.float32 for kind in numeric) and all(kind.itemsize <= 4 for kind in numeric)

    def derive(self, column: int, after: Any, position: int, formula: Callable[[Column], Column]) -> Column:
        """What a step made of one column and put at ``position`` of its result: read off, or else by ``formula``."""
        before = self.columns[column]
        if not isinstance(before, Table):
            return formula(before)
        made = cells(after)[:, position]
        rows = self.probe.rows[before.source]
        return Table(before.source, before.nullable, tuple(np.nan if row is None else made[row] for row in rows))

    def doubles(self, step: Any) -> None:
        """Refuse a step whose arithmetic would be done in float32.

        Raises:
            NotCompilable: it would.
        """
        if self.single_precision:
            raise NotCompilable(step, "its arithmetic is done in float32. Fit on float64 columns.")


def entry(contract: Contract, dtypes: Forms) -> Block:
    """The pipeline's input."""
    for feature in contract.features:
        if feature.type == "text":
            raise NotCompilable(f"column {feature.name!r}", "a text is not compiled, the pipeline itself answers it.")
    probe = _probe(contract)
    frame = decode(contract, dtypes, probe.matrix)
    columns: list[Column] = []
    for index, feature in enumerate(contract.features):
        if index in probe.rows:
            values = [np.nan if row is None else frame.iloc[row, index] for row in probe.rows[index]]
            columns.append(Table(index, feature.nullable, tuple(values)))
            continue
        dtype = str(frame.dtypes.iloc[index]).lower()
        if dtype == "float16":
            raise NotCompilable(f"column {feature.name!r}", "float16 is not compiled. Fit on float64 columns.")
        raw = Raw(index, feature.nullable)
        columns.append(apply("Round", raw) if dtype == "float32" else raw)
    return Block(columns, frame, probe)


def cells(made: Any) -> NDArray[Any]:
    """A step's result, a frame or a dense or sparse array, as a two-dimensional array."""
    if sparse.issparse(made):
        return np.asarray(made.toarray())
    if isinstance(made, pd.DataFrame):
        return made.to_numpy(dtype=object)
    return np.asarray(made)


def _probe(contract: Contract) -> Probe:
    """One typical row, and it again with each value of each finite feature; of an open category also an unseen one."""
    typical = np.array([_typical(contract, feature) for feature in contract.features])
    matrix, rows = [typical], {}
    for index, feature in enumerate(contract.features):
        if feature.type not in ("category", "boolean"):
            continue
        count = 2 if feature.type == "boolean" else len(feature.choices or ()) + feature.is_open
        places: list[int | None] = []
        for code in [*range(count), np.nan]:
            if code != code and not feature.nullable:
                places.append(None)
                continue
            row = typical.copy()
            row[index] = code
            places.append(len(matrix))
            matrix.append(row)
        rows[index] = tuple(places)
    unseen = {place: [UNSEEN] for place in contract.open_columns}
    return Probe(with_texts(contract.features, np.array(matrix), unseen), rows)


def _typical(contract: Contract, feature: Feature) -> float:
    if feature.type in ("category", "boolean"):
        return 0.0
    if isinstance(feature.example, (int, float)):
        return float(feature.example)
    if feature.choices:
        return float(feature.choices[0])
    seen = feature.observed.get("minimum")
    low, high = contract.bounds(feature)
    return float(np.clip(0.0 if seen is None else float(seen), low, high))
