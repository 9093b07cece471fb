"""One column of Arrow data, read into numbers. The only module of ``schemas`` that imports pyarrow, on first use.

Numbers of any width, booleans, strings and dictionary-encoded strings are read without a Python value for each cell.
Of every other type only the nulls are known: Marshmallow refuses the rest, whatever it is.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types as kinds
from numpy.typing import NDArray

from schemas.cells import NULL, Cells, none_if_nan


class _Other:
    """A value of a type that no feature has; Marshmallow refuses it as it refuses an array or an object in JSON."""


OTHER = _Other()


def read_arrow(column: Any) -> Cells:
    """The cells of a pyarrow Array or ChunkedArray, which must be valid (``validate(full=True)``)."""
    if isinstance(column, pa.ChunkedArray):
        column = _in_one(column)
    kind = column.type
    if kinds.is_dictionary(kind):
        if not _is_text(kind.value_type):
            return _others(column) if not _is_plain(kind.value_type) else read_arrow(column.dictionary_decode())
        return _of_dictionary(column)
    if kinds.is_null(kind):
        return Cells("number", np.full(len(column), NULL), lambda row: None)
    if _is_text(kind):
        return _of_dictionary(column.cast(pa.large_string()).dictionary_encode())
    if kinds.is_boolean(kind):
        return Cells("boolean", _doubles(column.cast(pa.uint8())), lambda row: column[row].as_py())
    if kinds.is_floating(kind):
        return Cells("number", _doubles(column), lambda row: none_if_nan(column[row].as_py()))
    if kinds.is_integer(kind):
        return Cells("number", _doubles(column), lambda row: column[row].as_py(), exact=False)
    return _others(column)


def _in_one(column: Any) -> Any:
    if column.num_chunks == 1:
        return column.chunk(0)
    return (column.unify_dictionaries() if kinds.is_dictionary(column.type) else column).combine_chunks()


def _is_text(kind: Any) -> bool:
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))


def _is_plain(kind: Any) -> bool:
    return bool(kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_boolean(kind))


def _doubles(column: Any) -> NDArray[np.float64]:
    """Numbers as doubles, NaN for null."""
    if not column.null_count:
        return np.asarray(column.to_numpy(zero_copy_only=False)).astype(np.float64, copy=False)
    found = np.asarray(column.fill_null(0).to_numpy(zero_copy_only=False)).astype(np.float64)
    found[_nulls(column)] = NULL
    return found


def _nulls(column: Any) -> NDArray[np.bool_]:
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)


def _of_dictionary(column: Any) -> Cells:
    """Strings: each different one that a row has becomes a Python string, once."""
    places = np.full(len(column), -1, dtype=np.intp)
    present = ~_nulls(column.indices)
    used, numbered = np.unique(
        np.asarray(column.indices.drop_null().to_numpy(zero_copy_only=False)).astype(np.intp), return_inverse=True
    )
    strings: list[str | None] = column.dictionary.take(pa.array(used)).to_pylist()
    nulls = [place for place, text in enumerate(strings) if text is None]
    places[present] = numbered
    places[np.isin(places, nulls)] = -1
    known = [text or "" for text in strings]  # the place of a null is used no more
    return Cells("string", places, lambda row: known[places[row]] if places[row] >= 0 else None, known)


def _others(column: Any) -> Cells:
    data = np.full(len(column), OTHER, dtype=np.object_)
    data[_nulls(column)] = None
    return Cells("mixed", data, data.__getitem__)
