"""The body of an inference request: a JSON object, and behind it the bytes of the tensors that are in binary."""

from dataclasses import dataclass, field
from typing import Any

from inference.contract import Contract
from inference.features import Matrix
from schemas.errors import InvalidInput, MalformedBody
from schemas.nan_json import parse_with_nan
from schemas.row_validator import WHOLE, shortened
from service.models.model import Model
from service.protocols.oip.tensors import read_tensors

PREDICT, PREDICT_PROBA = "predict", "predict_proba"
HEADER_LENGTH = "Inference-Header-Content-Length"


@dataclass(slots=True)
class InferRequest:
    """One request. ``header_length`` is its header of that name as it came.

    ``id`` and ``outputs`` are known when it has been read: the names of the outputs that the answer shall have, in
    their order, each with whether it shall be in binary.
    """

    header_length: str | None
    most_rows: int
    id: str | None = None
    outputs: dict[str, bool] = field(default_factory=dict)

    def read(self, model: Model, body: bytes) -> Matrix:
        """The rows as a matrix of shape (rows, features).

        Raises:
            MalformedBody, InvalidInput
        """
        length = self._json_length(body)
        document = parse_with_nan(body[:length])
        if type(document) is not dict:
            raise InvalidInput({WHOLE: ["Must be an object with inputs."]}, 1)
        given_id = document.get("id")
        if given_id is not None and type(given_id) is not str:
            raise InvalidInput({"id": ["Must be a string."]}, 1)
        parameters = document.get("parameters")
        if parameters is not None and type(parameters) is not dict:
            raise InvalidInput({"parameters": ["Must be an object."]}, 1)
        outputs = _outputs(document.get("outputs"), _flag(parameters or {}, "binary_data_output"), model)
        contract: Contract = model.manifest.contract
        columns = read_tensors(contract, document.get("inputs"), memoryview(body)[length:], self.most_rows)
        matrix = model.reader.columns(columns)
        self.id, self.outputs = given_id, outputs
        return matrix

    def _json_length(self, body: bytes) -> int:
        """The bytes of the JSON; all where the header is missing."""
        given = self.header_length
        if given is None:
            return len(body)
        if not (given.isascii() and given.isdecimal() and len(given) <= 10 and int(given) <= len(body)):
            raise MalformedBody(f"{HEADER_LENGTH} must be the length of the JSON in bytes, at most that of the body.")
        return int(given)


def _outputs(asked: Any, binary: bool, model: Model) -> dict[str, bool]:
    if asked is None or asked == []:
        return {PREDICT: binary}
    if type(asked) is not list:
        raise InvalidInput({"outputs": ["Must be an array of objects with a name."]}, 1)
    known = (PREDICT, PREDICT_PROBA) if model.has_probabilities else (PREDICT,)
    found: dict[str, bool] = {}
    for index, entry in enumerate(asked):
        name = entry.get("name") if type(entry) is dict else None
        key = f"outputs.{shortened(name)}" if type(name) is str else f"outputs.{index}"
        if type(name) is not str or name not in known:
            what = "" if model.has_probabilities else f", since {model.version} has no probabilities"
            raise InvalidInput({key: [f"The outputs are named {' and '.join(known)}{what}."]}, 1)
        if name in found:
            raise InvalidInput({key: ["Must be named once."]}, 1)
        parameters = entry.get("parameters")
        if parameters is not None and type(parameters) is not dict:
            raise InvalidInput({f"{key}.parameters": ["Must be an object."]}, 1)
        found[name] = _flag(parameters or {}, "binary_data", binary)
    return found


def _flag(parameters: dict[str, Any], name: str, default: bool = False) -> bool:
    value = parameters.get(name, default)
    if type(value) is not bool:
        raise InvalidInput({f"parameters.{name}": ["Must be true or false."]}, 1)
    return value
