"""A rate, and what is left of it."""

import math
import re
from dataclasses import dataclass

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_FORM = re.compile(r"(\d+) ?(?:/|per) ?(?:(\d+) ?)?(second|minute|hour|day)s?")


@dataclass(frozen=True, slots=True)
class Rate:
    """``limit`` requests in ``period`` seconds. The period begins with a client's first request, not with the clock."""

    limit: int
    period: int

    @classmethod
    def read(cls, text: str) -> "Rate":
        """Read RATE_LIMIT, whose form the settings have checked: ``100/minute``, ``5 per 2 seconds``."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no rate like 100/minute")
        limit, count, unit = found.groups()
        return cls(int(limit), int(count or 1) * _SECONDS[unit])


@dataclass(slots=True)
class RateLimitStatus:
    """What came of one request: ``used`` of the rate's limit, this one included; ``left`` seconds of the period."""

    rate: Rate
    used: int
    left: float

    @property
    def allowed(self) -> bool:
        """Whether this request was within the limit."""
        return self.used <= self.rate.limit

    @property
    def remaining(self) -> int:
        """Requests that would still be accepted in this period."""
        return max(0, self.rate.limit - self.used)

    @property
    def reset(self) -> int:
        """Whole seconds, at least 1, after which the period is certainly over."""
        return max(1, math.ceil(self.left))
