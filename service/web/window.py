"""The query of questions about live records: a window of time, and one version of the model if it is named."""

from collections.abc import Sized
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from marshmallow.fields import Field

from inference.naming import is_version
from inference.timestamps import isoformat
from schemas.errors import InvalidInput, StoreUnavailable, UnknownVersion
from schemas.monitoring import read_window, window_field
from service.web.lean import current

FAILS = (UnknownVersion, InvalidInput, StoreUnavailable)
_UNKNOWN = "The model_version asked for has no records and is not loaded."


def query(default: str) -> dict[str, str | Field[Any]]:
    """The parameters, for an operation; ``default`` names the window of a request without one."""
    return {
        "window": window_field(default),
        "model_version": "This version only; any that has records or is loaded.",
    }


@dataclass(frozen=True, slots=True)
class Window:
    """From ``since``, inclusive, until ``until``, which is now; ``version`` None means every version.

    ``text`` is the window as the request writes it, such as 24h.
    """

    text: str
    since: datetime
    until: datetime
    version: str | None

    @classmethod
    def from_request(cls, default: str) -> "Window":
        """The window of the current request, ``default`` where it names none.

        Raises:
            InvalidInput: it has no such form. UnknownVersion: no version can have this name.
        """
        _, request = current()
        text, version = request.args.get("window", default), request.args.get("model_version")
        until = datetime.now(UTC)
        since = until - read_window(text)
        if version is not None and not is_version(version):
            raise UnknownVersion(_UNKNOWN)  # a NUL in it would be an error of PostgreSQL
        return cls(text, since, until, version)

    def to_json(self) -> dict[str, str]:
        """The fields of an answer."""
        return {"window": self.text, "since": isoformat(self.since), "until": isoformat(self.until)}

    def require(self, found: Sized) -> None:
        """Refuse a version without records that is not loaded either; ``found`` is what the records say of it.

        Raises:
            UnknownVersion
        """
        if self.version is not None and not found and self.version not in current()[0].models.now.models:
            raise UnknownVersion(_UNKNOWN)
