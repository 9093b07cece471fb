"""gunicorn's settings and request, with the rules of RFC 9112 that its parser does not hold, for every worker class."""

import re
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any

from gunicorn import util
from gunicorn.http.body import Body, ChunkedReader
from gunicorn.http.errors import ConfigurationProblem, InvalidChunkSize, InvalidHeader, InvalidRequestLine
from gunicorn.http.message import Request, _ip_in_allow_list
from gunicorn.http.parser import RequestParser

HTTP_1_1 = (1, 1)
BEYOND = 2**63
"""No length in bytes is as large; RFC 9112 (6.2, 7.1) asks to be careful with larger numbers."""
_HOST = re.compile(
    r"(?:\[(?P<literal>[0-9A-Fa-f:.]{2,45})\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*+)(?::[0-9]*+)?"
)
_ABSOLUTE = re.compile(r"https?://(?P<authority>[^/?]++)(?:[/?].*+)?", re.IGNORECASE)


class ConfigSnapshot:
    """gunicorn's settings as plain attributes; properties and methods are still those of the settings themselves."""

    def __init__(self, cfg: Any) -> None:
        self._cfg = cfg
        computed = dir(type(cfg))
        self.__dict__.update({name: row.get() for name, row in cfg.settings.items() if name not in computed})
        self.is_ssl = cfg.is_ssl

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cfg, name)


@lru_cache(maxsize=1024)
def is_trusted(cfg: ConfigSnapshot, address: str) -> bool:
    """Whether a peer may say who its clients are, and by which scheme."""
    return bool(_ip_in_allow_list(address, cfg.forwarded_allow_ips, cfg.forwarded_allow_networks()))


def is_valid_host(value: str) -> bool:
    """Whether it is ``uri-host [":" port]`` as RFC 3986 has it. An empty one is."""
    match = _HOST.fullmatch(value)
    if match is None:
        return False
    if (literal := match["literal"]) is None:
        return True
    with suppress(ValueError):
        IPv6Address(literal)
        return True
    return False


def connection_options(headers: list[tuple[str, str]]) -> set[str]:
    """The options of all Connection headers, in lower case."""
    values = ",".join([value for name, value in headers if name == "CONNECTION"])
    return {option.strip(" \t") for option in values.lower().split(",")}


class StrictChunkedReader(ChunkedReader):  # type: ignore[misc]  # gunicorn has no types
    """Reads a chunked body, and refuses a chunk of a size that no client can send."""

    def parse_chunk_size(self, unreader: Any, data: bytes | None = None) -> tuple[int, bytes | None]:
        """The size of the next chunk, and what was read beyond its line.

        Raises:
            InvalidChunkSize
        """
        found: tuple[int, bytes | None] = super().parse_chunk_size(unreader, data)
        if found[0] >= BEYOND:
            raise InvalidChunkSize(b"%d" % found[0])
        return found


class StrictRequest(Request):  # type: ignore[misc]  # gunicorn has no types
    """A request that gunicorn's parser accepts, and these rules too.

    HTTP/1.1 requires one valid Host (3.2), which for a path is not empty: it would belong to no http URI (RFC 9110,
    4.2.1). A higher version is read and answered as 1.1 (2.3). A target is a path, ``*`` with OPTIONS, an http URI, or
    with CONNECT a host and port (3.2.1 to 3.2.4); the host of a URI counts, not the header (3.2.2). A length and a
    transfer coding exclude each other (6.1); ``chunked`` has no parameters (7), and an empty element of the list says
    nothing (RFC 9110, 5.6.1). ``close`` among other options of Connection closes too (9.6).
    """

    authority: str | None = None
    """The host of a target that is a URI."""
    headers: list[tuple[str, str]]
    body: Any

    def parse_request_line(self, line_bytes: bytes) -> None:
        """Parse the first line.

        Raises:
            InvalidRequestLine: the target has none of the four forms.
        """
        super().parse_request_line(line_bytes)
        self.version: tuple[int, int] = min(self.version, HTTP_1_1)
        if self.method == "CONNECT":
            is_valid = is_valid_host(self.uri) and self.uri.rpartition(":")[2].isdecimal()
        elif self.uri.startswith("/") or self.uri == "*":
            return
        else:
            match = _ABSOLUTE.fullmatch(self.uri)
            self.authority = match["authority"] if match else None
            is_valid = self.authority is not None and self.authority[0] != ":" and is_valid_host(self.authority)
            self.path: str = self.path or "/"
        if not is_valid:
            raise InvalidRequestLine(line_bytes.decode("latin-1"))

    def set_body_reader(self) -> None:
        """Called by the constructor when the headers are parsed.

        Raises:
            InvalidHeader: Host is missing in HTTP/1.1, or is none; or Transfer-Encoding frames no body.
        """
        hosts = [value for name, value in self.headers if name == "HOST"]
        needed = self.version >= HTTP_1_1
        named = bool(hosts and hosts[0]) or not self.uri.startswith("/")
        if (needed and not (hosts and named)) or not all(map(is_valid_host, hosts)):
            raise InvalidHeader("HOST", req=self)
        self._check_transfer_coding()
        if self.authority is not None:
            self.headers = [(name, self.authority if name == "HOST" else value) for name, value in self.headers]
        if "close" in connection_options(self.headers):
            self.must_close = True
        super().set_body_reader()
        reader = self.body.reader
        if isinstance(reader, ChunkedReader):
            self.body = Body(StrictChunkedReader(self, self.unreader))
        elif reader.length >= BEYOND:
            raise InvalidHeader("CONTENT-LENGTH", req=self)

    def _check_transfer_coding(self) -> None:
        names = [name for name, _ in self.headers]
        if "TRANSFER-ENCODING" not in names:
            return
        if "CONTENT-LENGTH" in names:
            raise InvalidHeader("CONTENT-LENGTH", req=self)
        values = ",".join(value for name, value in self.headers if name == "TRANSFER-ENCODING")
        codings = [coding for part in values.split(",") if (coding := part.strip(" \t"))]
        if not codings or any(coding.lower().startswith("chunked;") for coding in codings):
            raise InvalidHeader("TRANSFER-ENCODING", req=self)
        self.headers = [header for header in self.headers if header[0] != "TRANSFER-ENCODING"]
        self.headers.append(("TRANSFER-ENCODING", ", ".join(codings)))


def environ_fields(req: Any, script: str) -> dict[str, Any]:
    """What the head of a request that gunicorn parsed is in a WSGI environ, as gunicorn has it.

    Raises:
        ConfigurationProblem: the path is not under ``script``, the value of SCRIPT_NAME.
    """
    listed: dict[str, list[str]] = {}
    for name, value in req.headers:
        if name == "SCRIPT_NAME":  # gunicorn drops a name with an underscore, except from a trusted proxy
            script = value
        is_cgi = name in ("CONTENT-TYPE", "CONTENT-LENGTH")
        key = name.replace("-", "_") if is_cgi else "HTTP_" + name.replace("-", "_")
        listed.setdefault(key, []).append(value)
    if not req.path.startswith(script):
        raise ConfigurationProblem(f"Request path {req.path!r} does not start with SCRIPT_NAME {script!r}")
    fields: dict[str, Any] = {key: ",".join(values) for key, values in listed.items()}
    if "HTTP_SCRIPT_NAME" in fields:
        fields["SCRIPT_NAME"] = script
    fields |= {
        "wsgi.url_scheme": req.scheme,
        "REQUEST_METHOD": req.method,
        "QUERY_STRING": req.query,
        "RAW_URI": req.uri,
        "SERVER_PROTOCOL": f"HTTP/{req.version[0]}.{req.version[1]}",
        "PATH_INFO": util.unquote_to_wsgi_str(req.path[len(script) :]),
    }
    return fields


def install_rules() -> None:
    """Have every worker class of this process, and of those it forks, parse by these rules."""
    RequestParser.mesg_class = StrictRequest
