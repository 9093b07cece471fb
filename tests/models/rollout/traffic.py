"""Clients that ask a server without a pause, each on a connection of its own, and note every answer."""

import http.client
import itertools
import json
import threading
from collections import Counter
from dataclasses import dataclass, field

from tests.models.rollout.versions import HIGH

ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 40.5, "feature_5": 5}
ROWS = [ROW | {"feature_1": first, "feature_4": fourth} for first in (0.5, -1.5, HIGH) for fourth in (20.5, 75.5)]


@dataclass
class Traffic:
    """``with Traffic(url):`` asks until the end.

    ``statuses`` by version; ``answers``: the number of the row, the version, the prediction; ``broken``: requests
    without an answer.
    """

    url: str
    clients: int = 2
    statuses: Counter = field(default_factory=Counter)
    answers: list = field(default_factory=list)
    broken: list = field(default_factory=list)

    def __enter__(self):
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(one,)) for one in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, client):
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=30)
        for number in itertools.count():
            if self._stopped.is_set():
                connection.close()
                return
            row = ROWS[number % len(ROWS)]
            headers = {"Content-Type": "application/json"}
            if client % 2:
                headers["X-Client-Key"] = f"user-{number}"
            try:
                connection.request("POST", "/predict", json.dumps(row), headers)
                answer = connection.getresponse()
                document = json.loads(answer.read())
            except OSError as exc:
                self.broken.append(repr(exc))
                connection.close()
                continue
            self.statuses[answer.getheader("X-Model-Version"), answer.status] += 1
            if answer.status == 200:
                self.answers.append((number % len(ROWS), document["model_version"], document["prediction"]))
