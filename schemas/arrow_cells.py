"""One column of Arrow data, read from its buffers into numbers by numpy: pyarrow's functions would be one more import.

Numbers of any width, booleans, strings and dictionary-encoded values are read without a Python value for each cell. Of
every other type only the nulls are known: Marshmallow refuses the rest, whatever it is.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.cells import NULL, Cells, CellsError, none_if_nan

_NUMBERS = {
    **{"halffloat": "f2", "float": "f4", "double": "f8"},
    **{
        f"{sign}int{8 * width}": f"{letter}{width}"
        for sign, letter in (("", "i"), ("u", "u"))
        for width in (1, 2, 4, 8)
    },
}
_TEXTS = {"string": "i4", "large_string": "i8", "string_view": ""}
_INLINE = 12
"""A view of so many bytes or fewer holds them itself."""


class _Other:
    """A value of a type that no feature has; Marshmallow refuses it as it refuses an array or an object in JSON."""


OTHER = _Other()


def read_arrow(column: Any) -> Cells:
    """The cells of a pyarrow Array or ChunkedArray, which must be valid (``validate(full=True)``).

    Raises:
        CellsError: views of strings overlap so often that the strings are far larger than the data.
    """
    if hasattr(column, "num_chunks"):
        column = _in_one(column)
    kind = str(column.type)
    if kind.startswith("dictionary<"):
        return _of_dictionary(column)
    if kind == "null":
        return Cells("number", np.full(len(column), NULL), lambda row: None)
    if kind in _TEXTS:
        return _of_texts(column, np.arange(len(column)), _valid(column))
    if kind == "bool":
        data = _with_nulls(_bits(column, 1).astype(np.float64), column)
        return Cells("boolean", data, lambda row: None if data[row] != data[row] else bool(data[row]))
    if kind in _NUMBERS:
        return _of_numbers(column, np.dtype(_NUMBERS[kind]))
    return others(len(column), _valid(column))


def others(rows: int, valid: NDArray[np.bool_] | None = None) -> Cells:
    """Cells of a type that no feature has, null where they are not ``valid``."""
    data = np.full(rows, OTHER, dtype=np.object_)
    if valid is not None:
        data[~valid] = None
    return Cells("mixed", data, data.__getitem__)


def _in_one(column: Any) -> Any:
    if column.num_chunks == 1:
        return column.chunk(0)
    found = (column.unify_dictionaries() if str(column.type).startswith("dictionary<") else column).combine_chunks()
    return _in_one(found) if hasattr(found, "num_chunks") else found  # of older releases


def _bits(column: Any, buffer: int) -> NDArray[np.uint8]:
    """A buffer of bits as an array of 0 and 1."""
    packed = np.frombuffer(column.buffers()[buffer] or b"", np.uint8)
    return np.unpackbits(packed, bitorder="little")[column.offset : column.offset + len(column)]


def _valid(column: Any) -> NDArray[np.bool_] | None:
    """(n,) where the cells are not null; None where all are valid."""
    return _bits(column, 0).astype(np.bool_) if column.null_count else None


def _values(column: Any, dtype: Any) -> NDArray[Any]:
    return np.frombuffer(column.buffers()[1] or b"", dtype)[column.offset : column.offset + len(column)]


def _with_nulls(data: NDArray[np.float64], column: Any) -> NDArray[np.float64]:
    valid = _valid(column)
    if valid is not None:
        data[~valid] = NULL
    return data


def _of_numbers(column: Any, dtype: Any) -> Cells:
    given = _values(column, dtype)
    data = _with_nulls(given.astype(np.float64, copy=bool(column.null_count)), column)
    return Cells(
        "number",
        data,
        lambda row: None if data[row] != data[row] else none_if_nan(given[row].item()),
        exact=dtype.kind == "f",
    )


def _of_dictionary(column: Any) -> Cells:
    indices, dictionary, valid = column.indices, column.dictionary, _valid(column)
    kind = str(dictionary.type)
    places = _values(indices, _NUMBERS[str(indices.type)]).astype(np.intp)
    if valid is not None:
        places[~valid] = 0 if len(dictionary) else -1
    if kind in _TEXTS:
        return _of_texts(dictionary, places, valid)
    if kind not in _NUMBERS and kind != "bool":
        return others(len(column), valid)
    found = read_arrow(dictionary)
    data = found.data[places] if len(dictionary) else np.full(len(column), NULL)
    if valid is not None:
        data[~valid] = NULL
    value = found.value
    return Cells(
        found.kind, data, lambda row: None if data[row] != data[row] else value(int(places[row])), exact=found.exact
    )


def _of_texts(texts: Any, places: NDArray[np.intp], valid: NDArray[np.bool_] | None) -> Cells:
    """The strings at ``places``; each different one becomes a Python string, once."""
    present = places if valid is None else places[valid]
    known, used = _valid(texts), present
    if len(present) != len(texts) or texts.null_count:
        used = np.unique(present)
        used = used if known is None else used[known[used]]
    pieces = _views(texts, used) if str(texts.type) == "string_view" else _slices(texts, used)
    numbers: dict[bytes, int] = {}
    table = np.full(max(len(texts), 1), -1, dtype=np.intp)
    table[used] = np.fromiter((numbers.setdefault(piece, len(numbers)) for piece in pieces), np.intp, len(used))
    found = np.full(len(places), -1, dtype=np.intp)
    found[slice(None) if valid is None else valid] = table[present]
    strings = [piece.decode() for piece in numbers]
    return Cells("string", found, lambda row: strings[found[row]] if found[row] >= 0 else None, strings)


def _slices(texts: Any, rows: NDArray[np.intp]) -> Iterable[bytes]:
    """The bytes of strings that lie one behind the other."""
    _, bounds, data = texts.buffers()
    if bounds is None or not len(rows):
        return [b""] * len(rows)
    ends = np.frombuffer(bounds, _TEXTS[str(texts.type)])[texts.offset : texts.offset + len(texts) + 1]
    held = memoryview(data or b"")
    return (bytes(held[start:end]) for start, end in zip(ends[rows].tolist(), ends[rows + 1].tolist(), strict=True))


def _views(texts: Any, rows: NDArray[np.intp]) -> Sequence[bytes]:
    """The bytes of strings that may lie anywhere."""
    _, views, *held = texts.buffers()
    if views is None or not len(rows):
        return [b""] * len(rows)
    raw = np.frombuffer(views, np.uint8).reshape(-1, 16)[texts.offset + rows]
    lengths = raw[:, :4].copy().view("i4")[:, 0]
    at = raw[:, 8:].copy().view("i4")
    different = np.unique(np.concatenate([lengths[:, None], at], axis=1)[lengths > _INLINE], axis=0)
    if different[:, 0].sum(dtype=np.int64) > 4 * sum(map(len, held)):
        raise CellsError("the views of strings overlap")
    buffers = [memoryview(one) for one in held]
    pieces: dict[tuple[int, int, int], bytes] = {}  # rows with the same view share its bytes
    found = []
    for inline, length, (buffer, start) in zip(raw, lengths.tolist(), at.tolist(), strict=True):
        if length <= _INLINE:
            found.append(inline[4 : 4 + length].tobytes())
            continue
        key = length, buffer, start
        if key not in pieces:
            pieces[key] = bytes(buffers[buffer][start : start + length])
        found.append(pieces[key])
    return found
