"""What a request meets: the loaded versions, and the choice among them. ``manager`` loads and replaces them."""

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol

from schemas.errors import NotReady, UnknownVersion
from service.models.model import Model

_forks = 0


@dataclass(frozen=True, slots=True)
class ModelSet:
    """What may answer now. Replaced as a whole, so that a request sees one state from first to last.

    ``share`` (0 to 1) of the requests goes to ``canary``. ``models`` are all loaded versions by name. ``reasons`` say
    why what is loaded is not what is wanted, a sentence each; empty where it is.
    """

    stable: Model | None = None
    canary: Model | None = None
    share: float = 0.0
    shadow: Model | None = None
    models: Mapping[str, Model] = field(default_factory=dict)
    reasons: tuple[str, ...] = ("no model has been loaded yet",)

    @property
    def roles(self) -> dict[str, str | float | None]:
        """The version in each role, for the log."""
        named = {"stable": self.stable, "canary": self.canary, "shadow": self.shadow}
        versions = {role: None if model is None else model.version for role, model in named.items()}
        return {**versions, "share": self.share if self.canary is not None else 0.0}

    def choose(self, version: str | None, client_key: str = "") -> tuple[Model, str]:
        """The model that answers a request, and its role: requested, canary or stable.

        ``version`` is the one that the request names; None where it names none. ``client_key`` is its X-Client-Key as
        WSGI has it: requests of one key get the same version as long as the share stays. Without it the share is drawn.

        Raises:
            NotReady: no model is loaded.
            UnknownVersion: ``version`` is not loaded.
        """
        if self.stable is None:
            raise NotReady(f"This worker cannot predict: {self.reasons[0]}", {"Retry-After": "5"})
        if version is not None:
            if version not in self.models:
                raise UnknownVersion("The model_version asked for is not loaded; GET /model/info lists those that are.")
            return self.models[version], "requested"
        if self.canary is not None:
            drawn = position(client_key, self.canary.version) if client_key else random.random()  # noqa: S311 - no secret
            if drawn < self.share:
                return self.canary, "canary"
        return self.stable, "stable"


def position(client_key: str, canary: str) -> float:
    """Where a client stands for a canary, from 0 to 1: it is answered by the canary while its share is larger.

    The same on every host and in every release. The canary's name is part of it, so that two canaries, one after the
    other, are not tried on the same clients. BLAKE2b (RFC 7693), 53 bits of it, as many as a double holds exactly.
    """
    digest = blake2b(canary.encode() + b"\0" + client_key.encode("latin-1", "replace"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


class Manager(Protocol):
    """What keeps a model set up to date."""

    loaded: ModelSet


class Models:
    """The models of one application in this process, read by each request without a lock."""

    def __init__(self, start: Callable[[], Manager]) -> None:
        """``start`` is called once a process, by the first request, and returns after the first load was tried."""
        self._start = start
        self._manager: Manager | None = None
        self._forks = _forks

    @property
    def now(self) -> ModelSet:
        """What may answer now; the first call in a process starts the load and waits for it."""
        if self._manager is None or self._forks != _forks:
            self._manager = self._start()
            self._forks = _forks
        return self._manager.loaded


def _count_fork() -> None:
    """In a forked child: the parent's manager has no thread here."""
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)
