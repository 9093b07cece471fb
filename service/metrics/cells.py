"""What a metric does to this process's cells (slot.py). A key is the metric's name, then its label values."""

import time
from bisect import bisect_left

from service.metrics.catalogue import METRICS
from service.metrics.process_slot import OWN

BOUNDS = {metric.name: metric.buckets for metric in METRICS.values()}
"""The upper bounds of each histogram's buckets."""


def add(amount: float, *key: str) -> None:
    """Add to a counter, or to a gauge that is summed."""
    slot = OWN.slot
    place = slot.places.get(key) or slot.place(*key)
    with slot.lock:
        slot.cells[place] += amount


def put(value: float, *key: str) -> None:
    """Set this process's share of a gauge."""
    slot = OWN.slot
    slot.cells[slot.place(*key)] = value


def tell(value: float, *key: str) -> None:
    """Set a gauge of which the latest telling counts, whoever told it."""
    slot = OWN.slot
    place = slot.place(*key)
    slot.cells[place], slot.cells[place + 1] = value, time.time()


def observe(value: float, *key: str) -> None:
    """Count a value into its bucket of a histogram."""
    slot = OWN.slot
    place = slot.places.get(key) or slot.place(*key)
    cells = slot.cells
    bucket = place + 1 + bisect_left(BOUNDS[key[0]], value)
    with slot.lock:
        cells[place] += value
        cells[bucket] += 1
