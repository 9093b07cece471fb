"""Stacked estimators, and pipelines with samplers, answer as they do."""

import importlib

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.training.compiler.test_families import CLOSE, IMPUTED
from training.compiler import NotCompilable

pytestmark = pytest.mark.slow

CLASSIFIERS = [
    ("forest", RandomForestClassifier(6, max_depth=4, random_state=0)),
    ("margin", LinearSVC()),
    ("line", make_pipeline(StandardScaler(with_mean=False), LogisticRegression(max_iter=500))),
]
REGRESSORS = [("tree", DecisionTreeRegressor(max_depth=4, random_state=0)), ("line", Ridge())]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize(
    "last",
    [None, DecisionTreeClassifier(max_depth=5, random_state=0), GradientBoostingClassifier(n_estimators=4)],
    ids=["default", "tree", "boosting"],
)
def test_a_stack_of_classifiers(fit, make_rows, last, passthrough, classes):
    model = StackingClassifier(CLASSIFIERS, last, cv=3, passthrough=passthrough)
    flips, apart = fit(make_pipeline(IMPUTED, model), classes).difference(make_rows(2000, 1))
    assert (flips, apart < CLOSE) == (0, True)


@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("last", [None, LinearRegression(), RandomForestRegressor(4, random_state=0)], ids=str)
def test_a_stack_of_regressions(fit, make_rows, last, passthrough):
    model = StackingRegressor(REGRESSORS, last, cv=3, passthrough=passthrough)
    assert fit(make_pipeline(IMPUTED, model), 0).difference(make_rows(2000, 1))[1] < CLOSE


def test_a_stack_with_a_member_that_is_not_compiled_names_it(fit):
    model = StackingRegressor([*REGRESSORS, ("near", KNeighborsRegressor())], cv=2)
    with pytest.raises(NotCompilable, match="KNeighborsRegressor"):
        fit(make_pipeline(IMPUTED, model), 0).engine()


class Thinning(BaseEstimator):
    """A sampler, as imbalanced-learn has them."""

    def fit_resample(self, X, y):
        return X[::2], y[::2]


def test_a_sampler_does_nothing_at_prediction(fit, make_rows):
    fitted = fit(make_pipeline(IMPUTED, DecisionTreeClassifier(max_depth=4)))
    expected = np.array(fitted.engine().predict(make_rows(300, 1)).predictions)
    fitted.pipeline.steps.insert(1, ("thin", Thinning()))
    assert (np.array(fitted.engine().predict(make_rows(300, 1)).predictions) == expected).all()


def test_a_pipeline_of_imbalanced_learn(fit, make_rows):
    imblearn = pytest.importorskip(
        "imblearn", reason="imbalanced-learn is not installed (Python package imbalanced-learn)"
    )
    over = importlib.import_module("imblearn.over_sampling").RandomOverSampler(random_state=0)
    pipeline = imblearn.pipeline.make_pipeline(IMPUTED, over, LogisticRegression(max_iter=500))
    flips, apart = fit(pipeline).difference(make_rows(2000, 1))
    assert (flips, apart < CLOSE) == (0, True)
