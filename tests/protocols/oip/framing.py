"""Rows as the body of an inference request, from the metadata of the model."""

import json
import struct
from typing import Any

ROWS = 3
FORMATS = {
    **{"INT8": "<b", "INT16": "<h", "INT32": "<i", "INT64": "<q"},
    **{"UINT8": "<B", "UINT16": "<H", "UINT32": "<I", "UINT64": "<Q"},
    **{"BOOL": "<?", "FP16": "<e", "FP32": "<f", "FP64": "<d"},
}
"""How ``struct`` reads an element of a datatype."""
JSON, BINARY = "application/json", "application/octet-stream"
LENGTH = "Inference-Header-Content-Length"


def values_of(tensor: dict[str, Any], row: dict[str, Any]) -> list[Any]:
    """Elements of an input: the row's value, else 1, true or "a", for each of the rows."""
    usual = {"BOOL": True, "BYTES": "a"}.get(tensor["datatype"], 1)
    value = row.get(tensor["name"], usual)
    wide = [size for size in tensor["shape"][1:] if size > 0]
    count = ROWS
    for size in wide:
        count *= size
    return [value] * count


def shape_of(tensor: dict[str, Any]) -> list[int]:
    """The shape of an input of so many rows."""
    return [ROWS, *[max(size, 1) for size in tensor["shape"][1:]]]


def to_bytes(datatype: str, values: list[Any]) -> bytes:
    """Elements in binary."""
    if datatype == "BYTES":
        return b"".join(struct.pack("<I", len(value.encode())) + value.encode() for value in values)
    return b"".join(struct.pack(FORMATS[datatype], value) for value in values)


def from_bytes(datatype: str, data: bytes) -> list[Any]:
    """The elements in some bytes.

    Raises:
        struct.error, UnicodeDecodeError: they are not those of the datatype.
    """
    if datatype != "BYTES":
        return [value for (value,) in struct.iter_unpack(FORMATS[datatype], data)]
    found, place = [], 0
    while place < len(data):
        (length,) = struct.unpack_from("<I", data, place)
        if place + 4 + length > len(data):
            raise struct.error("an element ends behind the tensor")
        found.append(data[place + 4 : place + 4 + length].decode())
        place += 4 + length
    return found


def frame(request: dict[str, Any], metadata: dict[str, Any], row: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a case's request."""
    if "raw" in request:
        return request["raw"].encode(), {"Content-Type": JSON}
    inputs, blocks = [], b""
    for tensor in metadata["inputs"]:
        values, shape = values_of(tensor, row), shape_of(tensor)
        entry = {"name": tensor["name"], "datatype": tensor["datatype"], "shape": shape}
        if request["body"] == "binary":
            block = to_bytes(tensor["datatype"], values)
            entry["parameters"] = {"binary_data_size": len(block)}
            blocks += block
        elif request["body"] == "nested":
            entry |= {"shape": [ROWS, len(values) // ROWS]}
            width = len(values) // ROWS
            entry["data"] = [values[start : start + width] for start in range(0, len(values), width)]
        else:
            entry["data"] = values
        inputs.append(entry)
    inputs[0] |= request.get("first", {})
    document = {"inputs": inputs}
    if "outputs" in request:
        parameters = {} if request["outputs"] is True else {"parameters": request["outputs"]}
        document["outputs"] = [{"name": metadata["outputs"][0]["name"]} | parameters]
    head = json.dumps(document | request.get("with", {})).encode()
    if request["body"] != "binary":
        return head, {"Content-Type": JSON}
    return head + blocks, {"Content-Type": BINARY, LENGTH: request.get("header_length", str(len(head)))}
