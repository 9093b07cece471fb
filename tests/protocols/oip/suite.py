"""Runs the cases against a server and says what is wrong with its answers."""

import json
import struct
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

from tests.protocols.oip.framing import FORMATS, LENGTH, ROWS, frame, from_bytes

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "cases.json").read_text())
DATATYPES = {*FORMATS, "BYTES"}


@dataclass
class Received:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @cached_property
    def length(self) -> int:
        """The bytes of its JSON."""
        return int(self.headers.get(LENGTH.lower(), len(self.body)))

    @cached_property
    def document(self) -> dict[str, Any]:
        """Its JSON.

        Raises:
            ValueError: it is none, or no object.
        """
        found = json.loads(self.body[: self.length])
        if not isinstance(found, dict):
            raise ValueError("the JSON is no object")
        return found


@dataclass
class Suite:
    """One server and one model. ``row`` has a valid value for each input; missing ones are 1, true or "a"."""

    url: str
    model: str
    row: dict[str, Any] = field(default_factory=dict)
    token: str = ""
    first_outputs: list[Any] | None = None

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The model's metadata; general where the server has none, so that other cases still run."""
        try:
            found = self.send({"method": "GET", "path": "/v2/models/{model}"}).document
        except (ValueError, OSError):
            found = {}
        if found.get("inputs") and found.get("outputs"):
            return found
        return {
            "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}],
            "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1]}],
        }

    @cached_property
    def extensions(self) -> list[str]:
        """The extensions that the server says it has."""
        try:
            return self.send({"method": "GET", "path": "/v2"}).document.get("extensions", [])
        except (ValueError, OSError):
            return []

    def send(self, request: dict[str, Any]) -> Received:
        """Send a request as a case has it."""
        body, headers = (None, {})
        if request["method"] == "POST":
            body, headers = frame(request, self.metadata, self.row)
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        url = self.url.rstrip("/") + request["path"].format(model=self.model)
        try:
            answer = urllib.request.urlopen(
                urllib.request.Request(url, body, headers, method=request["method"]), timeout=30
            )
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            return Received(answer.status, {key.lower(): value for key, value in answer.headers.items()}, answer.read())

    def problems(self, case: dict[str, Any]) -> list[str]:
        """What is wrong with the answer to a case; empty where nothing is."""
        expected = case["answer"]
        try:
            answer = self.send(case["request"])
        except (OSError, struct.error, KeyError, IndexError) as exc:
            return [f"there is no answer: {exc!r}"]
        if answer.status not in expected["status"]:
            return [f"status {answer.status}, not {' or '.join(map(str, expected['status']))}: {answer.body[:200]!r}"]
        if expected["is"] == "any":
            return self._ready_problems(case)
        try:
            document = answer.document
        except ValueError as exc:
            return [f"the body is no JSON object, up to {LENGTH} if it is there: {exc}"]
        try:
            return list(getattr(self, f"_check_{expected['is']}")(document, answer, expected))
        except (KeyError, TypeError, AttributeError, ValueError, struct.error) as exc:
            return [f"the document has not the form of the protocol: {exc!r}"]

    def _ready_problems(self, case: dict[str, Any]) -> list[str]:
        """Who says it is ready must answer."""
        if case["request"]["path"] != "/v2/health/ready":
            return []
        model = self.send({"method": "GET", "path": "/v2/models/{model}/ready"}).status
        infer = self.send({"method": "POST", "path": "/v2/models/{model}/infer", "body": "json"}).status
        if model != 200 or infer >= 500:
            return [f"the server says it is ready, its model answers {model} to ready and {infer} to an inference"]
        return []

    def _check_server(self, document: dict[str, Any], *_: Any) -> Any:
        for key, kind in (("name", str), ("version", str), ("extensions", list)):
            if not isinstance(document.get(key), kind):
                yield f"{key} is {document.get(key)!r}"

    def _check_metadata(self, document: dict[str, Any], *_: Any) -> Any:
        if document["name"] != self.model:
            yield f"name is {document['name']!r}"
        if not isinstance(document["platform"], str):
            yield "platform is no string"
        for tensor in document["inputs"] + document["outputs"]:
            if not isinstance(tensor["name"], str) or tensor["datatype"] not in DATATYPES:
                yield f"{tensor['name']} has the datatype {tensor['datatype']!r}"
            if not all(isinstance(size, int) and (size == -1 or size > 0) for size in tensor["shape"]):
                yield f"{tensor['name']} has the shape {tensor['shape']}"

    def _check_error(self, document: dict[str, Any], *_: Any) -> Any:
        if not isinstance(document.get("error"), str) or not document["error"]:
            yield f"error is {document.get('error')!r}"

    def _check_inference(self, document: dict[str, Any], answer: Received, expected: dict[str, Any]) -> Any:
        yield from self._outputs(document, answer, expected, binary=False)

    def _check_binary(self, document: dict[str, Any], answer: Received, expected: dict[str, Any]) -> Any:
        if LENGTH.lower() not in answer.headers:
            yield f"there is no header {LENGTH}"
        yield from self._outputs(document, answer, expected, binary=True)

    def _outputs(self, document: dict[str, Any], answer: Received, expected: dict[str, Any], binary: bool) -> Any:
        if document["model_name"] != self.model:
            yield f"model_name is {document['model_name']!r}"
        if "id" in expected and document.get("id") != expected["id"]:
            yield f"id is {document.get('id')!r}"
        described = {tensor["name"]: tensor for tensor in self.metadata["outputs"]}
        if "outputs" in expected and [one["name"] for one in document["outputs"]] != [next(iter(described))]:
            yield f"the outputs are {[one['name'] for one in document['outputs']]}"
        if not document["outputs"]:
            yield "there are no outputs"
        place, read = answer.length, []
        for tensor in document["outputs"]:
            size = tensor.get("parameters", {}).get("binary_data_size")
            if binary is (size is None):
                yield f"{tensor['name']} comes in {'JSON' if size is None else 'binary'}"
            if size is not None:
                values = from_bytes(tensor["datatype"], answer.body[place : place + size])
                place += size
            else:
                values = _flat(tensor["data"])
            read.append((tensor["name"], values))
            yield from self._tensor(tensor, values, described.get(tensor["name"]))
        if place != len(answer.body):
            yield f"{len(answer.body)} bytes were answered, and the JSON and its tensors are {place}"
        if self.first_outputs is None:
            self.first_outputs = read
        elif [one for one in read if one in self.first_outputs] != read:
            yield "the same rows are answered in another way than before"

    def _tensor(self, tensor: dict[str, Any], values: list[Any], described: dict[str, Any] | None) -> Any:
        name, shape = tensor["name"], tensor["shape"]
        if described is None:
            yield f"{name} is not in the metadata"
            return
        if tensor["datatype"] != described["datatype"]:
            yield f"{name} has the datatype {tensor['datatype']!r}, and {described['datatype']!r} in the metadata"
        fits = len(shape) == len(described["shape"]) and all(
            said in (-1, size) for said, size in zip(described["shape"], shape, strict=False)
        )
        if not fits or shape[0] != ROWS:
            yield f"{name} has the shape {shape}, not that of {ROWS} rows and of the metadata, {described['shape']}"
        if prod(shape) != len(values):
            yield f"{name} has {len(values)} elements, and the shape {shape}"
        kind = {"BOOL": bool, "BYTES": str, "FP16": (int, float), "FP32": (int, float), "FP64": (int, float)}
        if not all(isinstance(value, kind.get(tensor["datatype"], int)) for value in values):
            yield f"{name} has elements that are no {tensor['datatype']}"


def _flat(data: list[Any]) -> list[Any]:
    return [one for part in data for one in (_flat(part) if isinstance(part, list) else [part])]


def run(suite: Suite) -> dict[str, list[str]]:
    """Every case that is for this server, with what is wrong."""
    cases = [case for case in CASES if case.get("extension") in (None, *suite.extensions)]
    return {case["name"]: suite.problems(case) for case in cases}
