"""What stops a run: one sentence, and exit code 1."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

import click

GO_ON = "The same command goes on where it was."


class ScoringError(click.ClickException):
    """A file, an option or a model that cannot be used; the message names it and the way out."""

    def __reduce__(self) -> tuple[type["ScoringError"], tuple[str]]:
        """Pass from a worker process to this one as it is."""
        return type(self), (self.message,)


def library(name: str, package: str) -> ModuleType:
    """A library that may be missing, imported on first use.

    Raises:
        ScoringError: it is not installed; the sentence says how to install it.
    """
    try:
        return import_module(name)
    except ImportError as exc:
        raise ScoringError(f"{name.partition('.')[0]} is needed for this: pip install {package} ({exc}).") from None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the system in writing ``path`` into a sentence.

    Raises:
        ScoringError: there is no space, or no right to write.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ScoringError(f"{path} cannot be written: the disk is full. Free some space. {GO_ON}") from None
        raise ScoringError(f"{path} cannot be written: {exc.strerror or exc}. {GO_ON}") from None
