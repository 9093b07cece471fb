"""What DATABASE_URL names, and how long its database may be silent.

No setting of libpq or of the server notices a database whose host is frozen: the other end's kernel acknowledges all
that is sent. A watchdog shuts the connection down instead.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from service.settings import Settings, SettingsError

CONNECT_SECONDS = 5
"""How long a database may take to accept a connection."""


def is_postgres(settings: Settings) -> bool:
    """Whether the records go to PostgreSQL; else to SQLite."""
    return settings.database_url.startswith("postgres")


def sqlite_file(settings: Settings) -> Path:
    """The file of the SQLite database, as an absolute path."""
    if settings.database_url:
        return Path(settings.database_url.removeprefix("sqlite:///")).absolute()
    return settings.var_dir.absolute() / "predictions.db"


def file_identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file at ``path``: others once it was deleted or replaced; None for no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_deleted(identity: tuple[int, int] | None) -> bool:
    """Whether an open file of this process has no name any more; False where the system cannot tell.

    SQLite's own descriptor is asked: to close another one of the same file would release this process's locks on it.
    """
    with suppress(OSError):
        for entry in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                found = os.fstat(int(entry.name))
                if (found.st_dev, found.st_ino) == identity:
                    return not found.st_nlink
    return False


def postgres_dsn(settings: Settings) -> str:
    """The address of the PostgreSQL database as libpq reads it."""
    return "postgresql://" + settings.database_url.partition("://")[2]


def check_driver(settings: Settings) -> None:
    """Find a missing driver at the start, which only the shipper's log would name otherwise.

    Raises:
        SettingsError: psycopg is needed and not installed.
    """
    if is_postgres(settings) and find_spec("psycopg") is None:
        raise SettingsError("DATABASE_URL names PostgreSQL, which needs psycopg: pip install 'psycopg[binary]'.")


@contextmanager
def watchdog(seconds: float, descriptor: int) -> Iterator[None]:
    """Shut the socket ``descriptor`` down after ``seconds``; a driver that waits for it raises a lost connection."""
    duplicate = socket.socket(fileno=os.dup(descriptor))  # its number cannot be reused before the timer ends
    timer = threading.Timer(seconds, shut_down, (duplicate,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        duplicate.close()


def shut_down(connection: socket.socket) -> None:
    """End a connection, from any thread."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
