"""An upgrade in place (deploy/upgrade/in-place.sh): what the master does on SIGWINCH, and what it tells systemd."""

import os
import signal
from typing import Any

from gunicorn import systemd


def take_winch(server: Any) -> None:
    """Let SIGWINCH end the workers of a master that has no terminal; gunicorn alone obeys only under ``--daemon``.

    A terminal sends that signal whenever its window changes. SIGHUP starts the workers again.
    """
    if any(os.isatty(descriptor) for descriptor in (0, 1, 2)):
        return

    def handle_winch() -> None:
        server.log.info("graceful stop of workers")
        server.num_workers = 0
        server.kill_workers(signal.SIGTERM)

    server.handle_winch = handle_winch


def name_successor(server: Any) -> None:
    """When a master ends that another one replaces: tell systemd which process is the service now."""
    if server.reexec_pid:
        systemd.sd_notify(f"MAINPID={server.reexec_pid}", server.log)
