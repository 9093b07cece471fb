"""GET /pages/<file>: the scripts and styles of all pages, ours and those of Swagger UI, ReDoc and Chart.js.

They hold nothing of the model or its clients, so they need no token. Chart.js comes from the package chartkick.
"""

import importlib.util
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from flask import Blueprint, Response, request, url_for

from schemas.errors import NotFound
from service import __version__
from service.web.operation import Operation, operation
from service.web.pages import confine, navigation

DAY = 86_400
"""Seconds a browser may keep a page's file, whose address changes with its version."""
_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_OTHER_HOSTS = (b"https://cdn.redoc.ly/", b"https://cdn.redocly.com/", b"https://otel.cloud.redocly.com/")
"""Hosts from which ReDoc would fetch a logo and icons, and to which it would report its use."""

files = Blueprint("pages", __name__, template_folder="templates")


@files.get("/pages/<path:filename>")
@operation(Operation("A file of the pages", "service", {200: None}, scope=None, page=True))
def file(filename: str) -> Response:
    """One file, which the browser may keep.

    Raises:
        NotFound: the pages have no such file.
    """
    if filename == "redoc.js":
        body = _redoc()
    elif filename in _files():
        body = _files()[filename].read_bytes()
    else:
        raise NotFound("The pages have no such file.")
    response = confine(Response(body, mimetype=_TYPES[Path(filename).suffix]))
    response.add_etag()
    response.headers["Cache-Control"] = f"public, max-age={DAY}"
    response.make_conditional(request)
    return response


def asset(filename: str) -> str:
    """The address of a page's file; it changes with the file's version."""
    return url_for("pages.file", filename=filename, v=_edition())


files.add_app_template_global(asset)
files.add_app_template_global(navigation)


@lru_cache(maxsize=1)
def _edition() -> str:
    """Changes with the release and its packages; part of every address, so that no browser mixes two versions."""
    return "-".join([__version__, *(version(package) for package in ("flask-swagger-ui", "offapi", "chartkick"))])


@lru_cache(maxsize=1)
def _files() -> dict[str, Path]:
    """Every file that is served, by the name in its address; no other is."""
    swagger = _folder_of("flask_swagger_ui") / "dist"
    charts = _folder_of("chartkick") / "django" / "static" / "chartkick" / "Chart.bundle.js"
    packaged = {name: swagger / name for name in ("swagger-ui.css", "swagger-ui-bundle.js")} | {"charts.js": charts}
    return packaged | {path.name: path for path in _FOLDER.iterdir()}


@lru_cache(maxsize=1)
def _redoc() -> bytes:
    """ReDoc's script, with the addresses of other hosts taken out of it.

    The file of ``offapi`` is read, the package never imported: that would read 9 MB. It is the one package that ships
    ReDoc and needs no other (the usual one needs Django).
    """
    script = (_folder_of("offapi") / "redoc.js").read_bytes()
    for host in _OTHER_HOSTS:
        script = script.replace(host, b"data:,")
    return script


def _folder_of(package: str) -> Path:
    """The folder of an installed package, which is not imported for it."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent
