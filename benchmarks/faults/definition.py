"""What a fault class is."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.faults.service import Service

Break = Callable[[Service, random.Random], None]
"""Breaks a running service while the load goes on, and mends what it broke."""
HOLD = 2.0
"""Seconds that a fault lasts."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One class.

    ``settings`` are those of the service; ``{redis}``, ``{postgres}``, ``{slow_redis}``, ``{slow_postgres}`` in them
    are ports, ``{tokens}`` is a file. ``arguments`` are gunicorn's. ``needs`` names what the machine must have, see
    ``classes.missing``. ``shim`` is a part of the paths whose writes shim.c may break. With ``log_pipe`` the log goes
    through a pipe. ``outage`` says why requests may fail; it is empty where none may.
    """

    name: str
    title: str
    make: Break
    settings: tuple[tuple[str, str], ...] = ()
    arguments: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    shim: str = ""
    log_pipe: bool = False
    outage: str = ""
