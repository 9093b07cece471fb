"""The WSGI environ, built as gunicorn does, but what a worker's or a connection's requests share only once."""

import os
from io import BytesIO
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.http.errors import ConfigurationProblem


def base_environ(cfg: Any) -> dict[str, Any]:
    """What is the same in every environ of a worker."""
    return {**wsgi.base_environ(cfg), "wsgi.multithread": True, "SCRIPT_NAME": os.environ.get("SCRIPT_NAME", "")}


def peer_environ(client: Any, server: Any) -> dict[str, Any]:
    """What is the same in every environ of a connection. Over a unix socket the Host header names the server."""
    if not isinstance(client, tuple):
        return {"REMOTE_ADDR": client.decode() if isinstance(client, bytes) else client}
    return {
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
    }


def environ_of(req: Any, body: bytes, shared: dict[str, Any]) -> dict[str, Any]:
    """The WSGI environ of a request, over what all of its connection share.

    What its head says is kept with the request, whose copies have the same head (heads.py).

    Raises:
        ConfigurationProblem: the path is not under SCRIPT_NAME.
    """
    if not req.fields:
        req.fields.update(_fields(req, shared["SCRIPT_NAME"]))
    environ: dict[str, Any] = shared | req.fields
    for name, value in req.own:
        _add(environ, name, value)
    environ["wsgi.input"] = BytesIO(body)
    if "SERVER_NAME" not in shared:
        name, _, port = environ.get("HTTP_HOST", "").partition(":")
        environ["SERVER_NAME"], environ["SERVER_PORT"] = name, port or ("443" if req.scheme == "https" else "80")
    return environ


def _fields(req: Any, script: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in req.common:
        if name == "CONTENT-TYPE" or name == "CONTENT-LENGTH":
            fields[name.replace("-", "_")] = value
            continue
        if name == "SCRIPT_NAME":  # only a trusted proxy gets this far with an underscore
            fields["SCRIPT_NAME"] = script = value
        _add(fields, name, value)
    if not req.path.startswith(script):
        raise ConfigurationProblem(f"Request path {req.path!r} does not start with SCRIPT_NAME {script!r}")
    fields["wsgi.url_scheme"] = req.scheme
    fields["REQUEST_METHOD"] = req.method
    fields["QUERY_STRING"] = req.query
    fields["RAW_URI"] = req.uri
    fields["SERVER_PROTOCOL"] = f"HTTP/{req.version[0]}.{req.version[1]}"
    fields["PATH_INFO"] = util.unquote_to_wsgi_str(req.path[len(script) :])
    return fields


def _add(environ: dict[str, Any], name: str, value: str) -> None:
    key = "HTTP_" + name.replace("-", "_")
    environ[key] = f"{environ[key]},{value}" if key in environ else value
