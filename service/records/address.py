"""DATABASE_URL, as each of those who connect wants it."""

from importlib.util import find_spec
from pathlib import Path

from service.settings import Settings, SettingsError

CONNECT_SECONDS = 5
"""How long a database may take to accept a connection."""


def is_postgres(settings: Settings) -> bool:
    """Whether the records go to PostgreSQL; else to SQLite."""
    return settings.database_url.startswith("postgres")


def sqlite_file(settings: Settings) -> Path:
    """The file of the SQLite database."""
    if settings.database_url:
        return Path(settings.database_url.removeprefix("sqlite:///")).absolute()
    return settings.var_dir.absolute() / "predictions.db"


def identity(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to now: another one after it was deleted or replaced; None for none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def postgres_address(settings: Settings) -> str:
    """As libpq reads it."""
    return "postgresql://" + settings.database_url.partition("://")[2]


def check_driver(settings: Settings) -> None:
    """Tell at the start what would otherwise only be found in the shipper's log.

    Raises:
        SettingsError: psycopg is needed and not there.
    """
    if is_postgres(settings) and find_spec("psycopg") is None:
        raise SettingsError("DATABASE_URL names PostgreSQL, which needs psycopg: pip install 'psycopg[binary]'.")
