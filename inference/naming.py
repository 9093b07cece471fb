"""The names of versions: a version names one folder and stands in URLs, metrics and the log."""

import re

VERSION = r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}"


def is_version(name: object) -> bool:
    """Whether it may be a version's name: the name of one folder, not a path."""
    return isinstance(name, str) and re.fullmatch(VERSION, name) is not None
