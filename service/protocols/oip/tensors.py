"""The input tensors of a request, as columns by name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.contract import Contract
from schemas.errors import MOST_ERRORS, InvalidInput, MalformedBody
from schemas.row_validator import shortened
from service.protocols.oip.datatypes import DATATYPES, Datatype, DatatypeError, Elements

LARGEST_DIMENSION = 2**31


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input tensor of shape (rows, width); ``elements`` are in row-major order. One of shape (n,) has width 1."""

    name: str
    rows: int
    width: int
    is_matrix: bool
    elements: Elements

    def column(self, place: int) -> Elements:
        """One of its columns."""
        if self.width == 1:
            return self.elements
        if isinstance(self.elements, np.ndarray):
            return self.elements.reshape(self.rows, self.width)[:, place]
        return self.elements[place :: self.width]


def read_tensors(contract: Contract, inputs: Any, data: memoryview, most_rows: int) -> dict[str, Elements]:
    """The columns of the ``inputs`` of a request; ``data`` are the bytes behind its JSON.

    Raises:
        InvalidInput: an input is no tensor that this model takes; its key names the input and the part of it.
        MalformedBody: the bytes are not those that the inputs announce.
    """
    if type(inputs) is not list or not inputs:
        raise InvalidInput({"inputs": ["Must be an array of tensors, one for each feature."]}, 1)
    blocks = _blocks(inputs, data)
    errors: dict[str, list[str]] = {}
    tensors: dict[str, Tensor] = {}
    for index, (entry, block) in enumerate(zip(inputs, blocks, strict=True)):
        reading = _Reading(contract, index, entry, block, len(inputs) == 1, most_rows)
        tensor = reading.tensor()
        if tensor is not None and tensor.name in tensors:
            reading.errors["name"] = ["Is the name of another input as well."]
        for part, messages in reading.errors.items():
            errors[part if part.startswith("instances") else f"{reading.key}.{part}".rstrip(".")] = messages
        if len(errors) >= MOST_ERRORS:
            break
        if tensor is not None:
            tensors[tensor.name] = tensor
    if errors:
        raise InvalidInput(dict(list(errors.items())[:MOST_ERRORS]), len(errors))
    return _columns(contract, list(tensors.values()))


def _columns(contract: Contract, tensors: Sequence[Tensor]) -> dict[str, Elements]:
    if len({tensor.rows for tensor in tensors}) > 1:
        raise InvalidInput({"inputs": ["All tensors must have the same number of rows."]}, 1)
    first = tensors[0]
    if first.is_matrix:
        return {name: first.column(place) for place, name in enumerate(contract.names)}
    return {tensor.name: tensor.elements for tensor in tensors}


def _blocks(inputs: Sequence[Any], data: memoryview) -> list[memoryview | None]:
    """The bytes of each input, None where it has its elements in JSON."""
    found: list[memoryview | None] = []
    place = 0
    for entry in inputs:
        size = _parameters(entry).get("binary_data_size")
        if size is None:
            found.append(None)
            continue
        if type(size) is not int or size < 0:
            raise MalformedBody("binary_data_size must be a whole number of bytes.")
        if place + size > len(data):
            raise MalformedBody(
                "The tensors' binary_data_size add up to more bytes than follow the JSON, which ends at "
                "Inference-Header-Content-Length."
            )
        found.append(data[place : place + size])
        place += size
    if place != len(data):
        raise MalformedBody(
            f"{len(data)} bytes follow the JSON, and the tensors' binary_data_size add up to {place}. "
            "Inference-Header-Content-Length must be the length of the JSON."
        )
    return found


def _parameters(entry: Any) -> dict[str, Any]:
    parameters = entry.get("parameters") if type(entry) is dict else None
    return parameters if type(parameters) is dict else {}


class _Reading:
    """One input; ``errors`` by the part of it that is wrong."""

    def __init__(
        self, contract: Contract, index: int, entry: Any, block: memoryview | None, alone: bool, most_rows: int
    ) -> None:
        self.errors: dict[str, list[str]] = {}
        self.entry: dict[str, Any] = entry if type(entry) is dict else {}
        self.contract, self.block, self.alone, self.most_rows = contract, block, alone, most_rows
        name = self.entry.get("name")
        self.key = f"inputs.{shortened(name)}" if type(name) is str and name else f"inputs.{index}"
        if type(entry) is not dict:
            self.errors[""] = ["Must be an object."]

    def tensor(self) -> Tensor | None:
        """The tensor; None where there are errors."""
        if self.errors:
            return None
        name, datatype, shape = self.entry.get("name"), self._datatype(), self._shape()
        if type(name) is not str or not name:
            self.errors["name"] = ["Must be a string."]
        if type(self.entry.get("parameters", {})) not in (dict, type(None)):
            self.errors["parameters"] = ["Must be an object."]
        if self.errors or datatype is None or shape is None or type(name) is not str:
            return None
        rows, width = shape[0], shape[1] if len(shape) == 2 else 1
        is_matrix = self.alone and len(shape) == 2 and (width != 1 or name not in self.contract.names)
        if not self._fits(name, rows, width, is_matrix):
            return None
        elements = self._elements(datatype, shape, is_matrix)
        return None if elements is None else Tensor(name, rows, width, is_matrix, elements)

    def _datatype(self) -> Datatype | None:
        given = self.entry.get("datatype")
        datatype = DATATYPES.get(given) if type(given) is str else None
        if datatype is None:
            self.errors["datatype"] = [f"Must be one of {', '.join(DATATYPES)}."]
        return datatype

    def _shape(self) -> list[int] | None:
        shape = self.entry.get("shape")
        if (
            type(shape) is not list
            or len(shape) not in (1, 2)
            or not all(type(size) is int and 0 <= size < LARGEST_DIMENSION for size in shape)
        ):
            self.errors["shape"] = ["Must be [rows] or [rows, 1], or [rows, features] for all features in one tensor."]
            return None
        return shape

    def _fits(self, name: str, rows: int, width: int, is_matrix: bool) -> bool:
        features = self.contract.features
        if is_matrix and any(feature.type not in ("number", "integer") for feature in features):
            self.errors["shape"] = ["Must be [rows] or [rows, 1]: not all features are numbers, so send a tensor each."]
        elif is_matrix and width != len(features):
            self.errors["shape"] = [f"Must be [rows, {len(features)}], the features in the order of the metadata."]
        elif width != 1 and not is_matrix:
            self.errors["shape"] = ["Must be [rows] or [rows, 1], where there are several tensors."]
        elif not 1 <= rows <= self.most_rows:
            self.errors["instances"] = [f"Must hold 1 to {self.most_rows} rows."]
        return not self.errors

    def _elements(self, datatype: Datatype, shape: list[int], is_matrix: bool) -> Elements | None:
        count = int(np.prod(shape))
        try:
            if self.block is not None:
                if "data" in self.entry:
                    self.errors["data"] = ["Must not be there beside binary_data_size."]
                    return None
                return datatype.from_bytes(self.block, count)
            return datatype.from_json(_flat(self.entry.get("data"), shape))
        except DatatypeError as exc:
            if exc.index is None:
                self.errors["data"] = [str(exc)]
            else:
                width = shape[1] if is_matrix else 1
                names = self.contract.names if is_matrix else (shortened(self.entry["name"]),)
                self.errors[f"instances.{exc.index // width}.{names[exc.index % width]}"] = [str(exc)]
            return None


def _flat(data: Any, shape: list[int]) -> list[Any]:
    """The elements of ``data``, flat already or nested as the shape is."""
    count = int(np.prod(shape))
    if type(data) is not list:
        raise DatatypeError("Must be an array of the tensor's elements, or binary_data_size must say their bytes.")
    if len(shape) == 2 and data and type(data[0]) is list:
        rows = list(_rows(data, shape[1]))
        if len(rows) != shape[0]:
            raise DatatypeError(f"Must hold {shape[0]} rows, as the shape says, not {len(rows)}.")
        return [element for row in rows for element in row]
    if len(data) != count:
        raise DatatypeError(f"Must hold {count} elements, as the shape says, not {len(data)}.")
    return data


def _rows(data: list[Any], width: int) -> Iterator[list[Any]]:
    for index, row in enumerate(data):
        if type(row) is not list or len(row) != width:
            raise DatatypeError(f"Row {index} must be an array of {width}, as the shape says.")
        yield row
