import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from benchmarks.twins.fastapi_design.features import engineer_for

ROWS = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 5.0]})
MODEL = ("model", LogisticRegression())


@pytest.mark.parametrize(
    "steps",
    [
        [MODEL],
        [("scaler", StandardScaler()), MODEL],
        [("first", MinMaxScaler()), ("scaler", StandardScaler()), MODEL],
    ],
    ids=len,
)
def test_a_pipeline_of_any_length_can_be_taken_apart(steps):
    pipeline = Pipeline(steps).set_output(transform="pandas").fit(ROWS, [0, 0, 1, 1])
    row = ROWS.iloc[2].to_dict()
    features = engineer_for(pipeline, row)(row)
    for step in pipeline[-2:-1] if len(pipeline) > 1 else ():
        features = step.transform(features)
    assert np.allclose(pipeline[-1].predict_proba(features), pipeline.predict_proba(ROWS.iloc[[2]]))


def test_a_null_is_the_missing_value_that_the_pipeline_was_fitted_with():
    frame = pd.DataFrame({"town": ["Ulm", "Bonn", float("nan")] * 4, "size": [1.0, float("nan"), 3.0] * 4})
    columns = make_column_transformer((OneHotEncoder(), ["town"]), (SimpleImputer(), ["size"]))
    pipeline = Pipeline([("columns", columns), ("scaler", StandardScaler(with_mean=False)), MODEL])
    pipeline.fit(frame, [0, 1, 1] * 4)
    row = {"town": None, "size": None}
    features = pipeline[-2].transform(engineer_for(pipeline, row)(row))
    expected = pipeline.predict_proba(pd.DataFrame([{"town": float("nan"), "size": float("nan")}], dtype=object))
    assert np.allclose(pipeline[-1].predict_proba(features), expected)
