"""A row gets the same answer in a batch of any size, although onnxruntime walks its trees in other orders.

The sums of trees are the same to the last bit; onnxruntime's softmax of one row alone may differ in that bit.
"""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline

FEATURES = ColumnTransformer([("numbers", "passthrough", ["großer Wert", "grade"])])


@pytest.mark.parametrize(
    ("model", "classes"),
    [
        (RandomForestRegressor(90, random_state=0), 0),
        (GradientBoostingRegressor(n_estimators=90, random_state=0), 0),
        (HistGradientBoostingClassifier(max_iter=40), 3),
        (RandomForestClassifier(90, min_samples_leaf=3, random_state=0), 3),
        (RandomForestClassifier(90, random_state=0), 2),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_row_is_answered_alike_alone_and_in_any_batch(fit, make_rows, model, classes):
    engine = fit(make_pipeline(FEATURES, model), classes).engine()
    rows = make_rows(400, 1)

    def numbers(answers):
        return np.array(answers.predictions if answers.probabilities is None else answers.probabilities)

    whole = numbers(engine.predict(rows))
    for size in (1, 2, 51, 130):
        parts = [numbers(engine.predict(rows[start : start + size])) for start in range(0, len(rows), size)]
        assert np.abs(np.concatenate(parts) - whole).max() <= (1e-15 if classes > 2 else 0.0)
