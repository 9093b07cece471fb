"""A program that logs, run as a process of its own: standard output is what is under test."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from service.settings import Settings

PROLOGUE = """
import logging, os, sys, time
from service.settings import Settings
from service import log
log.configure(Settings.read(os.environ))
"""


@pytest.fixture
def make_settings() -> Callable[..., Settings]:
    """Settings from keyword arguments named like the attributes."""
    return lambda **values: Settings.read({name.upper(): str(value) for name, value in values.items()})


@pytest.fixture
def run_logging() -> Callable[..., str]:
    """Run a few lines of Python after the log was configured from ``environment``; what they wrote."""

    def run(code: str, **environment: str) -> str:
        command = [sys.executable, "-c", PROLOGUE + code]
        done = subprocess.run(command, env=environment, capture_output=True, timeout=30)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode()

    return run


@pytest.fixture
def logged(run_logging: Callable[..., str]) -> Callable[..., list[dict[str, Any]]]:
    """The same, each line read as JSON."""
    return lambda code, **environment: [json.loads(line) for line in run_logging(code, **environment).splitlines()]
