"""Frame to contract to matrix and back."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.contract import Contract
from inference.features import decode, encode
from training.conversion import dtype_of, matrix_of
from training.derivation import derive_features
from training.errors import TrainingError
from training.overrides import Overrides, read_overrides
from training.sampling import rows_of


def _derive(frame, overrides=None, *, ranges_observed=False):
    warned = []
    found = derive_features(frame, overrides or Overrides(), ranges_observed=ranges_observed, warn=warned.append)
    return (*found, warned)


NULLS = st.lists(st.booleans(), min_size=4, max_size=4)
NUMBERS = st.lists(st.floats(-1e12, 1e12, allow_nan=False), min_size=4, max_size=4)
TEXTS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=5), min_size=4, max_size=4
)
COLUMNS = st.one_of(
    st.tuples(st.just("Float64"), NUMBERS),
    st.tuples(st.just("Int64"), st.lists(st.integers(-(2**53), 2**53), min_size=4, max_size=4)),
    st.tuples(st.just("boolean"), st.lists(st.booleans(), min_size=4, max_size=4)),
    st.tuples(st.just("string"), TEXTS.map(lambda texts: ["x" + text for text in texts])),
)
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N", "Z", "P")), min_size=1, max_size=8)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(NAMES.filter(str.strip), st.tuples(COLUMNS, NULLS), min_size=1, max_size=5))
def test_a_frame_comes_back_from_its_codes_as_it_was(columns):
    frame = pd.DataFrame(
        {
            name: pd.array([None if null else value for value, null in zip(values, nulls, strict=True)], dtype=dtype)
            for name, ((dtype, values), nulls) in columns.items()
        }
    )
    frame = frame.loc[:, frame.notna().any() & ~frame.columns.str.startswith("Unnamed: ")]
    if frame.empty:
        return
    features, inputs, _ = _derive(frame)
    contract = Contract("regression", "the target", features)
    matrix = matrix_of(features, inputs)
    again = encode(contract, rows_of(contract, matrix))
    np.testing.assert_array_equal(again, matrix)
    decoded = decode(contract, {feature.name: dtype_of(feature) for feature in features}, matrix)
    assert list(decoded.columns) == list(frame.columns)
    for name in frame.columns:
        for was, now in zip(frame[name].tolist(), decoded[name].tolist(), strict=True):
            assert was == now if not pd.isna(was) else pd.isna(now)
    assert Contract.from_json(json.loads(json.dumps(contract.to_json()))) == contract
    assert len(encode(contract, [tuple(contract.example.values())])) == 1


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1.5, 2.0, None], "float64", ("number", True)),
        ([1, 2, 1, 2], "int8", ("integer", False)),
        ([1, 2, 3], "int8", ("number", False)),
        ([1, None, 3, 3, 1], "Int64", ("integer", True)),
        ([True, False, True], "bool", ("boolean", False)),
        ([True, None, False], "boolean", ("boolean", True)),
        ([True, None, False], object, ("boolean", True)),
        ([1, 2, None, 1, 2], object, ("integer", True)),
        (["a", "b", None], object, ("category", True)),
        (["a", "b", "a"], "str", ("category", False)),
        (["a", "b", None], "string", ("category", True)),
        (["a", "b", None], "category", ("category", True)),
    ],
)
def test_a_column_becomes_the_feature_its_values_say(values, dtype, expected):
    (feature,), _, _ = _derive(pd.DataFrame({"a": pd.Series(values, dtype=dtype)}))
    assert (feature.type, feature.nullable) == expected


def test_what_was_observed_is_noted_and_enforced_only_when_asked():
    frame = pd.DataFrame({"a": [1.0, 4.0, None, 2.0]})
    (feature,), _, _ = _derive(frame)
    assert (feature.minimum, feature.maximum) == (None, None)
    assert feature.observed == {"null_share": 0.25, "minimum": 1.0, "maximum": 4.0}
    (feature,), _, _ = _derive(frame, ranges_observed=True)
    assert (feature.minimum, feature.maximum) == (1.0, 4.0)


def test_an_override_wins_over_the_data(tmp_path):
    path = tmp_path / "contract.yaml"
    path.write_text(
        "features:\n"
        "  a: {type: integer, minimum: 0, maximum: 9, nullable: true, description: a grade, example: 4}\n"
        "  b: {choices: [x, y, z]}\n"
        "  c: {type: category}\n"
        "  d: {type: boolean}\n"
        "drop: [e]\n"
    )
    overrides = read_overrides(path)
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"], "c": [10, 20], "d": [0, 1]})
    (a, b, c, d), inputs, _ = _derive(frame, overrides)
    assert (a.type, a.minimum, a.maximum, a.nullable, a.example) == ("integer", 0, 9, True, 4)
    assert b.choices == ("x", "y", "z")
    assert (c.type, c.choices) == ("category", ("10", "20"))
    assert d.type == "boolean"
    assert overrides.drop == ("e",)
    assert matrix_of((a, b, c, d), inputs).tolist() == [[1, 0, 0, 0], [2, 1, 1, 1]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("features: {zz: {minimum: 0}}", "no such column"),
        ("features: {a: {minimun: 0}}", "unknown key 'minimun'"),
        ("features: {a: {minimum: low}}", "minimum of feature 'a' cannot be 'low'"),
        ("features: {a: {minimum: .inf}}", "cannot be inf"),
        ("features: {a: {type: float}}", "number, integer, category, boolean"),
        ("features: {a: {minimum: 5}}", "outside its declared range"),
        ("features: {a: {minimum: 5, maximum: 1}}", "above maximum"),
        ("features: {a: {type: boolean}}", "cannot be boolean"),
        ("features: {b: {type: number}}", "cannot be number"),
        ("features: {b: {choices: [x]}}", "not among its declared choices"),
        ("features: {b: {example: q}}", "example"),
        ("features: {a: {example: q}}", "example"),
        ("features: {b: {choices: [x, y, [z]]}}", "choices of feature 'b' must be texts, or whole numbers"),
        ("features: {b: {choices: [x, y, null]}}", "null goes by 'nullable'"),
        ("features: {b: {choices: [x, y, 1]}}", "must be texts, or whole numbers"),
        ("features: {b: {choices: [1, 2]}}", "the choices of its type, category, must be texts, not 1"),
        ("features: {b: {choices: [x, y, y]}}", "'y' more than once"),
        ("features: {a: {type: integer, choices: [1, 2, 3, true]}}", "must be texts, or whole numbers"),
        ("features: {a: {type: integer, choices: [1, 2, 3, 4], maximum: 3}}", "declared choice 4 is out of range"),
        ("features: {a: {type: integer, choices: [1, 2, 3, 9007199254740993]}}", "is out of range"),
        ("features: {a: {choices: [1, 2, 3]}}", "a number has no choices"),
        ("features: {a: {minimum: 1e+301}}", "cannot be 1e"),
        ("features: 3", "must name each feature"),
        ("fields: {}", "'features'"),
        ("a: [", "neither YAML nor JSON"),
    ],
)
def test_an_override_without_sense_is_refused_by_its_name(text, words, tmp_path):
    path = tmp_path / "contract.yaml"
    path.write_text(text)
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"]})
    with pytest.raises(TrainingError, match=words):
        _derive(frame, read_overrides(path))


def test_nulls_have_codes_of_their_own():
    features, inputs, _ = _derive(pd.DataFrame({"a": ["x", None, "y"]}))
    codes = matrix_of(features, inputs)[:, 0].tolist()
    assert codes[0] == 0 and math.isnan(codes[1]) and codes[2] == 1


def test_whole_numbers_declared_a_category_may_be_written_as_numbers(tmp_path):
    path = tmp_path / "contract.yaml"
    path.write_text("features: {a: {type: category, choices: [10, 20, 30]}}")
    (feature,), _, _ = _derive(pd.DataFrame({"a": [10, 20]}), read_overrides(path))
    assert feature.choices == ("10", "20", "30")


def test_a_declared_bound_is_one_that_json_can_say(tmp_path):
    """An integer of more than 64 bits is none that every JSON writer takes."""
    path = tmp_path / "contract.yaml"
    path.write_text(f"features: {{a: {{maximum: {10**23}, minimum: -1e6}}}}")
    (feature,), _, _ = _derive(pd.DataFrame({"a": [10, 20]}), read_overrides(path))
    assert type(feature.maximum) is float and feature.minimum == -1e6
