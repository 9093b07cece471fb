"""A dataset: rows encoded as the contract describes, and the target of each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inference.column_form import Forms
from inference.contract import Contract
from inference.engines.base import Label
from inference.features import Matrix, decode

Target = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Dataset:
    """n rows.

    ``matrix`` (n, features) as engines take it; ``target`` (n,) as scikit-learn takes it: numbers of a regression,
    else labels. ``classes`` are the labels as JSON values, in scikit-learn's order; where ``target`` holds codes
    instead of labels (scikit-learn refuses labels such as 0.5), they index ``classes``. ``own``: the rows as the user
    has them, where the pipeline was fitted elsewhere.
    """

    contract: Contract
    dtypes: Forms
    matrix: Matrix
    target: Target
    classes: tuple[Label, ...]
    source: str
    own: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.target)

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as the pipeline was fitted on them: the user's own, else made as those of requests are."""
        return decode(self.contract, self.dtypes, self.matrix) if self.own is None else self.own

    def take(self, rows: NDArray[np.int64]) -> "Dataset":
        """The rows at these indices, in their order."""
        own = None if self.own is None else self.own.iloc[rows]
        return replace(self, matrix=self.matrix[rows], target=self.target[rows], own=own)

    def chunks(self, size: int) -> Iterator["Dataset"]:
        """All rows in their order, at most ``size`` at once."""
        for start in range(0, len(self), size):
            yield self.take(np.arange(start, min(start + size, len(self))))


def labels_of(target: pd.Series) -> tuple[Target, tuple[Label, ...]]:
    """A target without nulls as scikit-learn takes it, and its classes as JSON values, in the same order."""
    values = target.to_numpy(dtype=object)
    native = [value.item() if isinstance(value, np.generic) else value for value in values]
    kinds = {type(value) for value in native}
    if not kinds <= {int, bool} and kinds != {float}:
        native = [value if isinstance(value, str) else str(value) for value in native]
    classes = tuple(sorted(set(native)))
    if kinds == {float} and not all(float(label).is_integer() for label in classes):
        codes = {label: code for code, label in enumerate(classes)}
        return np.array([codes[value] for value in native], dtype=np.int64), classes
    return np.array(native, dtype=object if kinds == {str} else None), classes
