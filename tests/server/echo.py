"""A WSGI application that shows what a server hands it and does what a server must cope with."""

import itertools
import json
import os
import time
from types import SimpleNamespace

from service.server.overload import NoRules

_count = itertools.count(1)


def app(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    status, headers, items = "200 OK", [("Content-Type", "text/plain")], None
    if path == "/echo":
        items = [environ["wsgi.input"].read()]
    elif path.endswith("/environ"):
        shown = {key: value for key, value in environ.items() if isinstance(value, str | int | bool | tuple)}
        items = [json.dumps(shown, sort_keys=True).encode()]
    elif path == "/pid":
        time.sleep(float(query or 0))
        items = [str(os.getpid()).encode()]
    elif path == "/long":
        items = [b"0123456789abcdef" * (int(query) // 16)]
    elif path.startswith("/count"):
        time.sleep(float(query or 0))
        items = [b"%d" % next(_count)]
    elif path in ("/sleep", "/predict", "/slow", "/other"):
        time.sleep(float(query))
        items = [b"slept"]
    elif path == "/status":
        status = f"{query} Whatever"
        items = []
    elif path == "/stream":
        start_response(status, headers)
        return (b"piece %d;" % number for number in range(int(query)))
    elif path == "/broken-stream":
        start_response(status, headers)
        return _broken()
    elif path == "/broken":
        raise RuntimeError("on purpose")
    else:
        items = [b"hello"]
    if int(status[:3]) not in (204, 304):
        headers.append(("Content-Length", str(sum(map(len, items)))))
    start_response(status, headers)
    return items


def _broken():
    yield b"piece"
    raise RuntimeError("on purpose")


def ruled(environ, start_response):
    """The same application, which tells the worker its rules as the service does."""
    return app(environ, start_response)


LIMITED, SLOW = NoRules(limited=True), NoRules(slow=True)
ruled.settings = SimpleNamespace(max_body_bytes=1_000_000, overload_ms=400)
ruled.route_for = lambda method, path: {
    "/predict": ("/predict", LIMITED),
    "/count/predict": ("/count/predict", LIMITED),
    "/slow": ("/slow", SLOW),
    "/other": ("/other", SLOW),
}.get(path)


def patient(environ, start_response):
    """The same application, which lets predictions wait for longer."""
    return app(environ, start_response)


patient.settings = SimpleNamespace(max_body_bytes=1_000_000, overload_ms=3000)
patient.route_for = ruled.route_for
