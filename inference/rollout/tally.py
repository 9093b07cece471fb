"""What is counted of a version in one step of a rollout. The unit is a request, a batch no less than a single row."""

from collections.abc import Sequence
from dataclasses import dataclass, field

RowTimes = dict[tuple[str, str], list[float]]
"""By worker and size of the request: requests in each bucket of the engine's time a row."""


@dataclass
class Tally:
    """The counts of one version.

    ``errors`` are requests that ended in 5xx, ``lost`` those that ended in no answer, since their worker died.
    ``refused`` ended in 422. ``requests`` are all of them.

    ``answers``: by class, the share of the rows in each request, added up. ``right`` of ``outcomes`` were predicted;
    ``agreed`` of ``compared`` requests were answered as the other version answers them. Both in shares of a request.
    """

    requests: float = 0.0
    errors: float = 0.0
    lost: float = 0.0
    refused: float = 0.0
    row_times: RowTimes = field(default_factory=dict)
    answers: dict[str, float] = field(default_factory=dict)
    right: float = 0.0
    outcomes: float = 0.0
    agreed: float = 0.0
    compared: float = 0.0

    def add_row_times(self, key: tuple[str, str], counts: Sequence[float]) -> None:
        """Add the counts of further requests, a number a bucket."""
        before = self.row_times.get(key)
        self.row_times[key] = (
            list(counts) if before is None else [one + other for one, other in zip(before, counts, strict=True)]
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """How much worse the new version may be.

    ``error_rate``: 5xx, and 422 beyond stable's share, of the requests. ``latency_ratio``: its median engine time a row
    by stable's. ``accuracy_ratio``: its accuracy by stable's.
    """

    error_rate: float = 0.01
    latency_ratio: float = 1.5
    accuracy_ratio: float = 0.98
