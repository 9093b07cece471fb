"""When requests are due: seconds from the start, ascending, fixed before the first one is sent."""

import random


def steady(rate: float, seconds: float, seed: int = 1) -> list[float]:
    """Arrivals at random (Poisson), ``rate`` a second on average, the same in each round."""
    draw = random.Random(seed)
    due, now = [], 0.0
    while (now := now + draw.expovariate(rate)) < seconds:
        due.append(now)
    return due


def bursts(size: int, every: float, count: int) -> list[float]:
    """``count`` bursts of ``size`` requests due at the same instant."""
    return [0.05 + burst * every for burst in range(count) for _ in range(size)]
