"""The counts of all processes as Prometheus text, by prometheus_client's own writer."""

import time
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from service.metrics import catalogue
from service.metrics.shared_values import Key
from service.metrics.slot_files import Series

CONTENT_TYPE = CONTENT_TYPE_LATEST
FRESH_SECONDS = 900


def render(counted: Iterable[Series]) -> bytes:
    """All series, those of several processes made one."""
    return generate_latest(_Merged(merge(counted)))


def merge(counted: Iterable[Series]) -> dict[Key, list[float]]:
    """Counts add up whether their process lives or not; a gauge is the sum or the largest of those that live.

    What was told ``latest`` outlives who told it, for ``FRESH_SECONDS``.
    """
    merged: dict[Key, list[float]] = {}
    for key, values, alive in counted:
        kind = catalogue.METRICS[key[0]].kind
        if (kind in ("sum", "max") and not alive) or (kind == "latest" and time.time() - values[1] > FRESH_SECONDS):
            continue
        before = merged.get(key)
        if before is None:
            merged[key] = values
        elif kind == "latest":
            merged[key] = max(before, values, key=lambda told: told[1])
        elif kind == "max":
            merged[key] = [max(before[0], values[0])]
        else:
            merged[key] = [one + other for one, other in zip(before, values, strict=True)]
    return merged


class _Merged(Collector):
    def __init__(self, merged: dict[Key, list[float]]) -> None:
        self._by_name: dict[str, list[tuple[list[str], list[float]]]] = {}
        for key, values in sorted(merged.items()):
            self._by_name.setdefault(key[0], []).append((list(key[1:]), values))

    def collect(self) -> Iterator[Metric]:
        for name, metric in catalogue.METRICS.items():
            if found := self._by_name.get(name):
                yield _family(metric, found)


def _family(metric: catalogue.Metric, found: list[tuple[list[str], list[float]]]) -> Metric:
    if metric.kind == "counter":
        counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, values in found:
            counter.add_metric(labels, values[0])
        return counter
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        bounds = [*(f"{bound:g}" if bound < 1 else f"{bound}" for bound in metric.buckets), "+Inf"]
        for labels, values in found:
            cumulative = accumulate(values[1:])
            histogram.add_metric(labels, list(zip(bounds, cumulative, strict=True)), values[0])
        return histogram
    gauge = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, values in found:
        # A gauge of zero says that the version is gone, or never was; an absent series does not linger in a graph.
        if values[0] or metric.kind == "sum" or not metric.name.startswith("model_"):
            gauge.add_metric(labels, values[0])
    return gauge
