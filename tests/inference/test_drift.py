"""The arithmetic of drift: alarms where there is a shift, none where there is chance."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from inference.contract import Contract, Feature
from inference.drift import Distribution, chi_squared_tail, compare, stability_index
from inference.engines.base import Answers
from inference.features import encode
from training.reference import reference_document

COLOURS = ("red", "green", "blue", "rare")
CONTRACT = Contract(
    "classification",
    "y",
    (
        Feature("normal", "number"),
        Feature("skewed", "number", nullable=True),
        Feature("count", "integer"),
        Feature("colour", "category", choices=COLOURS),
        Feature("flag", "boolean"),
    ),
)


def draw(random, rows, shift=None):
    """Rows as columns of JSON values; ``shift`` names the feature that is moved by one standard deviation."""
    moved = {name: float(name == shift) for name in CONTRACT.names}
    skewed = random.lognormal(0, 1, rows) + moved["skewed"] * 2.16
    count = random.poisson(4, rows) + 2 * moved["count"]
    colour = random.choice(4, rows, p=[0.6, 0.2, 0.19, 0.01] if not moved["colour"] else [0.1, 0.2, 0.19, 0.51])
    return {
        "normal": (random.normal(5, 2, rows) + 2 * moved["normal"]).tolist(),
        "skewed": [
            None if missing else value
            for missing, value in zip(random.random(rows) < 0.1, skewed.tolist(), strict=True)
        ],
        "count": count.tolist(),
        "colour": [COLOURS[code] for code in colour],
        "flag": (random.random(rows) < 0.3 + 0.46 * moved["flag"]).tolist(),
    }


@pytest.fixture(scope="module")
def reference():
    columns = draw(np.random.default_rng(0), 8000)
    codes = {**columns, "colour": [COLOURS.index(colour) for colour in columns["colour"]]}
    matrix = np.column_stack([np.array(codes[name], dtype=np.float64) for name in CONTRACT.names])
    chosen = np.array(columns["flag"], dtype=np.int64)
    document = reference_document(CONTRACT, matrix, Answers(chosen.tolist(), None, chosen), [False, True])
    return {name: Distribution.from_json(entry) for name, entry in document["features"].items()}


def alarms(reference, columns):
    return {n for n, trained in reference.items() if compare(n, trained, columns[n], 200).verdict == "alarm"}


@pytest.mark.parametrize("rows", [200, 1000, 10_000])
def test_the_same_distribution_raises_no_alarm_in_twenty_windows(reference, rows):
    for window in range(20):
        assert alarms(reference, draw(np.random.default_rng(window + 1), rows)) == set()


@pytest.mark.parametrize("rows", [200, 10_000])
@pytest.mark.parametrize("feature", CONTRACT.names)
def test_a_feature_shifted_by_one_standard_deviation_raises_its_alarm_and_no_other(reference, feature, rows):
    for window in range(5):
        assert alarms(reference, draw(np.random.default_rng(window + 1), rows, shift=feature)) == {feature}


def test_many_categories_and_few_rows_are_no_drift():
    random = np.random.default_rng(1)
    trained = Distribution(
        "category", None, tuple(range(100)), tuple(np.bincount(random.integers(0, 100, 9000), minlength=100)), 0
    )
    found = compare("city", trained, random.integers(0, 100, 200).tolist(), 200)
    assert found.psi > 0.2
    assert found.verdict == "stable"


def test_nulls_where_training_had_none_are_drift(reference):
    found = compare("normal", reference["normal"], [None] * 300 + [5.0] * 300, 200)
    assert found.verdict == "alarm"
    assert found.live[found.bins.index("null")] == 300


def test_a_value_training_never_saw_is_counted_apart(reference):
    found = compare("colour", reference["colour"], ["violet"] * 300, 200)
    assert (found.bins[-1], found.live[-1], found.verdict) == ("unseen", 300, "alarm")


def test_too_few_rows_are_not_judged_but_shown(reference):
    found = compare("normal", reference["normal"], [100.0] * 199, 200)
    assert (found.verdict, found.psi, sum(found.live)) == ("too few rows", None, 199)
    assert compare("normal", reference["normal"], None, 200).verdict == "not recorded"
    assert compare("normal", reference["normal"], [], 0).verdict != "alarm"


@pytest.mark.parametrize("value", [7.0, 0.0, -1e300, 2.0**53, float(np.finfo(np.float64).max)])
def test_a_constant_feature_that_moves_is_drift(value):
    contract = Contract("regression", "y", (Feature("same", "number"),))
    matrix = np.full((500, 1), value)
    document = reference_document(contract, matrix, Answers([value] * 500, None, None), [])
    trained = Distribution.from_json(json.loads(json.dumps(document["features"]["same"], allow_nan=False)))
    assert compare("same", trained, [value] * 300, 200).verdict == "stable"
    if value < 1e308:
        assert compare("same", trained, [np.nextafter(value, np.inf)] * 300, 200).verdict == "alarm"
    below = compare("same", trained, [np.nextafter(value, -np.inf)] * 300, 200)
    assert below.verdict == "alarm" and len(set(below.bins)) == 2


def test_a_constant_feature_of_an_older_artifact_has_one_bin():
    trained = Distribution("number", (), None, (500,), 0)
    assert compare("same", trained, [1.0] * 300, 200).verdict == "stable"


def test_a_boolean_label_stored_as_a_number_is_found():
    trained = Distribution("category", None, (False, True), (50, 50), 0)
    assert trained.tally([0, 1, True, False, None]).tolist() == [2, 2, 1, 0]


counts = st.lists(st.integers(0, 10**6), min_size=2, max_size=12).map(lambda values: np.array(values, dtype=np.float64))


@settings(deadline=None)
@given(counts, st.data())
def test_psi_is_symmetric_never_negative_and_nought_for_the_same(before, data):
    after = np.array(data.draw(st.permutations(before.tolist())))
    assert stability_index(before, before) == 0
    assert stability_index(before, after) >= 0
    assert stability_index(before, after) == pytest.approx(stability_index(after, before))


@settings(deadline=None)
@given(st.lists(st.none() | st.floats(allow_nan=False)), st.lists(st.floats(-1e9, 1e9), unique=True, max_size=9))
def test_every_value_falls_into_exactly_one_bin(values, edges):
    trained = Distribution("number", tuple(sorted(edges)), None, (1,) * (len(edges) + 1), 0)
    assert trained.tally(values).sum() == len(values)
    assert len(trained.tally(values)) == len(trained.names) == len(trained.reference)


@settings(deadline=None)
@given(st.floats(1e-3, 500), st.integers(1, 60))
def test_the_tail_of_chi_squared_is_scipys(statistic, freedom):
    assert chi_squared_tail(statistic, freedom) == pytest.approx(
        stats.chi2.sf(statistic, freedom), rel=1e-9, abs=1e-300
    )


def test_of_a_text_the_lengths_are_compared():
    contract = Contract("classification", "y", (Feature("review", "text", nullable=True),))
    texts = [["x" * (row % 50)] for row in range(990)] + [[None]] * 10
    answers = Answers(["a"] * 1000, np.ones((1000, 1)), np.zeros(1000, dtype=np.int64))
    reference = json.loads(json.dumps(reference_document(contract, encode(contract, texts), answers, ["a"])))
    trained = Distribution.from_json(reference["features"]["review"])
    same = compare("review", trained, [text for (text,) in texts], 200)
    longer = compare("review", trained, [None if text is None else text + "x" * 40 for (text,) in texts], 200)
    assert (same.verdict, longer.verdict) == ("stable", "alarm")
    assert same.reference == same.live
    assert same.bins[0].endswith("characters") and same.bins[-1] == "null"


def test_an_unseen_category_has_a_bin_of_its_own():
    contract = Contract("classification", "y", (Feature("city", "category", choices=("a", "b"), unseen="accept"),))
    answers = Answers(["a"] * 400, np.ones((400, 1)), np.zeros(400, dtype=np.int64))
    matrix = encode(contract, [["a"], ["b"]] * 200)
    trained = Distribution.from_json(reference_document(contract, matrix, answers, ["a"])["features"]["city"])
    found = compare("city", trained, ["a", "b", "new", "newer"] * 100, 200)
    assert dict(zip(found.bins, found.live, strict=True)) == {"a": 100, "b": 100, "unseen": 200}
