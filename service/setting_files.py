"""How the settings that name a file or a folder are read: with a look at what is there. See setting_readers.py."""

import os
from contextlib import suppress
from pathlib import Path


def folder(text: str) -> Path:
    """A folder, or the name of one that is not there yet."""
    path = Path(text)
    with suppress(OSError):  # whoever uses a folder that cannot be looked at reports it
        if path.exists() and not path.is_dir():
            raise ValueError("must name a folder, and is a file")
    return path


def readable_file(text: str) -> Path | None:
    """A file that is there; empty means none."""
    if text and not (Path(text).is_file() and os.access(text, os.R_OK)):
        raise ValueError(f"must name a readable file; {text} is none. Make an empty one first if need be")
    return Path(text) if text else None
