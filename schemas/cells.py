"""One column of a format with columns, read into numbers: what it holds, without a contract.

numpy: floats of up to 64 bits are numbers, whole numbers of any width are integers, bool is boolean, ``U`` is text; an
object array and everything else is read as its list. A list holds JSON values. pyarrow is read by ``arrow_cells``.
NaN, None and a masked cell are null.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Column = Sequence[Any] | NDArray[Any] | Any
"""A sequence, a numpy array, or a pyarrow Array or ChunkedArray; pyarrow may not be installed."""
NULL = float("nan")


class CellsError(ValueError):
    """A column whose cells cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a column.

    ``kind`` says what ``data`` (n,) holds: the doubles of a "number", NaN for null, and so of a "boolean", which has
    0 and 1; of a "string" the places in ``strings``, -1 for null; of a "mixed" column, which is to be judged cell by
    cell, the values themselves. ``value`` gives a row's cell as a JSON value. ``exact`` is false of integers, which a
    double may have rounded from 2^53 on.
    """

    kind: Literal["number", "boolean", "string", "mixed"]
    data: NDArray[Any]
    value: Callable[[int], Any]
    strings: Sequence[str] = ()
    exact: bool = True

    @property
    def nulls(self) -> NDArray[np.bool_]:
        """(n,) where the cells are null."""
        if self.kind == "mixed":
            return np.fromiter((value is None for value in self.data), np.bool_, len(self.data))
        return self.data < 0 if self.kind == "string" else np.isnan(self.data)


def of_floats(data: NDArray[np.float64], value: Callable[[int], Any]) -> Cells:
    """Numbers that doubles hold exactly."""
    return Cells("number", data, lambda row: none_if_nan(value(row)))


def of_values(values: list[Any]) -> Cells:
    """The cells of a list of JSON values."""
    kinds = set(map(type, values)) - {type(None)}
    if any(issubclass(kind, np.generic) for kind in kinds):
        values = [value.item() if isinstance(value, np.generic) else value for value in values]
        kinds = set(map(type, values)) - {type(None)}
    if kinds <= {int, float}:
        try:
            return Cells(
                "number",
                np.array(values, dtype=np.float64),
                lambda row: none_if_nan(values[row]),
                exact=int not in kinds,
            )
        except OverflowError:  # an integer beyond every double
            pass
    elif kinds == {bool}:
        return Cells("boolean", np.array(values, dtype=np.float64), values.__getitem__)
    elif kinds == {str}:
        places = {text: place for place, text in enumerate(dict.fromkeys(v for v in values if v is not None))}
        strings = list(places)
        places[None] = -1
        found = np.fromiter(map(places.__getitem__, values), np.intp, len(values))
        return Cells("string", found, values.__getitem__, strings)
    data = np.empty(len(values), dtype=np.object_)
    data[:] = [none_if_nan(value) for value in values]
    return Cells("mixed", data, data.__getitem__)


def none_if_nan(value: Any) -> Any:
    """None for a float that is NaN."""
    return None if type(value) is float and value != value else value


def of_array(column: NDArray[Any]) -> Cells:
    """The cells of a numpy array.

    Raises:
        ValueError: it has not one dimension.
    """
    if column.ndim != 1:
        raise ValueError(f"a column has one dimension, not {column.ndim}")
    kind, width = column.dtype.kind, column.dtype.itemsize
    if not isinstance(column, np.ma.MaskedArray) and width <= 8:
        if kind == "f":
            return of_floats(column.astype(np.float64, copy=False), lambda row: column[row].item())
        if kind in "iu":
            return Cells("number", column.astype(np.float64), lambda row: column[row].item(), exact=False)
        if kind == "b":
            return Cells("boolean", column.astype(np.float64), lambda row: column[row].item())
    return of_values(column.tolist())
