"""How the text of a setting is read, and how its value is written again.

A reader takes the text, stripped, and returns the value; it raises a ValueError that says what the setting must be.
``written`` is the way back: what it returns is read to an equal value. Files and folders are read in setting_files.py.
"""

import importlib.util
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from service.cpu_quota import cores

PORT = r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
HOST = r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.\-]+)"
ORIGIN = r"[a-z][a-z0-9+.\-]*://(\[[0-9a-f:.]+\]|[a-z0-9.\-_]+)(:[0-9]{1,5})?"
UNITS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
LONGEST_PERIOD = 9999
"""In units of a rate: 9999 days."""
RATE = re.compile(rf"([1-9]\d{{0,8}}) ?(?:/|per) ?(?:([1-9]\d{{0,3}}) ?)?({'|'.join(UNITS)})s?")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: ``host`` and ``port``, or a ``unix`` socket's path, or an open descriptor ``fd``.

    Its text is what gunicorn's ``bind`` takes. An IPv6 ``host`` has no brackets, its text has.
    """

    host: str = ""
    port: int = 0
    unix: str = ""
    fd: int | None = None

    def __str__(self) -> str:
        if self.unix:
            return f"unix:{self.unix}"
        if self.fd is not None:
            return f"fd://{self.fd}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Rate:
    """``limit`` requests in ``period`` seconds. The period begins with a client's first request, not with the clock."""

    limit: int
    period: int

    def __str__(self) -> str:
        whole = [unit for unit, seconds in UNITS.items() if not self.period % seconds]
        unit = next(name for name in whole if self.period // UNITS[name] <= LONGEST_PERIOD)
        count = self.period // UNITS[unit]
        return f"{self.limit}/{unit}" if count == 1 else f"{self.limit} per {count} {unit}s"


def integer(least: int, most: int) -> Callable[[str], int]:
    """A whole number within inclusive bounds."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def one_of(*names: str) -> Callable[[str], str]:
    """One of a few words, in any case."""

    def read(text: str) -> str:
        if text.lower() not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return text.lower()

    return read


def some_of(*known: str) -> Callable[[str], frozenset[str]]:
    """Some of a few words, comma-separated, in any case; or none."""

    def read(text: str) -> frozenset[str]:
        found = names(text.lower())
        if not found <= set(known):
            raise ValueError(f"must list some of {', '.join(known)}, or be empty")
        return found

    return read


def on_off(text: str) -> bool:
    """``on`` or ``off``, in any case."""
    return one_of("on", "off")(text) == "on"


def port(text: str) -> int | None:
    """A port to listen on; empty means none."""
    read = matching(PORT, "8000, from 1 to 65535")(text)
    return int(read) if read else None


def bind(text: str) -> Address | None:
    """Anything a server can listen on; empty means none."""
    if re.fullmatch(r"unix:.+", text):
        return Address(unix=text[5:])
    if re.fullmatch(r"fd://\d+", text):
        return Address(fd=int(text[5:]))
    return _host_and_port(text, "127.0.0.1:8000 or unix:/run/serving.sock")


def host_and_port(text: str) -> Address | None:
    """A host and a port; empty means none."""
    return _host_and_port(text, "127.0.0.1:9100")


def _host_and_port(text: str, form: str) -> Address | None:
    if not matching(rf"{HOST}:{PORT}", form)(text):
        return None
    host, _, number = text.rpartition(":")
    return Address(host.strip("[]"), int(number))


def rate(text: str) -> Rate | None:
    """``100/minute``, ``5 per 2 seconds``; empty means none."""
    if not text:
        return None
    found = RATE.fullmatch(text)
    if found is None:
        raise ValueError("must look like 100/minute")
    limit, count, unit = found.groups()
    return Rate(int(limit), int(count or 1) * UNITS[unit])


def matching(pattern: str, form: str) -> Callable[[str], str]:
    """Text of a form; empty is allowed."""

    def read(text: str) -> str:
        if text and not re.fullmatch(pattern, text):
            raise ValueError(f"must look like {form}")
        return text

    return read


def url(pattern: str, form: str) -> Callable[[str], str]:
    """An address of a form, whose host and port can be parsed; empty is allowed."""
    shaped = matching(pattern, form)

    def read(text: str) -> str:
        fits = False
        with suppress(ValueError):
            fits = urlsplit(text).port != 0
        if not fits:
            raise ValueError(f"must look like {form}")
        return shaped(text)

    return read


def database_url(text: str) -> str:
    """PostgreSQL's address as libpq reads it, or ``sqlite:///`` and a path as it stands; empty is allowed."""
    url(r"(sqlite:///.+|postgres(ql)?://.+)", "postgresql://user@host/name or sqlite:////folder/file.db")(
        text if not text.startswith("sqlite:///") else "sqlite:///path" if text[10:] else text
    )
    if text.startswith("sqlite:"):
        path = text.removeprefix("sqlite:///")
        if "?" in path or "#" in path:
            raise ValueError("has options after the file, and none can be set; write sqlite:////folder/file.db alone")
        if path.startswith((":memory:", "file:")):
            raise ValueError("must name a file that all processes share, like sqlite:////folder/file.db")
        if Path(path).is_dir():
            raise ValueError("must name a file, and names a folder; write sqlite:////folder/file.db")
    return text


def worker_class(text: str) -> str:
    """A worker class whose module is there; gunicorn's side looks into it (service/server/start.py)."""
    if text.lower() in ("inline", "sync", "gthread", "gevent"):
        text = text.lower()
    module = {"inline": "gunicorn", "sync": "gunicorn", "gthread": "gunicorn"}.get(
        text, text.rpartition(".")[0] or text
    )
    try:
        found = importlib.util.find_spec(module) is not None and (text == module == "gevent" or module != text)
    except (ImportError, ValueError):
        found = False
    if not found:
        raise ValueError("must be inline, sync, gthread, gevent (where gevent is installed) or package.module.Class")
    return text


def share(text: str) -> float:
    """A number from 0 to 1."""
    if not re.fullmatch(r"[0-9]*\.?[0-9]+", text) or not 0 <= float(text) <= 1:
        raise ValueError("must be a number from 0 to 1")
    return float(text)


def names(text: str) -> frozenset[str]:
    """Names, comma-separated."""
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def origins(text: str) -> frozenset[str]:
    """Web origins, comma-separated, or ``*``."""
    origins = names(text.lower())  # as browsers write them
    if wrong := [name for name in origins if name != "*" and not re.fullmatch(ORIGIN, name)]:
        raise ValueError(f"must list origins like https://app.example:8443, without a path, or be *; not {wrong[0]}")
    return origins


def workers(text: str) -> int:
    """How many processes; empty means one for each processor that this process, or its container, may use."""
    return integer(1, 512)(text or str(min(cores(), 512)))


def written(value: Any) -> str:
    """The text that is read to this value, with paths absolute.

    Raises:
        TypeError: nothing here writes values of this type; add it.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")  # to the last bit, without an exponent
    if isinstance(value, Path):
        return str(value.absolute())
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    if isinstance(value, str | int | Address | Rate):
        return str(value)
    raise TypeError(f"a setting of type {type(value).__name__} cannot be written")
