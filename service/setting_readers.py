"""How the text of a setting is read: each reader raises a ValueError that says what the setting must be."""

import importlib.util
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

PORT = r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
BIND = rf"(unix:.+|fd://\d+|(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.\-]+):{PORT})"
ORIGIN = r"[a-z][a-z0-9+.\-]*://(\[[0-9a-f:.]+\]|[a-z0-9.\-_]+)(:[0-9]{1,5})?"
PERIOD = r"(second|minute|hour|day)"


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


def matching(pattern: str, form: str) -> Callable[[str], str]:
    """Text of a form; empty is allowed."""

    def read(text: str) -> str:
        if text and not re.fullmatch(pattern, text):
            raise ValueError(f"must look like {form}")
        return text

    return read


def url(pattern: str, form: str) -> Callable[[str], str]:
    """An address of a form, whose host and port can be told apart; empty is allowed."""
    shaped = matching(pattern, form)

    def read(text: str) -> str:
        fits = False
        with suppress(ValueError):
            fits = urlsplit(text).port != 0
        if not fits:
            raise ValueError(f"must look like {form}")
        return shaped(text)

    return read


def folder(text: str) -> Path:
    """A folder, or the name of one that is not there yet."""
    path = Path(text)
    with suppress(OSError):  # one that cannot be looked at is told of by whoever uses it
        if path.exists() and not path.is_dir():
            raise ValueError("must name a folder, and is a file")
    return path


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


def readable_file(text: str) -> Path | None:
    """A file that is there; empty means none."""
    if text and not (Path(text).is_file() and os.access(text, os.R_OK)):
        raise ValueError(f"must name a readable file; {text} is none. Make an empty one first if need be")
    return Path(text) if text else None


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
