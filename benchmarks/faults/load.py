"""The checked load: clients that send rows all the time, check every answer, and keep every prediction_id."""

import http.client
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import orjson

from benchmarks.load.requests import TOLERANCE
from benchmarks.workload import Pool

CLIENTS, PAUSE_SECONDS, PATIENCE_SECONDS = 4, 0.004, 20.0
REFUSED = (429, 503)


@dataclass(slots=True)
class Tally:
    """What the clients saw. ``answered``: the prediction_ids of all answers with 200."""

    counts: Counter[str] = field(default_factory=Counter)
    answered: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, outcome: str, example: str = "", prediction_id: str | None = None) -> None:
        """Count one request."""
        with self.lock:
            self.counts[outcome] += 1
            if prediction_id is not None:
                self.answered.append(prediction_id)
            if example and len(self.examples) < 3:
                self.examples.append(f"{outcome}: {example}"[:300])


class CheckedLoad:
    """Runs between ``with``; ``tally`` holds what was seen."""

    def __init__(self, port: int, pool: Pool, token: str = "") -> None:
        self.tally = Tally()
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._port, self._pool, self._stop = port, pool, threading.Event()
        self._threads = [threading.Thread(target=self._client, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> "CheckedLoad":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def for_seconds(self, seconds: float) -> None:
        """Let the load go on."""
        time.sleep(seconds)

    def _client(self, number: int) -> None:
        connection, place = self._connect(), number
        while not self._stop.is_set():
            place = (place + CLIENTS) % len(self._pool.rows)
            connection = self._send(connection, place)
            self._stop.wait(PAUSE_SECONDS)
        connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)

    def _send(self, connection: http.client.HTTPConnection, place: int) -> http.client.HTTPConnection:
        """Send a row. A kept connection that was closed meanwhile is replaced once, as every client library does."""
        body = orjson.dumps(self._pool.rows[place])
        for fresh in (connection.sock is None, True):
            try:
                connection.request("POST", "/predict", body, self._headers)
                answer = connection.getresponse()
                self._judge(answer.status, answer.read(), place)
                return connection
            except (OSError, http.client.HTTPException) as exc:
                connection.close()
                connection = self._connect()
                closed = isinstance(exc, ConnectionError)  # a time limit that ran out is never tried again
                if fresh or not closed:
                    self.tally.note("failed", repr(exc))
                    time.sleep(0.05)
                    return connection
        return connection

    def _judge(self, status: int, body: bytes, place: int) -> None:
        if status != 200:
            self.tally.note("refused" if status in REFUSED else "failed", f"{status} {body[:200]!r}")
            return
        answer = orjson.loads(body)
        label, probability = self._pool.answers[place]
        near = probability is None or abs(answer["probability"] - probability) <= TOLERANCE
        right = answer["prediction"] == label and near
        self.tally.note(
            "right" if right else "wrong", "" if right else f"row {place}: {body!r}", answer["prediction_id"]
        )
