"""A dataset: rows encoded as the contract describes, and the target of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inference.contract import Contract
from inference.engines.base import Label
from inference.features import Matrix, decode

Target = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Dataset:
    """n rows.

    ``matrix`` (n, features) as engines take it; ``target`` (n,) as scikit-learn takes it: numbers of a regression,
    else labels. ``classes`` are the labels as JSON values, in scikit-learn's order; where ``target`` holds codes
    instead of labels (scikit-learn refuses labels such as 0.5), they index ``classes``.
    """

    contract: Contract
    dtypes: Mapping[str, str]
    matrix: Matrix
    target: Target
    classes: tuple[Label, ...]
    source: str

    def __len__(self) -> int:
        return len(self.target)

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as the pipeline sees them, decoded by the code that decodes requests."""
        return decode(self.contract, self.dtypes, self.matrix)

    def take(self, rows: NDArray[np.int64]) -> "Dataset":
        """The rows at these indices, in their order."""
        return Dataset(self.contract, self.dtypes, self.matrix[rows], self.target[rows], self.classes, self.source)


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
