"""Fixtures for the tests of deploy/."""

import http.client
import json
import threading
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from tests.services import nginx as nginx

BODY = json.dumps({"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5})


@pytest.fixture
def client_of():
    """Factory: ``client_of(url)`` starts clients that send rows all the time; it returns the statuses received.

    One client opens a connection for each request, the others keep theirs.
    """
    stop, threads = threading.Event(), []

    def start(url):
        statuses = []

        def send(keep):
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
            while not stop.is_set():
                statuses.append(_post(connection))
                if not keep:
                    connection.close()
                stop.wait(0.01)
            connection.close()

        for keep in (False, True, True):
            threads.append(threading.Thread(target=send, args=(keep,)))
            threads[-1].start()
        return statuses

    start.stop = stop.set
    yield start
    stop.set()
    for thread in threads:
        thread.join(90)


def _post(connection):
    """The status, or the failure that a client would see; a kept connection that was closed is opened anew."""
    kept = connection.sock is not None
    for again in (kept, False):
        try:
            connection.request("POST", "/predict", BODY, {"Content-Type": "application/json"})
            with connection.getresponse() as answer:
                answer.read()
                return answer.status
        except (OSError, http.client.HTTPException) as exc:
            with suppress(OSError):
                connection.close()
            if not (again and isinstance(exc, ConnectionError)):
                return repr(exc)
    return "closed twice"
