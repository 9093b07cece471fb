"""The datatypes of tensors, their elements in JSON and their bytes: little-endian, row by row, without padding."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Elements = list[Any] | NDArray[Any]
"""The elements of a tensor in row-major order: a list of JSON values, or an array."""


class DatatypeError(ValueError):
    """Elements that are not of their datatype. ``index`` is the first of them; None where it is their bytes."""

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


@dataclass(frozen=True, slots=True)
class Datatype:
    """A datatype. ``dtype`` is numpy's, of the bytes of an element; None for BYTES, whose elements differ in length."""

    name: str
    kind: Literal["boolean", "whole", "float", "text"]
    dtype: np.dtype[Any] | None

    def from_json(self, elements: list[Any]) -> Elements:
        """Elements in JSON; null stays.

        Raises:
            DatatypeError: one is no value of this datatype.
        """
        kinds = set(map(type, elements)) - {type(None)}
        if not kinds <= _JSON_TYPES[self.kind]:
            self._refuse(elements, lambda value: type(value) in _JSON_TYPES[self.kind])
        if self.kind == "whole":
            self._check_whole(elements)
        if self.kind == "float" and self.name != "FP64":
            return self._narrow(elements)
        return elements

    def from_bytes(self, data: memoryview, count: int) -> Elements:
        """``count`` elements in binary.

        Raises:
            DatatypeError: the bytes are not those of so many elements.
        """
        if self.dtype is None:
            return _texts(data, count)
        if len(data) != count * self.dtype.itemsize:
            raise DatatypeError(
                f"{count} elements of {self.name} are {count * self.dtype.itemsize} bytes, not {len(data)}."
            )
        if self.kind == "boolean":
            flags = np.frombuffer(data, np.uint8)
            if count and flags.max() > 1:
                raise DatatypeError("A BOOL is a byte of 0 or 1.", int((flags > 1).argmax()))
            return flags.astype(np.bool_)
        if self.name == "BF16":
            return (np.frombuffer(data, self.dtype).astype(np.uint32) << 16).view(np.float32)
        return np.frombuffer(data, self.dtype).astype(self.dtype.newbyteorder("="), copy=False)

    def to_bytes(self, values: Sequence[Any] | NDArray[Any]) -> bytes:
        """Values of this datatype in binary."""
        if self.dtype is None:
            encoded = [value.encode() for value in values]
            return b"".join(struct.pack("<I", len(one)) + one for one in encoded)
        return np.ascontiguousarray(values, dtype=self.dtype).tobytes()

    def _check_whole(self, elements: list[Any]) -> None:
        assert self.dtype is not None
        limits = np.iinfo(self.dtype)
        low, high = int(limits.min), int(limits.max)
        self._refuse(elements, lambda value: low <= value <= high and value == int(value))

    def _narrow(self, elements: list[Any]) -> Elements:
        """As the client's own array of this type would hold them, so that JSON and binary mean the same."""
        if self.name == "BF16":
            raise DatatypeError("Elements of BF16 are taken in binary only.")
        try:
            with np.errstate(over="ignore"):
                narrow = np.array(elements, dtype=np.float64).astype(self.dtype)
        except OverflowError:
            raise DatatypeError(f"An element is beyond {self.name}.") from None
        if (lost := np.isinf(narrow)).any():
            raise DatatypeError(f"Must be within the range of {self.name}.", int(lost.argmax()))
        return narrow

    def _refuse(self, elements: list[Any], is_good: Callable[[Any], bool]) -> None:
        for index, value in enumerate(elements):
            if value is not None and not is_good(value):
                raise DatatypeError(f"Must be of the tensor's datatype, {self.name}.", index)


_JSON_TYPES: dict[str, set[type]] = {"boolean": {bool}, "whole": {int, float}, "float": {int, float}, "text": {str}}
BOOL = Datatype("BOOL", "boolean", np.dtype("?"))
INT64 = Datatype("INT64", "whole", np.dtype("<i8"))
FP64 = Datatype("FP64", "float", np.dtype("<f8"))
BYTES = Datatype("BYTES", "text", None)
DATATYPES = {
    one.name: one
    for one in (
        BOOL,
        *(Datatype(f"UINT{8 * size}", "whole", np.dtype(f"<u{size}")) for size in (1, 2, 4, 8)),
        *(Datatype(f"INT{8 * size}", "whole", np.dtype(f"<i{size}")) for size in (1, 2, 4)),
        INT64,
        Datatype("FP16", "float", np.dtype("<f2")),
        Datatype("BF16", "float", np.dtype("<u2")),
        Datatype("FP32", "float", np.dtype("<f4")),
        FP64,
        BYTES,
    )
}
"""Every datatype by its name."""


def _texts(data: memoryview, count: int) -> list[str]:
    """The elements of BYTES as text: each is its length in four bytes, and so many bytes of UTF-8."""
    found: list[str] = []
    place, size = 0, len(data)
    while place < size and len(found) < count:
        end = place + 4
        if end > size:
            break
        (length,) = struct.unpack_from("<I", data, place)
        place, end = end, end + length
        if end > size:
            break
        try:
            found.append(str(data[place:end], "utf-8"))
        except UnicodeDecodeError:
            raise DatatypeError("Must be UTF-8.", len(found)) from None
        place = end
    if len(found) != count or place != size:
        raise DatatypeError(f"The bytes are not those of {count} elements of BYTES, each a length and its bytes.")
    return found
