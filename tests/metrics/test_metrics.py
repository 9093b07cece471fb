"""What one process counts, and what is exposed of it."""

import mmap
import re
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from service import metrics
from service.metrics import versions
from service.metrics.catalogue import METRICS
from service.metrics.exposition import merge
from service.metrics.shared_values import SIZE, SharedValues


@pytest.fixture
def counting(make_settings, tmp_path, samples):
    """This process in a folder of its own; what it counts from here on."""
    metrics.open_metrics(make_settings(var_dir=tmp_path))
    before = samples(metrics.exposition())
    return lambda: {
        name: value - before.get(name, 0)
        for name, value in samples(metrics.exposition()).items()
        if value != before.get(name, 0)
    }


def answered(route, method, status, seconds):
    """A whole request."""
    metrics.began()
    metrics.answered(route, method, status, seconds)


def test_a_request_is_counted_and_timed_by_its_route(counting):
    answered("/predict", "POST", 200, 0.003)
    answered("unmatched", "BREW", 404, 0.2)
    assert counting() == {
        'http_requests_total{method="POST",route="/predict",status="200"}': 1,
        'http_requests_total{method="other",route="unmatched",status="404"}': 1,
        'http_request_duration_seconds_count{route="/predict"}': 1,
        'http_request_duration_seconds_sum{route="/predict"}': 0.003,
        'http_request_duration_seconds_count{route="unmatched"}': 1,
        'http_request_duration_seconds_sum{route="unmatched"}': 0.2,
    }


def test_half_a_second_is_a_bound_and_the_first_is_half_a_millisecond(counting):
    answered("/bounds", "GET", 200, 0.0005)
    answered("/bounds", "GET", 200, 0.5)
    answered("/bounds", "GET", 200, 0.500001)
    text = metrics.exposition().decode()
    counts = dict(re.findall(r'duration_seconds_bucket\{le="([^"]+)",route="/bounds"\} (\S+)', text))
    assert (counts["0.0005"], counts["0.25"], counts["0.5"], counts["1.0"], counts["+Inf"]) == (
        "1.0",
        "1.0",
        "2.0",
        "3.0",
        "3.0",
    )


def test_rows_are_counted_by_class_and_a_regressions_under_the_empty_one(counting):
    metrics.prediction("a-1", [True], False)
    metrics.prediction("a-1", ["yes", "no", "yes"], False)
    metrics.prediction("b-1", [1.5, 2.5], True)
    assert counting() == {
        'predictions_total{model_version="a-1",prediction="true"}': 1,
        'predictions_total{model_version="a-1",prediction="yes"}': 2,
        'predictions_total{model_version="a-1",prediction="no"}': 1,
        'predictions_total{model_version="b-1",prediction=""}': 2,
    }


@pytest.mark.parametrize("form", ["{:.3f}", "t={:.6f}", "t={:.0f}"])
def test_the_wait_before_a_worker_is_taken_from_the_proxys_header(counting, form):
    metrics.began(form.format(time.time() - 2))
    metrics.answered("/", "GET", 200, 0.0)
    counted = counting()
    assert counted["http_queue_wait_seconds_count"] == 1
    assert 1 <= counted["http_queue_wait_seconds_sum"] <= 4


@pytest.mark.parametrize("unit", [1_000, 1_000_000])
def test_the_proxys_header_may_be_in_milliseconds_or_microseconds(counting, unit):
    metrics.began(str(int((time.time() - 2) * unit)))
    assert 1 <= counting()["http_queue_wait_seconds_sum"] <= 4
    metrics.answered("/", "GET", 200, 0.0)


@pytest.mark.parametrize("header", ["", "yesterday", "t=", "0", "99999999999999999999", "-1"])
def test_a_proxys_header_that_makes_no_sense_is_ignored(counting, header):
    metrics.began(header)
    assert counting() == {"http_requests_in_flight": 1}
    metrics.answered("/", "GET", 200, 0.0)


def test_the_gauges_of_an_unloaded_version_end(counting):
    versions.loaded("x-1", "onnx", created="2026-01-31T12:00:00Z", accuracy=0.9)
    assert counting()['model_info{engine="onnx",model_version="x-1"}'] == 1
    versions.unloaded("x-1")
    assert list(counting()) == ['model_loads_total{model_version="x-1"}']


def test_threads_lose_no_count(counting):
    def count() -> None:
        for _ in range(5000):
            answered("/threads", "GET", 200, 0.001)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counting()['http_requests_total{method="GET",route="/threads",status="200"}'] == 20_000
    assert counting()['http_request_duration_seconds_count{route="/threads"}'] == 20_000


def test_what_is_exposed_is_prometheus_text_with_the_names_of_the_catalogue(counting):
    answered("/predict", "POST", 200, 0.003)
    metrics.records("spooled", 3)
    versions.drift("a-1", 'a "name"\\ with\nall', 0.3, True)
    families = list(text_string_to_metric_families(metrics.exposition().decode()))
    names = {METRICS[name].name.removesuffix("_total") for name in METRICS}
    assert {family.name for family in families} <= names
    labels = [s.labels["feature"] for family in families for s in family.samples if family.name == "feature_drift_psi"]
    assert labels == ['a "name"\\ with\nall']


def test_values_that_are_full_go_on_counting_and_count_what_is_dropped():
    memory = mmap.mmap(-1, SIZE)
    shared = SharedValues(memory)
    for number in range(9000):
        offset = shared.offset("http_requests_total", f"/{number}" * 3, "GET", "200")
        shared.values[offset] += 1
    counted = [key for key, _ in SharedValues(memory).items() if key[0] == "http_requests_total"]
    assert 1000 < len(counted) < 9000
    assert shared.values[shared.offset("metrics_series_dropped_total")] == 9000 - len(counted)


amounts = st.lists(st.tuples(st.sampled_from(["/a", "/b"]), st.integers(0, 10**6)), max_size=20)


@settings(max_examples=50, deadline=None)
@given(st.lists(amounts, min_size=1, max_size=4))
def test_the_counts_of_processes_add_up_whether_they_live_or_not(processes):
    counted, expected = [], {}
    for number, process in enumerate(processes):
        shared = SharedValues(mmap.mmap(-1, SIZE))
        for route, amount in process:
            key = ("http_requests_total", route, "GET", "200")
            shared.values[shared.offset(*key)] += amount
            expected[key] = expected.get(key, 0) + amount
        shared.values[shared.offset("http_requests_in_flight")] = 1
        counted += [(key, [shared.values[offset]], number > 0) for key, offset in shared.items()]
    merged = merge(counted)
    assert {key: values[0] for key, values in merged.items() if key[0] == "http_requests_total"} == expected
    assert merged.get(("http_requests_in_flight",), [0])[0] == len(processes) - 1


def test_a_features_drift_is_never_that_of_the_prediction(counting):
    names = ["$prediction", "$$prediction", "prediction", "$price", "$prediction "]
    for psi, name in enumerate([None, *names], start=1):
        versions.drift("m-1", name, float(psi), False)
    labels = ["$prediction", "$$prediction", "$$$prediction", "prediction", "$price", "$prediction "]
    assert {name: value for name, value in counting().items() if "psi" in name} == {
        f'feature_drift_psi{{feature="{label}",model_version="m-1"}}': float(psi)
        for psi, label in enumerate(labels, start=1)
    }


def test_rows_with_an_unseen_category_are_counted_by_feature(counting):
    metrics.unseen_category("city", 3)
    metrics.unseen_category("city", 1)
    assert counting() == {'unseen_categories_total{feature="city"}': 4}
