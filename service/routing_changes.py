"""Changing routing.json: one command at a time, each with its line in history.jsonl."""

import getpass
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from inference.routing import Routing, RoutingError, read_routing, route_first, write_routing
from inference.routing_history import Change, append_change
from inference.timestamps import isoformat
from service.locks import locked

LOCK = "routing.lock"


def change_routing(
    root: Path, change: Callable[[Routing | None], Routing], what: str, why: str = ""
) -> tuple[Routing | None, Routing]:
    """Replace ``root``/routing.json by what ``change`` makes of it, and write who did so; both routings.

    No other command changes it meanwhile. ``change`` gets None where no routing can be read. ``what`` is the command.

    Raises:
        OSError: a file cannot be written. And what ``change`` raises: nothing is changed then.
    """
    with locked(root / LOCK):
        before = None
        with suppress(RoutingError):
            before = read_routing(root)
        after = change(before)
        if before != after or not (root / "routing.json").exists():
            write_routing(root, after)
            record_change(root, before, after, what, why)
    return before, after


def route_first_version(root: Path, version: str, what: str) -> bool:
    """Make ``version`` the stable one if there is no routing.json yet; True when it now is.

    Raises:
        OSError: it cannot be written.
    """
    with locked(root / LOCK):
        routed = route_first(root, version)
        if routed:
            record_change(root, None, Routing(version), what, "the first version")
    return routed


def record_change(root: Path, before: Routing | None, after: Routing | None, what: str, why: str) -> None:
    """Add a line to the history; the caller holds the lock.

    Raises:
        OSError: it cannot be written.
    """
    now = isoformat(datetime.now(UTC))
    documents = (routing.to_json() if routing is not None else None for routing in (before, after))
    append_change(root, Change(now, operator(), what, why, *documents))


def operator() -> str:
    """Who runs this command: user and host; behind sudo the user who called it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in a container
        user = str(os.getuid())
    behind = os.environ.get("SUDO_USER", "")
    return f"{behind if user == 'root' and behind else user}@{socket.gethostname()}"
