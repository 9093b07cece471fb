"""The cases under tests/cases, as data: requests, and the answers that every implementation of the interface gives.

A file holds a list of cases ``{"name", "request", "answer"}``. ``request``: ``method``, ``path``, ``headers`` (JSON's
Content-Type is added to a POST that names none) and ``body`` (JSON), ``raw`` (text) or ``hex``; ``chunked``.
``answer``: ``status`` (from 400 on the body must be a problem, RFC 9457, unless ``problem`` is false); ``errors`` (the
very set of keys, all counted in ``errors_total``); ``errors_listed`` (how many); ``has`` (keys); ``equal`` (values);
``headers`` (present); ``header_values``; ``empty``.
"""

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"
JSON, PROBLEM = "application/json", "application/problem+json"


@dataclass(frozen=True, slots=True)
class Case:
    """One case; its id is ``file/name``."""

    id: str
    request: Mapping[str, Any]
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Received:
    """An answer of a server."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def cases() -> Iterator[Case]:
    """All cases, file by file."""
    for path in sorted(CASES.glob("*.json")):
        for case in json.loads(path.read_text()):
            yield Case(f"{path.stem}/{case['name']}", case["request"], case["answer"])


def send(port: int, case: Case) -> Received:
    """Send a case to a server on this machine."""
    request = case.request
    sent = content(request)
    headers = dict(request.get("headers", {"Content-Type": JSON} if sent is not None else {}))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        chunked = bool(request.get("chunked"))
        body = iter([sent]) if chunked and sent is not None else sent
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        connection.request(request["method"], request["path"], body, headers, encode_chunked=chunked)
        answer = connection.getresponse()
        return Received(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def differences(answer: Received, expected: Mapping[str, Any]) -> list[str]:
    """How an answer differs from the expected one; empty if it does not."""
    found = []
    if answer.status != expected["status"]:
        found.append(f"status {answer.status}, not {expected['status']}: {answer.body[:200]!r}")
    if expected.get("empty") and answer.body:
        found.append("the body is not empty")
    found += [f"no header {name}" for name in expected.get("headers", ()) if name.lower() not in answer.headers]
    for name, value in expected.get("header_values", {}).items():
        if answer.headers.get(name.lower()) != value:
            found.append(f"{name} is {answer.headers.get(name.lower())!r}, not {value!r}")
    return found or _body_differences(answer, expected)


def deviation(deviations: list[Mapping[str, Any]], case: Case) -> Mapping[str, Any] | None:
    """The first entry ``{"cases": [patterns], "reason", "answer"}`` that names this case."""
    for entry in deviations:
        if any(fnmatchcase(case.id, pattern) for pattern in entry["cases"]):
            return entry
    return None


def content(request: Mapping[str, Any]) -> bytes | None:
    """The bytes of a request's body."""
    if "hex" in request:
        return bytes.fromhex(request["hex"])
    if "raw" in request:
        return request["raw"].encode("utf-8", "surrogatepass")
    return json.dumps(request["body"]).encode() if "body" in request else None


def _body_differences(answer: Received, expected: Mapping[str, Any]) -> list[str]:
    problem = expected.get("problem", expected["status"] >= 400)
    if not problem and not {"has", "equal"} & expected.keys():
        return []
    try:
        document = json.loads(answer.body)
    except ValueError:
        return [f"the body is not JSON: {answer.body[:200]!r}"]
    found = [f"no {name}" for name in expected.get("has", ()) if name not in document]
    for name, value in expected.get("equal", {}).items():
        if document.get(name) != value:
            found.append(f"{name} is {document.get(name)!r}, not {value!r}")
    if problem:
        if answer.headers.get("content-type") != PROBLEM:
            found.append(f"Content-Type is {answer.headers.get('content-type')}")
        found += [f"no {n}" for n in ("type", "title", "status", "detail", "request_id") if n not in document]
    errors = document.get("errors", {}) if isinstance(document, dict) else {}
    if "errors" in expected:
        if set(errors) != set(expected["errors"]):
            found.append(f"errors name {sorted(errors)}, not {sorted(expected['errors'])}")
        if document.get("errors_total") != len(expected["errors"]):
            found.append(f"errors_total is {document.get('errors_total')}, not {len(expected['errors'])}")
    if "errors_listed" in expected and len(errors) != expected["errors_listed"]:
        found.append(f"{len(errors)} errors listed, not {expected['errors_listed']}")
    return found
