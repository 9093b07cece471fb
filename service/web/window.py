"""What questions about live records have in common: a span of time, and one version of the model if it is named."""

from collections.abc import Sized
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from marshmallow.fields import Field

from inference.naming import is_version
from inference.timestamps import isoformat
from schemas.errors import InvalidInput, StoreUnavailable, UnknownVersion
from schemas.window import read_window, window_field
from service.web.context import current

FAILS = (UnknownVersion, InvalidInput, StoreUnavailable)
_UNKNOWN = "The model_version asked for has no records and is not loaded."


def query(default: str) -> dict[str, str | Field[Any]]:
    """The parameters, for an operation; ``default`` names the window that holds where none is given."""
    return {
        "window": window_field(default),
        "model_version": "This version only; any that has records or is loaded.",
    }


@dataclass(frozen=True, slots=True)
class Window:
    """From ``since``, inclusive, until ``until``, which is now; ``version`` None asks for every version."""

    window: str
    since: datetime
    until: datetime
    version: str | None

    def to_json(self) -> dict[str, str]:
        """As the answers say it."""
        return {"window": self.window, "since": isoformat(self.since), "until": isoformat(self.until)}

    def expect(self, found: Sized) -> None:
        """Refuse a version of which nothing was ``found`` and nothing is known.

        Raises:
            UnknownVersion: it is not loaded either.
        """
        if self.version is not None and not found and self.version not in current()[0].models.now.models:
            raise UnknownVersion(_UNKNOWN)


def asked(default: str) -> Window:
    """What the request asks for; the window ``default`` where it names none.

    Raises:
        InvalidInput: the window is none. UnknownVersion: no version can have this name.
    """
    _, request = current()
    window, version = request.args.get("window", default), request.args.get("model_version")
    until = datetime.now(UTC)
    since = until - read_window(window)
    if version is not None and not is_version(version):
        raise UnknownVersion(_UNKNOWN)  # asked of PostgreSQL, a NUL would be an error of the database
    return Window(window, since, until, version)
