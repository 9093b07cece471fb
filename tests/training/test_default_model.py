"""The default model: its features, its accuracy, and that the same seed makes the same model."""

import joblib
import pandas as pd
import pytest

from inference.artifact import GOLDEN, PIPELINE, REFERENCE, build_engine, read_document
from inference.golden import check_golden
from inference.manifest import Manifest
from training.default_model import make_dataset, make_frame, make_pipeline
from training.fitting import fit, split


@pytest.fixture
def manifest(trained):
    return Manifest.read(trained / "random_forest-1")


def test_it_has_the_features_classes_and_trees_of_the_fastapi_design(trained, manifest):
    contract = manifest.contract
    assert contract.names == tuple(f"feature_{place}" for place in range(1, 6))
    assert [feature.type for feature in contract.features] == ["number"] * 4 + ["integer"]
    assert [(feature.minimum, feature.maximum) for feature in contract.features[3:]] == [(0, 100), (1, 10)]
    assert manifest.classes == (0, 1)
    pipeline = joblib.load(trained / manifest.version / PIPELINE)
    assert len(pipeline[-1].estimators_) == 100 and pipeline[-1].n_jobs == 1


def test_its_accuracy_is_honest_and_at_least_95_percent(manifest):
    assert manifest.metric == "accuracy"
    assert manifest.metrics["accuracy"] >= 0.95
    assert manifest.training["rows"] + manifest.training["holdout_rows"] == 20_000
    assert manifest.training["baseline"]["accuracy"] < 0.55


def test_every_engine_reproduces_its_golden_rows(trained, manifest):
    folder = trained / manifest.version
    for engine in {"sklearn", manifest.engine}:
        golden = read_document(folder, manifest, GOLDEN)
        assert len(golden["rows"]) == 50
        check_golden(build_engine(folder, manifest, engine), manifest.contract, golden)


def test_its_reference_counts_every_row(trained, manifest):
    reference = read_document(trained / manifest.version, manifest, REFERENCE)
    assert reference["rows"] == manifest.training["rows"]
    assert list(reference["features"]) == list(manifest.contract.names)
    for distribution in reference["features"].values():
        assert sum(distribution["counts"]) + distribution["nulls"] == reference["rows"]
    assert sum(reference["prediction"]["counts"]) == manifest.training["holdout_rows"]


def test_the_same_seed_makes_the_same_data_and_the_same_model():
    pd.testing.assert_frame_equal(make_frame(3, 500), make_frame(3, 500))
    assert not make_frame(3, 500).equals(make_frame(4, 500))
    answers = []
    for _ in range(2):
        seen, holdout = split(make_dataset(3, 600), 0.2, 3)
        answers.append(fit(make_pipeline(3, trees=5), seen, holdout).answers.probabilities.tolist())
    assert answers[0] == answers[1]
