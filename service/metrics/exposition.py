"""The metrics of all processes as Prometheus text, by prometheus_client's own writer."""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from service.metrics import catalogue
from service.metrics.process_slot import Series
from service.metrics.shared_values import Key
from service.records.spool.files import oldest_pending, pending_bytes, spool_folder
from service.rollout_status import current_rollout
from service.settings import Settings

CONTENT_TYPE = CONTENT_TYPE_LATEST
FRESH_SECONDS = 900
"""How long a ``latest`` value is exposed after it was set."""


def computed(settings: Settings) -> Iterator[Series]:
    """The series that whoever asks computes: they stay true when the process that they are about hangs or is gone."""
    folder = settings.var_dir.absolute()
    with suppress(OSError):  # its disk is gone
        place = next(path for path in (folder, *folder.parents) if path.exists())  # it cannot be made on a broken disk
        yield ("var_dir_free_bytes",), [float(shutil.disk_usage(place).free)], True
    if settings.records:
        folder = spool_folder(settings)
        oldest = oldest_pending(folder)
        yield ("records_lag_seconds",), [0.0 if oldest is None else max(0.0, time.time() - oldest)], True
        yield ("records_pending_bytes",), [float(pending_bytes(folder))], True
    follows = not settings.model_version and not settings.model_uri
    if follows and (rollout := current_rollout(settings.artifacts_dir)) is not None:
        yield ("rollout_share", rollout.version), [rollout.share], True
        phase = rollout.phase.replace(" ", "_")
        yield ("rollout_phase_timestamp_seconds", rollout.version, phase), [rollout.since], True


def render(series: Iterable[Series]) -> bytes:
    """All series, merged over processes, in Prometheus text format."""
    return generate_latest(_Merged(merge(series)))


def merge(series: Iterable[Series]) -> dict[Key, list[float]]:
    """One list of values for each series of any process.

    Counters and histograms add up, whether their process lives or not. A gauge is the sum or the maximum over the
    living processes. A ``latest`` value stays for ``FRESH_SECONDS``, even when its process has ended.
    """
    merged: dict[Key, list[float]] = {}
    for key, values, alive in series:
        kind = catalogue.METRICS[key[0]].kind
        if kind in catalogue.GAUGES_OF_THE_LIVING and not alive:
            continue
        if kind == "latest" and time.time() - values[1] > FRESH_SECONDS:
            continue
        before = merged.get(key)
        if before is None:
            merged[key] = values
        elif kind == "latest":
            merged[key] = max(before, values, key=lambda value_and_time: value_and_time[1])
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
            if metric.exposed and (found := self._by_name.get(name)):
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
        # Zero means that the version is not loaded; its series is left out, or it would stay in every graph.
        if values[0] or metric.kind != "max" or not metric.name.startswith("model_"):
            gauge.add_metric(labels, values[0])
    return gauge
