"""How long a call takes in this process."""

import time
from collections.abc import Callable
from statistics import median


def seconds_of(call: Callable[[], object], budget: float = 0.3, least: int = 3) -> float:
    """The median of as many calls as fit into ``budget`` seconds, at least ``least``, after one that does not count."""
    call()
    taken: list[float] = []
    until = time.perf_counter() + budget
    while len(taken) < least or time.perf_counter() < until:
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return median(taken)
