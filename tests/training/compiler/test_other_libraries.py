"""Estimators of LightGBM, and of XGBoost where it is installed: its wheel brings hundreds of megabytes of CUDA."""

import lightgbm
import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from tests.training.compiler.conftest import NATIVE
from training.compiler import NotCompilable

CODES = ColumnTransformer(
    [
        ("numbers", "passthrough", ["width", "großer Wert"]),
        ("codes", OrdinalEncoder(encoded_missing_value=np.nan), ["colour", "side"]),
    ]
).set_output(transform="pandas")
SMALL = {"n_estimators": 20, "random_state": 0, "n_jobs": 1}


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_lightgbm_is_answered_alike(fit, make_rows, classes):
    kind = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
    flips, apart = fit(make_pipeline(CODES, kind(verbose=-1, min_child_samples=5, **SMALL)), classes).difference(
        make_rows(2000, 1)
    )
    assert (flips, apart < 1e-12) == (0, True)


@pytest.mark.parametrize("classes", [0, 2])
def test_lightgbm_splits_on_categories_alike(fit, make_rows, classes):
    kind = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
    names = ["width", "großer Wert", "colour", "side", "flag"]
    chosen = ColumnTransformer([("all", "passthrough", names)], verbose_feature_names_out=False)
    model = kind(verbose=-1, min_child_samples=3, min_data_per_group=1, cat_smooth=1, max_cat_to_onehot=1, **SMALL)
    pipeline = make_pipeline(chosen.set_output(transform="pandas"), model)
    flips, apart = fit(pipeline, classes, NATIVE).difference(make_rows(2000, 1))
    assert (flips, apart < 1e-12) == (0, True)


def test_lightgbm_with_zero_as_missing_is_refused(fit):
    fitted = fit(make_pipeline(CODES, lightgbm.LGBMRegressor(verbose=-1, zero_as_missing=True, **SMALL)), 0)
    with pytest.raises(NotCompilable, match="LGBMRegressor: zero_as_missing"):
        fitted.engine()


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_xgboost_has_the_same_labels_and_sums(fit, make_rows, classes):
    xgboost = pytest.importorskip(
        "xgboost", reason="XGBoost is not installed (Python package xgboost): its wheel is too large"
    )
    kind = xgboost.XGBClassifier if classes else xgboost.XGBRegressor
    flips, apart = fit(make_pipeline(CODES, kind(**SMALL)), classes).difference(make_rows(2000, 1))
    assert (flips, apart <= (5e-7 if classes else 0.0)) == (0, True)


def test_xgboost_with_another_booster_is_refused(fit):
    xgboost = pytest.importorskip(
        "xgboost", reason="XGBoost is not installed (Python package xgboost): its wheel is too large"
    )
    fitted = fit(make_pipeline(CODES, xgboost.XGBRegressor(booster="dart", **SMALL)), 0)
    with pytest.raises(NotCompilable, match="XGBRegressor: booster='dart'"):
        fitted.engine()
