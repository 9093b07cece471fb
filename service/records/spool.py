"""The write path: one line a record, appended before the answer goes out."""

from service.records.record import Record
from service.settings import Settings


def prepare(settings: Settings) -> None:
    """Make what all workers share, once a host, before the fork."""


def open_spool(settings: Settings) -> None:
    """Open this process's own part, after the fork; again in the same process does nothing."""


def append(record: Record) -> None:
    """Keep one answer. Never raises: a record that cannot be kept is counted, and the request goes on."""


def close_spool() -> None:
    """Flush and close, when the worker leaves."""
