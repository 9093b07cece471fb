"""Pipelines fitted elsewhere: packed as they are, or refused in one sentence."""

import json
import pickle

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PowerTransformer, StandardScaler


@pytest.fixture
def sample():
    draw = np.random.default_rng(2)
    frame = pd.DataFrame({"a b": draw.normal(size=150), "city": draw.choice(["x", "y"], 150), "more": range(150)})
    frame["y"] = np.where((frame["a b"] > 0) ^ (frame["city"] == "x"), "good", "bad")
    return frame


@pytest.fixture
def pack(run, tmp_path, sample):
    """Factory: ``pack(object, sample)`` through the command."""

    def start(thing, frame=sample, *arguments):
        path, data = tmp_path / "pipeline.joblib", tmp_path / "sample.csv"
        if isinstance(thing, bytes):
            path.write_bytes(thing)
        else:
            joblib.dump(thing, path)
        frame.to_csv(data, index=False)
        return run("pack", path, "--data", data, "--target", "y", "--no-card", *arguments)

    return start


def _pipeline(model=None):
    columns = ColumnTransformer([("n", StandardScaler(), ["a b"]), ("c", OneHotEncoder(), ["city"])])
    return Pipeline([("columns", columns), ("model", model or RandomForestClassifier(5, random_state=0))])


def _fitted(sample, model=None):
    return _pipeline(model).fit(sample[["a b", "city"]], sample["y"])


def test_a_fitted_pipeline_is_served_as_it_answers(pack, sample, make_client):
    pipeline = _fitted(sample)
    ran = pack(pipeline)
    assert ran.code == 0, ran.output
    assert ran.manifest.version == "random_forest-1" and ran.manifest.contract.names == ("a b", "city")
    assert "150 rows of the sample; fitted elsewhere" in ran.output
    assert ran.manifest.training["sample_rows"] == 150 and "holdout_rows" not in ran.manifest.training
    assert "does not use 'more'" in ran.output and "honest only if" in ran.output
    rows = json.loads(sample[["a b", "city"]].to_json(orient="records", double_precision=15))
    answer = make_client(ARTIFACTS_DIR=str(ran.root)).post("/predict/batch", json={"instances": rows})
    assert [entry["prediction"] for entry in answer.get_json()["predictions"]] == list(pipeline.predict(sample))


def test_a_step_of_ones_own_is_served_by_sklearn_and_said_loudly(pack, sample):
    pipeline = Pipeline([("own", FunctionTransformer(np.sinh)), ("model", LogisticRegression())])
    ran = pack(pipeline.fit(sample[["a b"]], sample["y"]), sample, "--name", "mine")
    assert ran.code == 0, ran.output
    assert ran.manifest.engine == "sklearn" and ran.manifest.engine_reason
    assert "served by scikit-learn itself" in ran.output and "ms of computing a row" in ran.output


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])  # the first is pinned, and never missing
def test_estimators_of_other_libraries_are_packed(library, pack, sample):
    module = pytest.importorskip(
        library, reason=f"not installed (Python package {library}); its wheel is too large for CI"
    )
    model = {"lightgbm": "LGBMClassifier", "xgboost": "XGBClassifier"}[library]
    settings = {"n_estimators": 5} | ({"verbose": -1} if library == "lightgbm" else {})
    sample["y"] = (sample["y"] == "good").astype(int)
    pipeline = Pipeline([("all", _pipeline(getattr(module, model)(**settings)))]).fit(
        sample[["a b", "city"]], sample["y"]
    )
    ran = pack(pipeline, sample)
    assert ran.code == 0, ran.output
    assert ran.manifest.libraries[library] == module.__version__


def test_a_net_of_three_classes_predicts_one_target(pack, sample):
    sample["y"] = pd.qcut(sample["a b"], 3, labels=["low", "middle", "high"]).astype(str)
    net = Pipeline([("model", MLPClassifier((4,), max_iter=2000, random_state=0))]).fit(sample[["a b"]], sample["y"])
    ran = pack(net, sample)
    assert ran.code == 0, ran.output


@pytest.mark.parametrize("dtype", ["int8", "uint16", "Int8"])
def test_a_number_beyond_a_narrow_column_is_not_wrapped(dtype, run, tmp_path, make_client):
    """A frame made of a request holds 300, however narrow the column of the fit was."""
    frame = pd.DataFrame({"a": np.arange(100) % 50, "y": np.arange(100) % 50 * 2.0})
    pipeline = Pipeline([("model", LinearRegression())]).fit(frame[["a"]].astype(dtype), frame["y"])
    joblib.dump(pipeline, tmp_path / "pipeline.joblib")
    frame.astype({"a": dtype}).to_parquet(tmp_path / "sample.parquet")
    ran = run("pack", tmp_path / "pipeline.joblib", "--data", tmp_path / "sample.parquet", "--target", "y", "--no-card")
    assert ran.code == 0, ran.output
    for engine in ("auto", "sklearn"):
        client = make_client(ARTIFACTS_DIR=str(ran.root), ENGINE=engine)
        for number in (300, -70_000):
            answer = client.post("/predict", json={"a": number})
            assert answer.status_code == 200 and answer.get_json()["prediction"] == pytest.approx(number * 2)


def _of_another_version(pipeline):
    content = pickle.dumps(pipeline, protocol=2)
    ours, theirs = sklearn.__version__.encode(), b"1.0.0"
    assert len(ours) == len(theirs)
    return content.replace(ours, theirs)


REFUSED = {
    "no pickle": (lambda sample: b"hello", "is no pickle of a pipeline"),
    "no pipeline": (lambda sample: {"a": 1}, "holds a dict, not a scikit-learn Pipeline"),
    "a bare model": (lambda sample: LogisticRegression(), "holds a LogisticRegression, not"),
    "a search": (
        lambda sample: GridSearchCV(_pipeline(), {"model__max_depth": [2]}, cv=2).fit(
            sample[["a b", "city"]], sample["y"]
        ),
        "save its best_estimator_",
    ),
    "a fitted bare model": (
        lambda sample: LogisticRegression().fit(sample[["a b"]], sample["y"]),
        r"save Pipeline([('model', it)]), which needs no new fit",
    ),
    "several targets": (
        lambda sample: Pipeline([("model", LinearRegression())]).fit(sample[["a b"]], sample[["a b", "more"]]),
        "predicts several targets at once",
    ),
    "several labels": (
        lambda sample: Pipeline([("model", OneVsRestClassifier(LogisticRegression()))]).fit(
            sample[["a b"]], np.eye(2, dtype=int)[(sample["a b"] > 0).astype(int)]
        ),
        "predicts several targets at once",
    ),
    "a lambda": (
        lambda sample: cloudpickle.dumps(
            Pipeline([("f", FunctionTransformer(lambda rows: rows)), ("model", _pipeline())]).fit(
                sample[["a b", "city"]], sample["y"]
            )
        ),
        "the pipeline cannot be saved",
    ),
    "not fitted": (lambda sample: _pipeline(), "is not fitted"),
    "fitted on arrays": (
        lambda sample: Pipeline([("model", LogisticRegression())]).fit(sample[["a b"]].to_numpy(), sample["y"]),
        "without names of their own",
    ),
    "no model at its end": (
        lambda sample: Pipeline([("s", StandardScaler())]).fit(sample[["a b"]]),
        "ends in StandardScaler",
    ),
    "another scikit-learn": (lambda sample: _of_another_version(_fitted(sample)), "fitted with scikit-learn 1.0.0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_served_is_refused(case, pack, sample):
    make, words = REFUSED[case]
    ran = pack(make(sample))
    assert ran.code == 1 and words in ran.output, ran.output


def test_a_sample_that_does_not_fit_is_refused(pack, sample):
    pipeline = _fitted(sample)
    assert "lacks the column 'city'" in pack(pipeline, sample.drop(columns="city")).output
    assert "'strange', which is not a label" in pack(pipeline, sample.assign(y="strange")).output
    assert "fails on sample.csv" in pack(pipeline, sample.assign(city="Rome")).output
    assert "fails on sample.csv" in pack(pipeline, sample.assign(**{"a b": "text"})).output


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_row_too_far_for_an_exponential_is_refused_and_those_seen_are_not(run, tmp_path, make_client):
    """An income or an age may go as far as the exponential does; both at once may not. Infinity is no JSON."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"income": draw.uniform(2e4, 1.2e5, 300), "age": draw.uniform(18, 90, 300)})
    frame["y"] = np.exp(frame["income"] / 1e5 + frame["age"] / 30)
    pipeline = Pipeline([("scale", StandardScaler()), ("model", PoissonRegressor(alpha=0))])
    joblib.dump(pipeline.fit(frame[["income", "age"]], frame["y"]), tmp_path / "pipeline.joblib")
    frame.to_parquet(tmp_path / "sample.parquet")
    ran = run("pack", tmp_path / "pipeline.joblib", "--data", tmp_path / "sample.parquet", "--target", "y", "--no-card")
    assert ran.code == 0, ran.output
    contract = ran.manifest.contract
    income, age = (contract.bounds(feature)[1] for feature in contract.features)
    for engine in ("auto", "sklearn"):
        client = make_client(ARTIFACTS_DIR=str(ran.root), ENGINE=engine)
        for row in ({"income": 119_000.0, "age": 80.0}, {"income": income}, {"age": age}):
            assert client.post("/predict", json=contract.example | row).status_code == 200
        beyond = client.post("/predict", json={"income": 1e5, "age": age * 10})
        assert beyond.status_code == 422 and list(beyond.get_json()["errors"]) == ["age"]
        rows = [{"income": 1e5, "age": 40.0}, {"income": income, "age": age}]
        refused = client.post("/predict", json=rows[1])
        assert refused.status_code == 422 and "no finite number" in refused.get_json()["errors"]["$"][0]
        assert list(client.post("/predict/batch", json={"instances": rows}).get_json()["errors"]) == ["instances.1"]


def test_a_pipeline_over_arrow_columns_is_served_as_it_answers(run, tmp_path, make_client):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": pd.array(draw.normal(size=200), dtype="double[pyarrow]"),
            "i": pd.array(draw.integers(0, 5, 200), dtype="int16[pyarrow]"),
            "b": pd.array(draw.random(200) < 0.5, dtype="bool[pyarrow]"),
            "s": pd.array(draw.choice(["u", "v"], 200), dtype="string[pyarrow]"),
        }
    )
    frame["y"] = np.where(frame["a"].astype(float) + frame["i"].astype(int) > 2, "p", "q")
    encode = ColumnTransformer([("text", OneHotEncoder(), ["s"])], remainder="passthrough")
    pipeline = Pipeline([("encode", encode), ("model", RandomForestClassifier(5, random_state=0))])
    joblib.dump(pipeline.fit(frame.drop(columns="y"), frame["y"]), tmp_path / "pipeline.joblib")
    frame.to_parquet(tmp_path / "sample.parquet")
    ran = run("pack", tmp_path / "pipeline.joblib", "--data", tmp_path / "sample.parquet", "--target", "y", "--no-card")
    assert ran.code == 0, ran.output
    rows = json.loads(frame.drop(columns="y").to_json(orient="records", double_precision=15))
    answer = make_client(ARTIFACTS_DIR=str(ran.root)).post("/predict/batch", json={"instances": rows})
    predicted = [entry["prediction"] for entry in answer.get_json()["predictions"]]
    assert predicted == list(pipeline.predict(frame.drop(columns="y")))


def _true_false_with_gaps(tmp_path, imputed):
    """A column of True, False and empty cells, read from CSV as everyone does, and a pipeline fitted on that."""
    frame = pd.DataFrame({"opted_in": [True, None, None, False] * 30, "age": list(range(20, 80)) * 2})
    frame["y"] = ["a" if value is None else ("b" if value else "c") for value in frame["opted_in"]]
    frame.to_csv(tmp_path / "sample.csv", index=False)
    frame.to_parquet(tmp_path / "sample.parquet")  # where the empty cells come back as None instead of NaN
    frame = pd.read_csv(tmp_path / "sample.csv")
    encode = OneHotEncoder(handle_unknown="ignore")
    steps = make_pipeline(SimpleImputer(strategy="most_frequent"), encode) if imputed else encode
    columns = ColumnTransformer([("yes", steps, ["opted_in"])], remainder="passthrough")
    pipeline = Pipeline([("columns", columns), ("model", LogisticRegression(max_iter=5000))])
    joblib.dump(pipeline.fit(frame[["opted_in", "age"]], frame["y"]), tmp_path / "pipeline.joblib")
    return pipeline, frame[["opted_in", "age"]]


@pytest.mark.parametrize("imputed", [False, True])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_null_reaches_the_pipeline_as_the_null_it_was_fitted_with(kind, imputed, run, tmp_path, make_client):
    pipeline, frame = _true_false_with_gaps(tmp_path, imputed)
    sample = tmp_path / f"sample.{kind}"
    ran = run("pack", tmp_path / "pipeline.joblib", "--data", sample, "--target", "y", "--no-card")
    assert ran.code == 0, ran.output
    said = "column 'opted_in': its empty cells reach the pipeline as NaN, as in its fit; in the sample they are None"
    assert (said in ran.output) == (kind == "parquet")
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    for engine in ("auto", "sklearn"):
        client = make_client(ARTIFACTS_DIR=str(ran.root), ENGINE=engine)
        served = client.post("/predict/batch", json={"instances": rows}).get_json()["predictions"]
        assert [entry["prediction"] for entry in served] == list(pipeline.predict(frame))
        expected = pipeline.predict_proba(frame).max(axis=1)
        assert np.abs(np.array([entry["probability"] for entry in served]) - expected).max() < 1e-12
        assert client.post("/predict", json=rows[2]).get_json()["probability"] == pytest.approx(expected[2], abs=1e-12)


@pytest.mark.parametrize("ensemble", [CalibratedClassifierCV, OneVsRestClassifier])
def test_an_ensemble_whose_own_model_is_a_whole_pipeline_is_packed(ensemble, pack, sample):
    """It keeps the pipeline that it copied, which was never fitted."""
    model = ensemble(_pipeline())
    ran = pack(Pipeline([("model", model)]).fit(sample[["a b", "city"]], sample["y"]))
    assert "Traceback" not in ran.output
    assert ran.code == 0, ran.output


def test_categories_given_by_hand_do_not_tell_which_null_the_fit_held(run, tmp_path):
    flags = pd.Series(np.array([True, True, False, None] * 30, dtype=object))
    frame = pd.DataFrame({"flag": flags, "age": np.arange(120.0), "y": ["a", "b", "c"] * 40})
    encode = OneHotEncoder(categories=[[True, False]], handle_unknown="ignore")
    steps = make_pipeline(SimpleImputer(strategy="most_frequent"), encode)
    columns = ColumnTransformer([("flag", steps, ["flag"])], remainder="passthrough")
    pipeline = Pipeline([("columns", columns), ("model", LogisticRegression(max_iter=5000))])
    joblib.dump(pipeline.fit(frame[["flag", "age"]], frame["y"]), tmp_path / "pipeline.joblib")
    frame.to_parquet(tmp_path / "sample.parquet")
    ran = run("pack", tmp_path / "pipeline.joblib", "--data", tmp_path / "sample.parquet", "--target", "y", "--no-card")
    assert ran.code == 1
    assert "column 'flag' may be null, and the pipeline answers None otherwise than NaN there" in ran.output


def test_two_kinds_of_null_that_the_pipeline_tells_apart_are_refused_by_column(run, tmp_path):
    values = np.array([True, False, None, np.nan] * 30, dtype=object)
    frame = pd.DataFrame({"flag": values, "age": np.arange(120.0), "y": ["a", "b", "c", "d"] * 30})
    encode = ColumnTransformer([("flag", OneHotEncoder(), ["flag"])], remainder="passthrough")
    pipeline = Pipeline([("encode", encode), ("model", LogisticRegression(max_iter=5000))])
    joblib.dump(pipeline.fit(frame[["flag", "age"]], frame["y"]), tmp_path / "pipeline.joblib")
    frame.to_csv(tmp_path / "sample.csv", index=False)
    ran = run("pack", tmp_path / "pipeline.joblib", "--data", tmp_path / "sample.csv", "--target", "y", "--no-card")
    assert ran.code == 1
    assert "column 'flag' may be null, and the pipeline answers None otherwise than NaN there" in ran.output


def test_a_column_of_texts_that_csv_reads_as_numbers_is_served_as_texts(run, tmp_path, make_client):
    frame = pd.DataFrame({"code": pd.Series(["1", "2", "30"] * 30, dtype="str"), "y": ["a", "b", "c"] * 30})
    pipeline = Pipeline([("encode", OneHotEncoder(handle_unknown="ignore")), ("model", LogisticRegression())])
    joblib.dump(pipeline.fit(frame[["code"]], frame["y"]), tmp_path / "pipeline.joblib")
    frame.to_csv(tmp_path / "sample.csv", index=False)
    ran = run("pack", tmp_path / "pipeline.joblib", "--data", tmp_path / "sample.csv", "--target", "y", "--no-card")
    assert ran.code == 0 and "column 'code' was fitted on texts such as '1'" in ran.output
    answer = make_client(ARTIFACTS_DIR=str(ran.root)).post("/predict", json={"code": "30"}).get_json()
    assert answer["prediction"] == "c"
    frame.assign(code="0" + frame["code"]).to_csv(tmp_path / "sample.csv", index=False)
    joblib.dump(
        pipeline.fit(frame[["code"]].apply(lambda texts: "0" + texts), frame["y"]), tmp_path / "pipeline.joblib"
    )
    ran = run("pack", tmp_path / "pipeline.joblib", "--data", tmp_path / "sample.csv", "--target", "y", "--no-card")
    assert ran.code == 1 and "column 'code' was fitted on texts such as '01', but the sample holds 1" in ran.output


def test_a_skewed_column_does_not_shut_the_door_on_the_sample(run, tmp_path, make_client):
    """PowerTransformer answers years far beyond those seen, but hardly any number below 0 in the skewed column."""
    draw = np.random.default_rng(0)
    pool = np.where(draw.random(600) < 0.01, draw.integers(200, 800, 600), 0)
    frame = pd.DataFrame({"year": draw.integers(1900, 2020, 600), "pool": pool})
    pipeline = make_pipeline(PowerTransformer(), GradientBoostingRegressor(n_estimators=20))
    pipeline.fit(frame, frame["pool"] * 3 + frame["year"] * 10)
    joblib.dump(pipeline, tmp_path / "pipeline.joblib")
    frame.assign(price=pipeline.predict(frame)).to_csv(tmp_path / "sample.csv", index=False)
    ran = run("pack", tmp_path / "pipeline.joblib", "--data", tmp_path / "sample.csv", "--target", "price", "--no-card")
    assert ran.code == 0, ran.output
    client = make_client(ARTIFACTS_DIR=str(ran.root))
    answer = client.post("/predict/batch", json={"instances": frame.to_dict("records")})
    assert answer.status_code == 200
    found = [entry["prediction"] for entry in answer.get_json()["predictions"]]
    assert np.allclose(found, pipeline.predict(frame), rtol=1e-12)
    assert client.post("/predict", json=ran.manifest.contract.example).status_code == 200
    assert client.post("/predict", json={"year": 1_000_000, "pool": 0}).status_code == 200
    refused = client.post("/predict", json={"year": 2000, "pool": -100_000})
    assert list(refused.get_json()["errors"]) == ["pool"]
