"""The cases under tests/cases, as data: what is asked, and what any implementation of the interface must answer.

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
class Answered:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def cases() -> Iterator[Case]:
    """All of them, file by file."""
    for path in sorted(CASES.glob("*.json")):
        for case in json.loads(path.read_text()):
            yield Case(f"{path.stem}/{case['name']}", case["request"], case["answer"])


def ask(port: int, case: Case) -> Answered:
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
        return Answered(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def faults(answer: Answered, promised: Mapping[str, Any]) -> list[str]:
    """How an answer differs from what was promised; empty where it does not."""
    found = []
    if answer.status != promised["status"]:
        found.append(f"status {answer.status}, not {promised['status']}: {answer.body[:200]!r}")
    if promised.get("empty") and answer.body:
        found.append("the body is not empty")
    found += [f"no header {name}" for name in promised.get("headers", ()) if name.lower() not in answer.headers]
    for name, value in promised.get("header_values", {}).items():
        if answer.headers.get(name.lower()) != value:
            found.append(f"{name} is {answer.headers.get(name.lower())!r}, not {value!r}")
    return found or _body_faults(answer, promised)


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


def _body_faults(answer: Answered, promised: Mapping[str, Any]) -> list[str]:
    problem = promised.get("problem", promised["status"] >= 400)
    if not problem and not {"has", "equal"} & promised.keys():
        return []
    try:
        document = json.loads(answer.body)
    except ValueError:
        return [f"the body is not JSON: {answer.body[:200]!r}"]
    found = [f"no {name}" for name in promised.get("has", ()) if name not in document]
    for name, value in promised.get("equal", {}).items():
        if document.get(name) != value:
            found.append(f"{name} is {document.get(name)!r}, not {value!r}")
    if problem:
        if answer.headers.get("content-type") != PROBLEM:
            found.append(f"Content-Type is {answer.headers.get('content-type')}")
        found += [f"no {n}" for n in ("type", "title", "status", "detail", "request_id") if n not in document]
    errors = document.get("errors", {}) if isinstance(document, dict) else {}
    if "errors" in promised:
        if set(errors) != set(promised["errors"]):
            found.append(f"errors name {sorted(errors)}, not {sorted(promised['errors'])}")
        if document.get("errors_total") != len(promised["errors"]):
            found.append(f"errors_total is {document.get('errors_total')}, not {len(promised['errors'])}")
    if "errors_listed" in promised and len(errors) != promised["errors_listed"]:
        found.append(f"{len(errors)} errors listed, not {promised['errors_listed']}")
    return found
