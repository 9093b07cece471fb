"""The model card: one page that loads nothing."""

import re
from html.parser import HTMLParser

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

pytestmark = pytest.mark.slow


class Loads(HTMLParser):
    """Collects what a page would fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value[:1] != "#"]
        self.found += [tag] if tag in ("script", "link", "iframe") else []


STRANGE = {"city": "<b>city", "age": "$\\frac{1}$", "visits": "訪問"}


def _card(train, frame, *arguments):
    ran = train(frame, "--card", *arguments)
    assert ran.code == 0, ran.output
    assert "card.html" in ran.manifest.files
    page = (ran.folder / "card.html").read_text("utf-8")
    loads = Loads()
    loads.feed(page)
    assert loads.found == [] and not re.search(r"url\((?!#)|@import", page)
    return page


def test_a_classifier_has_its_confusion_roc_calibration_and_importances(make_mixed, train):
    page = _card(train, make_mixed(200).rename(columns=STRANGE), "--model", "decision_tree", "--cv", "2")
    for title in (
        "Confusion",
        "ROC",
        "Calibration",
        "Importances",
        "Cross-validation",
        "&lt;b&gt;city",
        "größe in m.",
        "$\\frac{1}$",
        "訪問",
    ):
        assert title in page
    assert page.count("<svg") == 4 and "<b>city" not in page


def test_a_regression_has_its_residuals(train):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"a": draw.normal(size=200), "b": draw.normal(size=200)})
    frame["y"] = 3 * frame["a"] - frame["b"] + draw.normal(0, 0.1, 200)
    page = _card(train, frame, "--model", "linear_regression")
    assert "Residuals" in page and "Importances" in page and page.count("<svg") == 2


def test_a_packed_pipeline_says_that_it_may_have_seen_the_sample(make_mixed, run, tmp_path):
    frame = make_mixed(100)[["visits", "y"]]
    frame.to_csv(tmp_path / "sample.csv", index=False)
    joblib.dump(Pipeline([("model", DummyClassifier())]).fit(frame[["visits"]], frame["y"]), tmp_path / "p.joblib")
    ran = run("pack", tmp_path / "p.joblib", "--data", tmp_path / "sample.csv", "--target", "y")
    assert ran.code == 0, ran.output
    page = (ran.folder / "card.html").read_text("utf-8")
    assert "Fitted elsewhere, measured on a sample of 100 rows that it may have seen" in page


@pytest.mark.parametrize("model", ["ridge", "dummy"])
def test_a_model_without_probabilities_or_without_skill_has_a_card_too(model, make_mixed, train):
    assert "Confusion" in _card(train, make_mixed(200), "--model", model, "--floor", "accuracy=0.1")
