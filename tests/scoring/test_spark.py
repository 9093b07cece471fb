"""The function for Spark's mapInPandas, on an iterator of frames as Spark hands them out."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest

from scoring.refusals import ScoringError
from scoring.spark import predict_batches


@pytest.fixture
def folder(trained):
    return next(path for path in trained.iterdir() if path.is_dir())


def test_frames_are_answered_as_by_the_pipeline(folder, make_table, expected):
    table = make_table(100)
    predict = pickle.loads(pickle.dumps(predict_batches(folder, probabilities=True, keep={"id": "bigint"})))
    frames = list(predict(iter([table[:60], table[60:60], table[60:]])))
    assert [len(frame) for frame in frames] == [60, 0, 40]
    found, right = pd.concat(frames, ignore_index=True), expected(table)
    assert found["id"].tolist() == table["id"].tolist()
    assert found["prediction"].tolist() == right["prediction"].tolist()
    np.testing.assert_allclose(found["probability"].astype(float), right["probability"], atol=1e-9)
    assert found["errors"].isna().all()


def test_the_schema_names_what_is_returned(folder, make_table):
    predict = predict_batches(folder, probabilities=True, keep={"a `name`": "string"})
    (frame,) = predict([make_table(2).rename(columns={"name": "a `name`"})])
    names = [entry.rpartition(" ")[0][1:-1].replace("``", "`") for entry in predict.schema.split(", ")]
    assert names == list(frame.columns)
    assert predict.schema.startswith("`a ``name``` string, `prediction` ")
    assert predict.schema.endswith("`model_version` string, `errors` string")


def test_a_row_that_the_contract_refuses_keeps_its_place_and_says_why(folder, make_table):
    table = make_table(5)
    table.loc[3, "feature_4"] = np.nan
    (found,) = predict_batches(folder)([table])
    assert found["prediction"].isna().tolist() == [False, False, False, True, False]
    assert json.loads(found["errors"][3]) == {"feature_4": ["Field may not be null."]}


def test_what_cannot_work_is_told_before_spark_begins_or_by_the_columns_name(folder, make_table, tmp_path):
    with pytest.raises(ScoringError, match=r"manifest\.json cannot be read"):
        predict_batches(tmp_path)
    with pytest.raises(ScoringError, match="keep 'prediction'"):
        predict_batches(folder, keep={"prediction": "string"})
    with pytest.raises(ScoringError, match="no column 'feature_2'"):
        list(predict_batches(folder)([make_table(2).drop(columns="feature_2")]))
