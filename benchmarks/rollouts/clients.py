"""Clients in processes of their own, which ask without a pause and check each answer against its version's."""

import http.client
import json
import multiprocessing
import queue
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from typing import Any

Rows = Sequence[dict[str, Any]]
Expected = Mapping[str, Sequence[Any]]
"""By version: the prediction for each row."""

USERS = 10_000


@dataclass
class Heard:
    """What one client heard. ``answers``: the time of day and the seconds of each; the rest in words."""

    answers: list[tuple[float, float]] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Clients:
    """``with Clients(...) as clients:`` asks until the end; ``heard`` is there afterwards."""

    def __init__(self, port: int, rows: Rows, expected: Expected, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._stop, self._queue = context.Event(), context.Queue()
        arguments = (port, rows, expected, self._stop, self._queue)
        self._processes = [context.Process(target=_ask, args=(number, *arguments)) for number in range(count)]
        self.heard: list[Heard] = []

    def __enter__(self) -> "Clients":
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.heard = [self._next() for _ in self._processes]
        for process in self._processes:
            process.join()

    def _next(self) -> Heard:
        """What the next client to end has heard.

        Raises:
            RuntimeError: one of them died; its traceback is on standard error.
        """
        while True:
            with suppress(queue.Empty):
                return self._queue.get(timeout=1)  # type: ignore[no-any-return]  # a queue between processes has no type
            if any(process.exitcode for process in self._processes):
                raise RuntimeError("a client died, so nothing was measured")


def ask_once(port: int, row: Mapping[str, Any], version: str) -> Any:
    """The prediction of one version for one row."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = json.dumps(row)
    connection.request("POST", f"/predict?model_version={version}", body, {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer["prediction"]


def _ask(number: int, port: int, rows: Rows, expected: Expected, stop: Event, results: Any) -> None:
    heard = Heard()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/json"}
    bodies = [json.dumps(row) for row in rows]
    place = number
    while not stop.is_set():
        place = (place + 1) % len(rows)
        if number % 2:  # half of the clients send for many users
            headers["X-Client-Key"] = f"user-{len(heard.answers) % USERS}"
        began = time.perf_counter()
        try:
            connection.request("POST", "/predict", bodies[place], headers)
            answer = connection.getresponse()
            document = json.loads(answer.read())
        except (OSError, ValueError, http.client.HTTPException) as exc:
            heard.failed.append(repr(exc))
            connection.close()
            continue
        heard.answers.append((time.time(), time.perf_counter() - began))
        if answer.status != 200:
            heard.failed.append(f"{answer.status} {document}")
            continue
        version = document["model_version"]
        heard.versions[version] = heard.versions.get(version, 0) + 1
        if document["prediction"] != expected[version][place]:
            heard.wrong.append(f"{version} answered row {place} with {document['prediction']}")
    results.put(heard)
