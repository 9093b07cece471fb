"""A step that is not compiled is named in the error."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, OneHotEncoder, StandardScaler

from tests.training.compiler.conftest import DTYPES
from training.compiler import NotCompilable, compile_pipeline


class OddScaler(StandardScaler):
    def transform(self, X):
        return super().transform(X) * 2


def only(step, model, **settings):
    columns = ["großer Wert", "grade"]
    return make_pipeline(ColumnTransformer([("numbers", step, columns)], **settings), model)


CASES = {
    "Normalizer: this step": only(Normalizer(), Ridge()),
    "KNeighborsRegressor: this estimator": only("passthrough", KNeighborsRegressor()),
    "FunctionTransformer: only the identity": only(FunctionTransformer(np.cumsum), Ridge()),
    "SimpleImputer: missing_values=-1": only(SimpleImputer(missing_values=-1), Ridge()),
    "OddScaler: this step": only(OddScaler(), Ridge()),
    "ColumnTransformer: transformer_weights": only("passthrough", Ridge(), transformer_weights={"numbers": 2}),
    "GradientBoostingRegressor: init=": only(
        "passthrough", GradientBoostingRegressor(n_estimators=2, init=LinearRegression())
    ),
}


@pytest.mark.parametrize("reason", CASES)
def test_a_step_that_is_not_compiled_is_named(fit, reason):
    fitted = fit(CASES[reason], 0)
    with pytest.raises(NotCompilable, match=f"^{reason}"):
        compile_pipeline(fitted.pipeline, fitted.contract, fitted.dtypes)


def test_a_dummy_that_draws_lots_is_refused(fit):
    fitted = fit(only("passthrough", DummyClassifier(strategy="stratified")))
    with pytest.raises(NotCompilable, match="answers at random"):
        fitted.engine()


def test_arithmetic_in_float32_is_refused(fit):
    scaled = ColumnTransformer([("numbers", StandardScaler(), ["großer Wert"])])
    fitted = fit(make_pipeline(scaled, Ridge()), 0, DTYPES | {"großer Wert": "float32"})
    with pytest.raises(NotCompilable, match="StandardScaler: its arithmetic is done in float32"):
        fitted.engine()


def test_several_targets_are_refused(fit, make_rows):
    fitted = fit(only("passthrough", Ridge()), 0)
    for model in (RandomForestRegressor(3), LinearRegression()):
        model.fit(make_rows(50)[:, [1, 2]], np.ones((50, 2)))
        fitted.pipeline.steps[-1] = ("model", model)
        with pytest.raises(NotCompilable, match="more than one target"):
            fitted.engine()


def test_a_step_that_fails_on_valid_rows_is_named(fit):
    """The contract's grade 2 is the example; an encoder fitted on none of it cannot answer."""
    fitted = fit(only(OneHotEncoder(categories=[list(range(-300, -290)), [2]], handle_unknown="ignore"), Ridge()), 0)
    fitted.pipeline[0].named_transformers_["numbers"].handle_unknown = "error"
    with pytest.raises(NotCompilable, match="OneHotEncoder: it fails on a valid row"):
        fitted.engine()


def test_what_is_no_estimator_is_named(fit):
    fitted = fit(only("passthrough", Ridge()), 0)
    with pytest.raises(NotCompilable, match="BaseEstimator"):
        compile_pipeline(BaseEstimator(), fitted.contract, fitted.dtypes)
