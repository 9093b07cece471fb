"""The pages' scripts and styles: Swagger UI and ReDoc as their packages ship them, and the few files of our own.

``offapi`` is asked for its file only, never imported: it would read 9 MB. It is the one package that ships ReDoc and
asks for no other (the usual one brings Django along).
"""

from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from flask import Response, request

from schemas.errors import NotFound
from service.version import __version__
from service.web.pages import DAY, folder_of

_OWN = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".png": "image/png"}
_ELSEWHERE = (b"https://cdn.redoc.ly/", b"https://cdn.redocly.com/", b"https://otel.cloud.redocly.com/")
"""Where ReDoc would fetch a logo and icons from, and report its use to."""


@lru_cache(maxsize=1)
def _files() -> dict[str, Path]:
    """Every file that is served, by the name in its address; no other is."""
    swagger = folder_of("flask_swagger_ui") / "dist"
    shipped = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
    own = {path.name: path for path in _OWN.iterdir()}
    return {name: swagger / name for name in shipped} | own


@lru_cache(maxsize=1)
def _redoc() -> bytes:
    """ReDoc's script, with every address of another host taken out of it."""
    script = (folder_of("offapi") / "redoc.js").read_bytes()
    for host in _ELSEWHERE:
        script = script.replace(host, b"data:,")
    return script


@lru_cache(maxsize=1)
def edition() -> str:
    """Changes with the release and its packages; part of every address, so that no browser mixes two editions."""
    return f"{__version__}-{version('flask-swagger-ui')}-{version('offapi')}"


def asset(filename: str) -> Response:
    """One file, to be kept by the browser.

    Raises:
        NotFound: it is none of the pages' files.
    """
    if filename == "redoc.js":
        body = _redoc()
    elif filename in _files():
        body = _files()[filename].read_bytes()
    else:
        raise NotFound("The pages have no such file.")
    response = Response(body, mimetype=_TYPES[Path(filename).suffix])
    response.add_etag()
    response.cache_control.public = True
    response.cache_control.max_age = DAY
    response.make_conditional(request)
    return response
