"""Any table: trained by the command, served by the app, answered exactly as the pipeline answers."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from inference.artifact import PIPELINE
from inference.engines.sklearn import SklearnEngine
from inference.features import encode

pytestmark = pytest.mark.slow

CLASSIFIERS = ["random_forest", "extra_trees", "gradient_boosting", "hist_gradient_boosting", "decision_tree"]
CLASSIFIERS += ["logistic_regression", "ridge", "dummy"]
REGRESSORS = [name for name in CLASSIFIERS if name != "logistic_regression"] + ["linear_regression"]


def _frame(loader, *, names=False):
    bunch = loader(as_frame=True)
    frame = bunch.frame.rename(columns={"target": "y"})
    if names:
        frame["y"] = [str(bunch.target_names[place]) for place in frame["y"]]
    return frame


def _cases():
    for table in ("iris", "wine", "breast_cancer", "digits", "mixed"):
        yield from ((table, family) for family in CLASSIFIERS)
    yield from (("diabetes", family) for family in REGRESSORS)


@pytest.fixture
def tables(make_mixed):
    return {
        "iris": lambda: _frame(datasets.load_iris, names=True),
        "wine": lambda: _frame(datasets.load_wine),
        "breast_cancer": lambda: _frame(datasets.load_breast_cancer),
        "digits": lambda: _frame(datasets.load_digits),
        "diabetes": lambda: _frame(datasets.load_diabetes),
        "mixed": make_mixed,
    }


def _instances(frame):
    exact = [
        {name: (None if pd.isna(value) else value) for name, value in row.items()}
        for row in frame.drop(columns="y").astype(object).to_dict(orient="records")
    ]
    return json.loads(json.dumps(exact, default=lambda value: value.item()))


@pytest.mark.parametrize(("table", "family"), list(_cases()))
def test_a_trained_table_is_served_as_its_pipeline_answers(table, family, tables, train, make_client):
    frame = tables[table]()
    ran = train(frame, "--model", family, "--floor", "r2=-1" if table == "diabetes" else "accuracy=0.1")
    assert ran.code == 0, ran.output
    manifest, rows = ran.manifest, _instances(frame)
    assert manifest.version == f"{family}-1"
    answer = make_client(ARTIFACTS_DIR=str(ran.root)).post("/predict/batch", json={"instances": rows})
    assert answer.status_code == 200, answer.get_json(force=True)
    served = [entry["prediction"] for entry in answer.get_json()["predictions"]]
    pipeline = joblib.load(ran.folder / PIPELINE)
    engine = SklearnEngine(pipeline, manifest.contract, manifest.dtypes, manifest.classes)
    own = engine.predict(encode(manifest.contract, [tuple(row.values()) for row in rows])).predictions
    if table == "diabetes":
        np.testing.assert_allclose(served, own, rtol=1e-6)
    else:
        assert served == own and {type(label) for label in served} <= {type(label) for label in frame["y"].tolist()}


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [3, 7], [True, False], [0.5, 1.5], [1.0, 2.0], ["1", "2"], ["ja", "vielleicht", "nein"]]
)
def test_labels_keep_their_json_type(labels, train, tmp_path):
    draw = np.random.default_rng(1)
    kinds = draw.integers(0, len(labels), 120)
    frame = pd.DataFrame({"a": kinds + draw.normal(0, 0.3, 120), "b": draw.normal(size=120)})
    frame["y"] = [labels[kind] for kind in kinds]
    path = tmp_path / "table.parquet"
    frame.to_parquet(path)
    ran = train(frame.head(1), "--data", path, "--model", "decision_tree", "--task", "classification")
    assert ran.code == 0, ran.output
    assert [(type(label), label) for label in ran.manifest.classes] == [(type(v), v) for v in sorted(labels)]
    golden = json.loads((ran.folder / "golden.json").read_text())
    assert {type(label) for label in golden["predictions"]} == {type(labels[0])}


def test_a_target_of_pandas_categories_counts_only_those_present(train, tmp_path):
    frame = pd.DataFrame({"a": range(90), "b": [place % 7 for place in range(90)]})
    frame["y"] = pd.Categorical([place // 30 for place in range(90)], categories=[0, 1, 2, 3])
    frame["a"] = pd.Categorical(frame["a"] // 10)
    path = tmp_path / "table.parquet"
    frame.to_parquet(path)
    ran = train(frame.head(1), "--data", path, "--model", "decision_tree")
    assert ran.code == 0, ran.output
    assert ran.manifest.classes == (0, 1, 2)
    assert [feature.type for feature in ran.manifest.contract.features] == ["integer", "integer"]


def test_golden_rows_show_nulls_and_rare_categories(make_mixed, train):
    ran = train(make_mixed(), "--model", "decision_tree")
    rows = json.loads((ran.folder / "golden.json").read_text())["rows"]
    columns = list(zip(*rows, strict=True))
    for place, feature in enumerate(ran.manifest.contract.features):
        assert (None in columns[place]) == feature.nullable
        assert set(feature.choices or ()) <= set(columns[place])


def test_cross_validation_and_search_are_reported(make_mixed, train):
    ran = train(make_mixed(200), "--model", "decision_tree", "--cv", "3", "--search", "3")
    assert ran.code == 0, ran.output
    facts = ran.manifest.training
    assert facts["cross_validation"]["folds"] == 3 and 0 < facts["cross_validation"]["accuracy"]["mean"] <= 1
    assert len(facts["search"]["tried"]) == 3 and facts["search"]["tried"][0]["settings"] == {}


def test_the_first_training_is_routed_and_a_later_one_says_how_to_promote_it(make_mixed, train):
    first = train(make_mixed(200), "--model", "decision_tree")
    assert "gunicorn wsgi:app" in first.output
    assert "/predict -H 'Content-Type: application/json' -d '{" in first.output
    second = train(make_mixed(200), "--model", "decision_tree", "--drop", "visits")
    assert "flask models promote decision_tree-2" in second.output
    assert json.loads((second.root / "routing.json").read_text())["stable"] == "decision_tree-1"


def test_declared_and_observed_ranges_are_enforced(make_mixed, train, make_client, tmp_path):
    path = tmp_path / "contract.yaml"
    path.write_text("features: {age: {minimum: 0, maximum: 120}}")
    ran = train(make_mixed(200), "--model", "decision_tree", "--contract", path, "--ranges", "observed")
    row = ran.manifest.contract.example | {"age": 121, "visits": 99}
    answer = make_client(ARTIFACTS_DIR=str(ran.root)).post("/predict", json=row)
    assert answer.status_code == 422 and answer.get_json(force=True)["errors"].keys() == {"age", "visits"}
