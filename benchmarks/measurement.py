"""What a load of one server gives: the load tools' own figures, and these with what the server spent meanwhile."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """The figures of one load, as the client saw it.

    ``latency``: milliseconds, ascending: the percentiles 0 to 100 of a closed loop, of an open loop those of
    ``results.GRID``. ``failed``: requests without an answer or with another status; ``wrong``: answers with another
    content than expected; ``socket``: lost connections. ``client_cpu``: CPU seconds of the load tool,
    ``background_cpu`` those of a second one beside it. Of the open loop: ``offered`` requests a second,
    ``checked`` answers, and by how many ms the client itself was late (``late`` at most, ``late_p99``).
    """

    requests: int
    seconds: float
    failed: int
    wrong: int
    latency: list[float]
    client_cpu: float
    socket: int = 0
    background_cpu: float = 0.0
    connections: int | None = None
    offered: float | None = None
    checked: int | None = None
    late: float | None = None
    late_p99: float | None = None

    @property
    def bad(self) -> int:
        """Requests that failed, were answered wrongly or lost their connection."""
        return self.failed + self.wrong + self.socket


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement(LoadResult):
    """One cell (a scenario and a target) in one round.

    ``server_cpu``: CPU seconds of the server's processes; ``pss_mib``: their proportional set sizes in MiB;
    ``foreign_cpu_share``: cores taken by other programs meanwhile.
    """

    scenario: str
    target: str
    round: int
    rows_per_request: float
    server_cpu: float
    pss_mib: float
    foreign_cpu_share: float

    @property
    def rate(self) -> float:
        """Right answers a second."""
        return max(0, self.requests - self.failed - self.wrong) / self.seconds

    def to_json(self) -> dict[str, Any]:
        """Its fields; those that were not measured are left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Measurement":
        """The opposite of ``to_json``.

        Raises:
            ValueError: a field is missing, or unknown.
        """
        known = {field.name for field in fields(cls)}
        required = {field.name for field in fields(cls) if field.default is MISSING}
        if not required <= document.keys() <= known:
            raise ValueError(f"not a measurement: {sorted(required ^ (document.keys() & known))}")
        return cls(**document)
