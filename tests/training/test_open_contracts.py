"""Texts and unseen categories: declared or found by training and packing, and answered as the pipeline answers them."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from training.text_columns import text_columns

WORDS = ["good", "bad", "slow", "fast", "red", "blue", "great", "awful", "fine", "meh"]


@pytest.fixture(scope="module")
def reviews():
    draw = np.random.default_rng(3)
    rows = 240
    frame = pd.DataFrame(
        {
            "review": [" ".join(draw.choice(WORDS, draw.integers(1, 7))) + f" no{row}" for row in range(rows)],
            "city": draw.choice(["Oslo", "Rome", "Bern"], rows),
            "kind": draw.choice(["a", "b"], rows),
            "age": draw.normal(40, 9, rows).round(1),
        }
    )
    told = frame.review.str.contains("good") | (frame.city == "Rome") | (frame.age > 55)
    frame["y"] = told.map({True: "yes", False: "no"})
    return frame


@pytest.fixture
def pack(run, tmp_path, reviews):
    """Factory: ``pack(fitted pipeline, "--unseen", "accept", declared={...})`` through the command."""

    def start(pipeline, *arguments, declared=None):
        joblib.dump(pipeline, tmp_path / "pipeline.joblib")
        reviews.to_csv(tmp_path / "sample.csv", index=False)
        if declared:
            (tmp_path / "contract.yaml").write_text(yaml.safe_dump({"features": declared}))
            arguments += ("--contract", tmp_path / "contract.yaml")
        data = tmp_path / "sample.csv"
        return run("pack", tmp_path / "pipeline.joblib", "--data", data, "--target", "y", "--no-card", *arguments)

    return start


def _fitted(frame, *columns, model=None):
    inputs = list(dict.fromkeys(name for _, _, chosen in columns for name in np.atleast_1d(chosen)))
    model = LogisticRegression() if model is None else model
    pipeline = Pipeline([("columns", ColumnTransformer(list(columns))), ("model", model)])
    return pipeline.fit(frame[inputs], frame["y"])


LENIENT = ("city", OneHotEncoder(handle_unknown="ignore"), ["city"])
STRICT = ("kind", OneHotEncoder(), ["kind"])
AGE = ("age", StandardScaler(), ["age"])


def _served(client, rows):
    answer = client.post("/predict/batch?probabilities=true", json={"instances": rows})
    assert answer.status_code == 200, answer.text
    document = answer.get_json()
    singly = [client.post("/predict?probabilities=true", json=row).get_json() for row in rows]
    found = np.array([one["probabilities"] for one in document["predictions"]])
    np.testing.assert_allclose(np.array([one["probabilities"] for one in singly]), found, rtol=0, atol=1e-9)
    assert {tuple(one["classes"]) for one in singly} == {tuple(document["classes"])}
    return found


def test_a_text_that_no_training_row_holds_is_answered_as_the_pipeline_answers_it(pack, reviews, make_client):
    pipeline = _fitted(reviews, ("text", TfidfVectorizer(), "review"), LENIENT, STRICT, AGE)
    ran = pack(pipeline, "--unseen", "accept")
    assert ran.code == 0, ran.output
    assert "'kind' cannot accept unseen categories" in ran.output
    features = {feature.name: feature for feature in ran.manifest.contract.features}
    assert [features[name].type for name in ("review", "city", "kind")] == ["text", "category", "category"]
    assert (features["city"].unseen, features["kind"].unseen) == ("accept", None)
    assert ran.manifest.engine == "sklearn" and "'review'" in ran.manifest.engine_reason

    client = make_client(ARTIFACTS_DIR=str(ran.root))
    texts = ["good new words", "", "bad", "Ünïcödé 数据 good", "x" * 10_000, "bad"]
    rows = [
        {"review": text, "city": city, "kind": "a", "age": 30.0 + place}
        for place, (text, city) in enumerate(zip(texts, ["Rome", "Paris", "", "Oslo", "Kyōto", "Paris"], strict=True))
    ]
    np.testing.assert_allclose(_served(client, rows), pipeline.predict_proba(pd.DataFrame(rows)), rtol=0, atol=1e-12)
    assert 'unseen_categories_total{feature="city"} 8' in client.get("/metrics").text  # singly, and in the batch

    refused = client.post("/predict", json=rows[0] | {"review": "x" * 10_001, "kind": "c"})
    assert set(refused.get_json()["errors"]) == {"review", "kind"}
    assert client.post("/predict", json=rows[0] | {"review": 5}).status_code == 422
    row = client.get("/apispec.json").get_json()["components"]["schemas"]["Row"]["properties"]
    assert row["review"]["maxLength"] == 10_000 and "enum" not in row["city"]
    described = {feature["name"]: feature for feature in client.get("/model/info").get_json()["features"]}
    assert described["review"]["maximum_length"] == 10_000
    assert described["city"]["unseen"] == "accept" and "unseen" not in described["kind"]


ENCODERS = (
    OneHotEncoder(handle_unknown="ignore"),
    OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=90),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=3),
    TargetEncoder(),
)


@pytest.mark.parametrize("model", [LogisticRegression(), RandomForestClassifier(9, random_state=0)])
def test_a_graph_and_the_pipeline_answer_unseen_categories_alike(pack, reviews, make_client, model):
    columns = [(f"city {place}", encoder, ["city"]) for place, encoder in enumerate(ENCODERS)]
    pipeline = _fitted(reviews, *columns, AGE, model=model)
    ran = pack(pipeline, "--unseen", "accept")
    assert ran.code == 0, ran.output
    assert ran.manifest.engine == "onnx", ran.manifest.engine_reason
    rows = [{"city": city, "age": age} for city in ("Rome", "Paris", "Bern", "") for age in (20.0, 70.5)]
    expected = pipeline.predict_proba(pd.DataFrame(rows))
    for engine in ("onnx", "sklearn"):
        client = make_client(ARTIFACTS_DIR=str(ran.root), ENGINE=engine)
        np.testing.assert_allclose(_served(client, rows), expected, rtol=0, atol=1e-6)


def test_without_the_option_an_unseen_category_is_422_and_pack_names_those_that_could(pack, reviews, make_client):
    ran = pack(_fitted(reviews, LENIENT, STRICT, AGE))
    assert ran.code == 0, ran.output
    assert "'city' could take them: --unseen accept" in ran.output
    answer = make_client(ARTIFACTS_DIR=str(ran.root)).post("/predict", json={"city": "Paris", "kind": "a", "age": 4})
    assert list(answer.get_json()["errors"]) == ["city"]


def test_an_override_opens_one_category_and_closes_another(pack, reviews):
    columns = (("both", OneHotEncoder(handle_unknown="ignore"), ["city", "kind"]), AGE)
    ran = pack(_fitted(reviews, *columns), "--unseen", "accept", declared={"kind": {"unseen": "refuse"}})
    assert ran.code == 0, ran.output
    assert {feature.name: feature.unseen for feature in ran.manifest.contract.features}["city"] == "accept"
    assert not ran.manifest.contract.features[ran.manifest.contract.names.index("kind")].is_open


def test_a_category_that_the_pipeline_cannot_take_unseen_is_refused_by_its_name(pack, reviews):
    ran = pack(_fitted(reviews, LENIENT, STRICT, AGE), declared={"kind": {"unseen": "accept"}})
    assert ran.code == 1
    assert "column 'kind' cannot accept unseen categories" in ran.output


def test_a_category_that_the_encoder_knows_and_the_sample_lacks_is_answered_as_known(pack, reviews, make_client):
    more = pd.concat([reviews, reviews.head(60).assign(city="Lima", y="yes")], ignore_index=True)
    pipeline = _fitted(more, LENIENT, AGE)
    ran = pack(pipeline, "--unseen", "accept")
    assert ran.code == 0, ran.output
    assert ran.manifest.engine == "onnx" and "Lima" in ran.manifest.contract.features[0].choices
    rows = [{"city": city, "age": 41.0} for city in ("Lima", "Paris")]
    client = make_client(ARTIFACTS_DIR=str(ran.root))
    np.testing.assert_allclose(_served(client, rows), pipeline.predict_proba(pd.DataFrame(rows)), rtol=0, atol=1e-9)
    assert 'unseen_categories_total{feature="city"} 2' in client.get("/metrics").text.replace(".0", "")


@pytest.mark.parametrize("family", ["hist_gradient_boosting", "logistic_regression"])
def test_training_takes_declared_texts_and_opens_its_categories(run, tmp_path, reviews, make_client, family):
    frame = reviews.copy()
    frame.loc[::9, "review"] = None
    frame.to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "contract.yaml").write_text("features: {review: {type: text, maximum_length: 500}}")
    ran = run(
        *("--data", tmp_path / "table.csv", "--target", "y", "--contract", tmp_path / "contract.yaml"),
        *("--model", family, "--unseen", "accept", "--no-card"),
    )
    assert ran.code == 0, ran.output
    pipeline = joblib.load(ran.folder / "pipeline.joblib")
    client = make_client(ARTIFACTS_DIR=str(ran.root))
    rows = [
        {"review": review, "city": city, "kind": "a", "age": 38.5}
        for review in ("good and new", "", None)
        for city in ("Rome", "Paris")
    ]
    expected = pipeline.predict_proba(pd.DataFrame(rows))
    np.testing.assert_allclose(_served(client, rows), expected, rtol=0, atol=1e-12)
    assert client.post("/predict", json=rows[0] | {"review": "x" * 501}).status_code == 422


def test_a_declared_length_that_the_data_exceeds_is_refused(pack, reviews):
    pipeline = _fitted(reviews, ("text", TfidfVectorizer(), "review"), AGE)
    ran = pack(pipeline, declared={"review": {"maximum_length": 3}})
    assert ran.code == 1 and "raise it" in ran.output


def test_text_columns_are_found_wherever_a_vectoriser_is_handed_one(reviews):
    nested = Pipeline([("words", FeatureUnion([("t", TfidfVectorizer()), ("h", HashingVectorizer(n_features=8))]))])
    inner = ColumnTransformer([("u", nested, "review"), ("c", CountVectorizer(), "city"), AGE])
    pipeline = Pipeline([("wrapped", Pipeline([("columns", inner)])), ("model", LogisticRegression())])
    pipeline.fit(reviews[["review", "city", "age"]], reviews["y"])
    assert text_columns(pipeline) == ["review", "city"]
    assert text_columns(_fitted(reviews, LENIENT, STRICT, AGE)) == []


def test_golden_rows_and_the_reference_hold_texts(pack, reviews):
    ran = pack(_fitted(reviews, ("text", TfidfVectorizer(), "review"), AGE))
    golden = json.loads((ran.folder / "golden.json").read_bytes())
    assert all(row[0] in set(reviews.review) for row in golden["rows"])
    reference = json.loads((ran.folder / "reference.json").read_bytes())["features"]["review"]
    assert reference["type"] == "text" and sum(reference["counts"]) == len(reviews)
