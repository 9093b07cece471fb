"""Public tables under pipelines as people write them: every answer is the fitted pipeline's own.

Eight pairs are drawn by the commit; with EVERY_STRANGER=1, as ``make full`` sets it, all are compared.
"""

import os
import random

import pytest

from tests.conftest import head_commit
from tests.strangers.comparison import compare
from tests.strangers.pipelines import PAIRS
from tests.strangers.tables import TABLES, Absent
from training.options import PARITY_ROWS

DRAWN = 8
EVERY = os.environ.get("EVERY_STRANGER") == "1"
LARGEST_DIFFERENCE = 1e-9


def drawn(commit: str):
    """The pairs that a commit draws."""
    return PAIRS if EVERY else random.Random(commit).sample(PAIRS, DRAWN)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("pair", drawn(head_commit()), ids=lambda pair: pair.key)
def test_a_stranger_gets_the_answers_of_the_fitted_pipeline(pair, tmp_path):
    try:
        line = compare(pair, tmp_path, PARITY_ROWS if EVERY else 2_000)
    except Absent as exc:
        pytest.skip(str(exc))
    assert line.engine != "refused" or line.reason
    assert (line.flips, line.refused_rows) == (0, 0)
    assert line.largest_difference <= LARGEST_DIFFERENCE


def test_every_pair_has_a_name_of_its_own_and_a_table():
    keys = [pair.key for pair in PAIRS]
    assert len(set(keys)) == len(keys) >= 40
    assert {pair.table for pair in PAIRS} == set(TABLES)


def test_every_commit_draws_its_own_pairs_and_the_same_again():
    if EVERY:
        pytest.skip("all pairs are compared")
    first = [pair.key for pair in drawn("a")]
    assert first == [pair.key for pair in drawn("a")]
    assert first != [pair.key for pair in drawn("b")]
