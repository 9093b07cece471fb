"""CatBoost's estimators, with encoded columns and with categories of their own, are served as they answer."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

NEEDED = "not installed (Python package catboost); its wheel is too large for CI"
QUIET = {"iterations": 5, "verbose": 0, "allow_writing_files": False, "thread_count": 1}


@pytest.fixture
def catboost():
    return pytest.importorskip("catboost", reason=NEEDED)


@pytest.fixture
def frame():
    draw = np.random.default_rng(2)
    number = pd.Series(draw.normal(size=150)).mask(draw.random(150) < 0.1)
    return pd.DataFrame({"number": number, "city": draw.choice(["x", "y", "z"], 150), "code": draw.integers(0, 4, 150)})


TARGETS = {
    "two classes": lambda frame: np.where((frame["number"].fillna(0) > 0) ^ (frame["city"] == "x"), "good", "bad"),
    "three classes": lambda frame: np.where(frame["number"].fillna(0) > 0, frame["city"], "x"),
    "three codes": lambda frame: (frame["code"] + (frame["city"] == "x")) % 3,
    "a number": lambda frame: frame["number"].fillna(0) * 3 + frame["code"],
}
OWN_CATEGORIES = {"encoded": None, "own": ["city", "code"]}


@pytest.mark.parametrize("categories", OWN_CATEGORIES)
@pytest.mark.parametrize("target", TARGETS)
def test_it_is_served_as_it_answers(target, categories, catboost, frame, run, tmp_path, make_client):
    kind = catboost.CatBoostRegressor if target == "a number" else catboost.CatBoostClassifier
    model = kind(cat_features=OWN_CATEGORIES[categories], **QUIET)
    encoded = ColumnTransformer([("city", OneHotEncoder(), ["city"])], remainder="passthrough")
    steps = [("model", model)] if categories == "own" else [("encode", encoded), ("model", model)]
    wanted = TARGETS[target](frame)
    pipeline = Pipeline(steps).fit(frame, wanted)
    joblib.dump(pipeline, tmp_path / "pipeline.joblib")
    frame.assign(y=wanted).to_csv(tmp_path / "sample.csv", index=False)
    ran = run("pack", tmp_path / "pipeline.joblib", "--data", tmp_path / "sample.csv", "--target", "y", "--no-card")
    assert ran.code == 0, ran.output
    assert ran.manifest.engine == "sklearn" and ran.manifest.libraries["catboost"] == catboost.__version__
    client = make_client(ARTIFACTS_DIR=str(ran.root))
    rows = json.loads(frame.to_json(orient="records", double_precision=15))
    served = client.post("/predict/batch", json={"instances": rows}).get_json()["predictions"]
    served += [client.post("/predict", json=row).get_json() for row in rows[:5]]
    expected = pipeline.predict(frame).ravel().tolist()
    found = [answer["prediction"] for answer in served]
    if target == "a number":
        assert found == pytest.approx(expected + expected[:5], abs=1e-9)
    else:
        assert found == expected + expected[:5]
        probabilities = pipeline.predict_proba(frame).max(axis=1).tolist()
        assert [answer["probability"] for answer in served] == pytest.approx(
            probabilities + probabilities[:5], abs=1e-9
        )


def test_a_new_text_among_categories_of_its_own_is_answered_when_accepted(catboost, frame, run, tmp_path, make_client):
    wanted = TARGETS["a number"](frame)
    pipeline = Pipeline([("model", catboost.CatBoostRegressor(cat_features=["city"], **QUIET))]).fit(frame, wanted)
    joblib.dump(pipeline, tmp_path / "pipeline.joblib")
    frame.assign(y=wanted).to_parquet(tmp_path / "sample.parquet")
    asked = ("pack", tmp_path / "pipeline.joblib", "--data", tmp_path / "sample.parquet", "--target", "y", "--no-card")
    ran = run(*asked, "--unseen", "accept")
    assert ran.code == 0, ran.output
    row = {"number": 0.5, "city": "elsewhere", "code": 2}
    answer = make_client(ARTIFACTS_DIR=str(ran.root)).post("/predict", json=row)
    assert answer.get_json()["prediction"] == pytest.approx(pipeline.predict(pd.DataFrame([row]))[0], abs=1e-9)
