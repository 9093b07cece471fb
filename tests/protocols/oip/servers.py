"""A small server of the protocol, right or broken in one way, to try the suite on. Its model answers x + 1."""

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from tests.protocols.oip.framing import BINARY, JSON, LENGTH, from_bytes, to_bytes

METADATA = {
    "name": "plus_one",
    "versions": ["1"],
    "platform": "test",
    "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}],
    "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1]}],
}
BREAKS = {
    "wrong_shape": "the shape of an output is not that of its data",
    "wrong_datatype": "the name of a datatype is none of the protocol's",
    "error_not_json": "an error is plain text",
    "no_header_length": "an answer in binary does not say the length of its JSON",
    "wrong_header_length": "an answer in binary says a wrong length of its JSON",
    "ready_before_the_model": "the server says it is ready before its model is",
    "json_instead_of_binary": "outputs that are asked for in binary come in JSON",
    "unknown_model_answers": "a model that is not there is answered for",
    "id_is_lost": "the id of a request does not come back",
    "binary_is_big_endian": "numbers in binary are big-endian",
}


class Refused(Exception):
    """A request that is refused with 400."""


def application(broken: str = "") -> Any:
    """The WSGI application."""

    def serve(environ: dict[str, Any], start: Any) -> list[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        parts = path.strip("/").split("/")
        status, document, blocks = "200 OK", {}, b""
        try:
            if path == "/v2":
                document = {"name": "test", "version": "1", "extensions": ["binary_tensor_data"]}
            elif parts[1] == "health":
                document = {parts[2]: True}
            elif parts[2] != "plus_one" and broken != "unknown_model_answers":
                raise Refused("There is no such model.")
            elif method == "GET":
                document = METADATA if len(parts) == 3 else {"ready": True}
            else:
                document, blocks = _infer(environ, broken)
        except (Refused, ValueError, KeyError, TypeError, struct.error, AttributeError, IndexError) as exc:
            status, document = "400 Bad Request", {"error": str(exc) or "The request is not valid."}
        if broken == "ready_before_the_model" and path not in ("/v2/health/ready", "/v2/health/live"):
            status, document, blocks = "503 Service Unavailable", {"error": "The model is being loaded."}, b""
        body = json.dumps(document).encode()
        headers = {"Content-Type": BINARY if blocks else JSON}
        if blocks and broken != "no_header_length":
            headers[LENGTH] = str(len(body) - (broken == "wrong_header_length"))
        if broken == "error_not_json" and status[0] == "4":
            body, headers = str(document["error"]).encode(), {"Content-Type": "text/plain"}
        body += blocks
        start(status, [*headers.items(), ("Content-Length", str(len(body)))])
        return [body]

    return serve


def _infer(environ: dict[str, Any], broken: str) -> tuple[dict[str, Any], bytes]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    length = int(environ.get("HTTP_INFERENCE_HEADER_CONTENT_LENGTH", len(body)))
    if length > len(body):
        raise Refused("The header length is beyond the body.")
    request = json.loads(body[:length])
    (tensor,) = request["inputs"]
    if (tensor["name"], tensor["datatype"]) != ("x", "FP64"):
        raise Refused("There is no such input.")
    size = tensor.get("parameters", {}).get("binary_data_size")
    if size is None:
        values = [one for part in tensor["data"] for one in (part if isinstance(part, list) else [part])]
    elif size != len(body) - length:
        raise Refused("The binary sizes are not those of the body.")
    else:
        values = from_bytes("FP64", body[length:])
    if tensor["shape"][0] != len(values):
        raise Refused("The shape is not that of the data.")
    outputs = request.get("outputs", [{"name": "y"}])
    if [one["name"] for one in outputs] != ["y"]:
        raise Refused("There is no such output.")
    binary = request.get("parameters", {}).get("binary_data_output", False)
    binary = outputs[0].get("parameters", {}).get("binary_data", binary)
    return _answer(request, [value + 1 for value in values], binary, broken)


def _answer(request: dict[str, Any], values: list[float], binary: bool, broken: str) -> tuple[dict[str, Any], bytes]:
    shape = [1, len(values)] if broken == "wrong_shape" else [len(values)]
    datatype = "float64" if broken == "wrong_datatype" else "FP64"
    output: dict[str, Any] = {"name": "y", "shape": shape, "datatype": datatype}
    document: dict[str, Any] = {"model_name": "plus_one", "outputs": [output]}
    if "id" in request and broken != "id_is_lost":
        document["id"] = request["id"]
    if not binary or broken == "json_instead_of_binary":
        output["data"] = values
        return document, b""
    block = to_bytes("FP64", values)
    if broken == "binary_is_big_endian":
        block = struct.pack(f">{len(values)}d", *values)
    output["parameters"] = {"binary_data_size": len(block)}
    return document, block


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""


@contextmanager
def running(broken: str = "") -> Iterator[str]:
    """The address of a running server."""
    with make_server("127.0.0.1", 0, application(broken), handler_class=_Quiet) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
