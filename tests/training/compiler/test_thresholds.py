"""The property that allows scaling to be folded into thresholds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.compiler.columns import Column, Filled, Missing, Raw, apply
from training.compiler.thresholds import fold, follow, null_goes_left, peel

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)
SCALES = st.floats(1e-6, 1e6)
OPERATIONS = st.one_of(
    st.tuples(st.sampled_from(["Sub", "Add", "Max", "Min"]), NUMBERS),
    st.tuples(st.sampled_from(["Mul", "Div"]), SCALES),
    st.just(("Round", 0.0)),
)


def chained(operations) -> Column:
    column: Column = Raw(0, True)
    for operation, operand in operations:
        column = apply(operation, column, operand)
    return column


@given(
    st.lists(OPERATIONS, max_size=5), NUMBERS, st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1)
)
def test_the_folded_threshold_sends_every_number_the_same_way(operations, threshold, numbers):
    peeled = peel(chained(operations))
    folded = fold(peeled.chain, np.array([threshold]))[0]
    assert peeled.base == Raw(0, True)
    near = [folded, np.nextafter(folded, np.inf), np.nextafter(folded, -np.inf)]
    values = np.array([*numbers, *(value for value in near if np.isfinite(value))])
    assert ((follow(peeled.chain, values) <= threshold) == (values <= folded)).all()


def test_a_null_goes_where_its_fill_value_goes():
    peeled = peel(apply("Div", Filled(Raw(0, True), 4.0), 2.0))
    own = np.array([False, True])
    assert null_goes_left(peeled.chain, np.array([1.9, 2.0]), own).tolist() == [False, True]
    assert null_goes_left(peel(Raw(0, True)).chain, np.array([1.0, 1.0]), own).tolist() == [False, True]


def test_an_indicator_of_nulls_splits_nulls_from_all_numbers():
    peeled = peel(apply("Round", apply("Mul", Missing(Raw(0, True)), 3.0)))
    thresholds = np.array([1.5, -1.0, 5.0])
    assert fold(peeled.chain, thresholds).tolist() == [np.inf, -np.inf, np.inf]
    assert null_goes_left(peeled.chain, thresholds, np.array([True] * 3)).tolist() == [False, False, True]
