#!/usr/bin/env python3
"""Try every route of a running service, with any model, and print a line for each.

    python examples/try_every_route.py http://127.0.0.1:8000 [--token TOKEN]

Needs Python alone. Exits with status 1 if an answer was not as expected. The rows are the served model's own
example; the prediction is sent back as its outcome, where the service takes feedback.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

SECONDS = 30
UNKNOWN = "/no/such/route"


@dataclass
class Answer:
    """An answer of the service."""

    status: int
    media: str
    body: bytes
    headers: dict[str, str]
    milliseconds: float

    @property
    def document(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Service:
    """A running service, and the count of what went wrong with it."""

    def __init__(self, base_url: str, token: str) -> None:
        self.base_url = base_url.rstrip("/")
        self.token = token
        self.failures = 0

    def request(self, method: str, path: str, document: Any = None) -> Answer:
        """Send one request; an error status is an answer too."""
        headers = {"X-Request-ID": "try-every-route"}
        if document is not None:
            headers["Content-Type"] = "application/json"
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(self.base_url + path, data, headers, method=method)  # noqa: S310 - the user's own
        began = time.perf_counter()
        try:
            answer = urllib.request.urlopen(request, timeout=SECONDS)  # noqa: S310  # as above
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            body = answer.read()
        took = (time.perf_counter() - began) * 1000
        return Answer(answer.status, answer.headers.get_content_type(), body, dict(answer.headers.items()), took)

    def expect(self, method: str, path: str, *statuses: int, document: Any = None) -> Answer:
        """Send one request, and print whether its status is one of those expected."""
        answer = self.request(method, path, document)
        good = answer.status in statuses and _is_sound(answer)
        self.failures += not good
        print(
            f"{'ok  ' if good else 'FAIL'}  {method:<4} {path:<48} {answer.status}  {answer.milliseconds:7.1f} ms  ",
            end="",
        )
        print(_shown(answer) if good else f"expected {' or '.join(map(str, statuses))}: {_shown(answer)}")
        return answer


def _is_sound(answer: Answer) -> bool:
    """Every answer names its request; JSON is JSON; an error is a problem document."""
    if answer.headers.get("X-Request-ID") != "try-every-route":
        return False
    if answer.status >= 400 and answer.media not in ("application/problem+json", "application/json"):
        return False
    try:
        return not answer.media.endswith("json") or answer.document is not None
    except ValueError:
        return False


def _shown(answer: Answer) -> str:
    """A few words of the answer."""
    if not answer.media.endswith("json"):
        return f"{answer.media}, {len(answer.body)} bytes"
    try:
        document = answer.document
    except ValueError:
        return "not JSON"
    for key in ("detail", "prediction", "count", "status", "algorithm", "service", "openapi"):
        if key in document:
            extra = f" ({document['probability']:.2f})" if "probability" in document else ""
            return f"{key}: {document[key]}{extra}"
    return ", ".join(document)


def try_predictions(service: Service) -> set[str]:
    """The model's own routes; returns the paths that were tried."""
    info = service.expect("GET", "/model/info", 200)
    if info.status != 200:
        return {"/model/info", "/predict", "/predict/batch", "/feedback"}
    row = {feature["name"]: feature["example"] for feature in info.document["features"]}
    version = info.document["model_version"]
    one = service.expect("POST", "/predict", 200, document=row)
    service.expect("POST", f"/predict?model_version={version}", 200, document=row)
    service.expect("POST", "/predict/batch", 200, document={"instances": [row, row]})
    service.expect("POST", "/predict", 422, document={})
    service.expect("POST", "/predict/batch", 422, document={"instances": []})
    if one.status == 200:
        try_feedback(service, one.document)
    return {"/model/info", "/predict", "/predict/batch", "/feedback"}


def try_feedback(service: Service, predicted: dict[str, Any]) -> None:
    """Send the prediction back as its true outcome."""
    outcome = {"prediction_id": predicted["prediction_id"], "outcome": predicted["prediction"]}
    service.expect("POST", "/feedback", 200, 201, document=outcome)


def try_documented(service: Service, method: str, path: str, documented: dict[str, Any]) -> None:
    """A route with the examples of the API document: of the variables in its path, and of its body."""
    operation = documented.get(method.lower(), {})
    for variable in operation.get("parameters", ()):
        if variable["in"] == "path":
            path = path.replace(f"{{{variable['name']}}}", variable["schema"]["examples"][0])
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    service.expect(method, path, 200, document=body)


def main() -> int:
    """Try everything; 0 where all is well."""
    parser = argparse.ArgumentParser(description="Try every route of a running service.")
    parser.add_argument("base_url", nargs="?", default="http://127.0.0.1:8000", help="default: %(default)s")
    parser.add_argument(
        "--token", default=os.environ.get("TOKEN", ""), help="if the service requires one; default: the variable TOKEN"
    )
    arguments = parser.parse_args()
    service = Service(arguments.base_url, arguments.token)
    try:
        home = service.expect("GET", "/", 200)
        tried = {"/"} | try_predictions(service)
        documented = service.request("GET", "/apispec.json").document["paths"]
        for route in home.document["routes"]:
            if route["path"] not in tried:
                try_documented(service, route["method"], route["path"], documented.get(route["path"], {}))
        service.expect("GET", UNKNOWN, 404)
        service.expect("GET", "/predict", 405)
    except (OSError, ValueError, KeyError) as exc:
        print(f"FAIL  {arguments.base_url} does not answer as this service does: {exc}")
        return 1
    print("Everything answered as promised." if not service.failures else f"{service.failures} did not.")
    return 1 if service.failures else 0


if __name__ == "__main__":
    sys.exit(main())
