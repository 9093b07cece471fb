"""Steps that bend a column by itself, and projections: trees answer to the last bit, linear models within a few."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.feature_selection import SelectKBest, SelectPercentile, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)

from tests.training.compiler.test_families import IMPUTED
from training.compiler import NotCompilable
from training.parity import check

pytestmark = pytest.mark.slow

CLOSE = 1e-11
NUMBERS = ["width", "großer Wert"]
POSITIVE = make_pipeline(SimpleImputer(), MinMaxScaler((0.5, 30), clip=True))
STEPS = {
    "yeo_johnson": PowerTransformer(),
    "yeo_johnson_alone": PowerTransformer(standardize=False),
    "box_cox": make_pipeline(POSITIVE, PowerTransformer("box-cox")),
    "box_cox_alone": make_pipeline(POSITIVE, PowerTransformer("box-cox", standardize=False)),
    "quantile_uniform": QuantileTransformer(n_quantiles=40),
    "quantile_normal": QuantileTransformer(n_quantiles=100, output_distribution="normal"),
    "quantile_of_repeated": make_pipeline(
        FunctionTransformer(np.rint), QuantileTransformer(n_quantiles=60, output_distribution="normal")
    ),
    **{
        f"bins_{encode}_{strategy}": make_pipeline(
            SimpleImputer(),
            KBinsDiscretizer(5, encode=encode, strategy=strategy, quantile_method="averaged_inverted_cdf"),
        )
        for encode in ("onehot", "onehot-dense", "ordinal")
        for strategy in ("uniform", "quantile", "kmeans")
    },
    **{
        f"spline_{name}": make_pipeline(SimpleImputer(), SplineTransformer(n_knots=5, extrapolation=name))
        for name in ("constant", "linear", "continue", "periodic")
    },
    "spline_quantile_knots": make_pipeline(
        SimpleImputer(), SplineTransformer(n_knots=6, degree=2, knots="quantile", include_bias=False)
    ),
    "spline_of_nulls": SplineTransformer(n_knots=4, degree=1, handle_missing="zeros"),
    "binary": make_pipeline(SimpleImputer(), Binarizer(threshold=0.3)),
    **{
        name: make_pipeline(POSITIVE, FunctionTransformer(getattr(np, name)))
        for name in ("log", "log1p", "log2", "log10", "sqrt", "square", "exp", "expm1", "abs", "negative", "tanh")
    },
    "exp_of_both_signs": make_pipeline(MinMaxScaler((-40, 4), clip=True), FunctionTransformer(np.expm1)),
    "square_of_both_signs": make_pipeline(StandardScaler(), FunctionTransformer(np.square)),
    "pca": make_pipeline(SimpleImputer(), StandardScaler(), PCA(2)),
    "pca_whitened": make_pipeline(SimpleImputer(), PCA(1, whiten=True)),
    "pca_in_parts": make_pipeline(SimpleImputer(), IncrementalPCA(2)),
}


def features(name):
    return ColumnTransformer([("numbers", STEPS[name], NUMBERS)])


@pytest.mark.parametrize("name", STEPS)
def test_a_bent_column_reaches_a_linear_model(fit, make_rows, name):
    pipeline = make_pipeline(features(name), SimpleImputer(), Ridge(0.1))
    assert fit(pipeline, 0).difference(make_rows(2000, 1))[1] < CLOSE


@pytest.mark.parametrize("name", [name for name in STEPS if not name.startswith("spline")])
def test_a_bent_column_reaches_trees_to_the_last_bit(fit, make_rows, name):
    dense = ColumnTransformer([("numbers", STEPS[name], NUMBERS)], sparse_threshold=0)
    for model in (RandomForestRegressor(6, random_state=0), HistGradientBoostingRegressor(max_iter=6)):
        fitted = fit(make_pipeline(dense, model), 0)
        assert fitted.difference(make_rows(2000, 1)) == (0, 0.0)


def test_a_spline_before_trees_is_left_to_scikit_learn(fit):
    dense = ColumnTransformer([("numbers", STEPS["spline_linear"], NUMBERS)], sparse_threshold=0)
    with pytest.raises(NotCompilable, match="SplineTransformer"):
        fit(make_pipeline(dense, RandomForestRegressor(6, random_state=0)), 0).engine()


@pytest.mark.parametrize("name", ["yeo_johnson", "quantile_normal", "bins_ordinal_quantile", "box_cox", "log1p"])
def test_rows_on_the_thresholds_below_a_bent_column_are_answered_alike(fit, name):
    fitted = fit(make_pipeline(features(name), RandomForestRegressor(5, random_state=0)), 0)
    found = check(fitted.pipeline, fitted.engine(), fitted.contract, fitted.dtypes, rows=3000)
    assert found.threshold_rows > 0
    assert (found.passed, found.largest_difference) == (True, 0.0), found.reason


def test_a_logarithm_that_is_not_defined_is_a_null_to_trees_that_take_nulls(fit, make_rows):
    """Half of the numbers are below 0; scikit-learn's histogram boosting sends their NaN where nulls go."""
    with np.errstate(all="ignore"):
        logs = make_pipeline(StandardScaler(), FunctionTransformer(np.log))
        fitted = fit(make_pipeline(ColumnTransformer([("n", logs, NUMBERS)]), HistGradientBoostingRegressor()), 0)
        assert fitted.difference(make_rows(2000, 1)) == (0, 0.0)


@pytest.mark.parametrize("name", ["yeo_johnson", "quantile_uniform", "spline_of_nulls"])
def test_categories_and_booleans_are_bent_by_the_step_itself(fit, make_rows, name):
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    chosen = ColumnTransformer(
        [("codes", make_pipeline(codes, SimpleImputer(), STEPS[name]), ["colour", "flag", "grade"])]
    )
    for model in (RandomForestRegressor(6, random_state=0), Ridge()):
        assert fit(make_pipeline(chosen, model), 0).difference(make_rows(2000, 1, unseen=True))[1] < CLOSE


@pytest.mark.parametrize(
    "step",
    [TruncatedSVD(3, random_state=0), SelectKBest(f_regression, k=4), SelectPercentile(f_regression, percentile=40)],
    ids=lambda step: type(step).__name__,
)
def test_projections_and_choices_of_sparse_columns(fit, make_rows, step):
    codes = ColumnTransformer([("t", OneHotEncoder(handle_unknown="ignore"), ["colour", "side", "grade", "flag"])])
    assert fit(make_pipeline(codes, step, Ridge()), 0).difference(make_rows(2000, 1, unseen=True))[1] < CLOSE


def test_a_projection_of_mixed_columns_reaches_a_classifier(fit, make_rows):
    pipeline = make_pipeline(IMPUTED.set_params(sparse_threshold=0), StandardScaler(), PCA(0.9), LogisticRegression())
    flips, apart = fit(pipeline, 3).difference(make_rows(2000, 1))
    assert (flips, apart < CLOSE) == (0, True)


def test_a_power_whose_last_bits_decide_is_compiled_for_trees_only(fit, make_rows):
    """Numbers far from 0 get an exponent with which all of them are one number but for their last bits."""
    narrow = make_pipeline(SimpleImputer(), MinMaxScaler((5000, 5600), clip=True), PowerTransformer())
    chosen = ColumnTransformer([("numbers", narrow, NUMBERS)])
    trees, line = (
        fit(make_pipeline(chosen, model), 0) for model in (RandomForestRegressor(5, random_state=0), Ridge())
    )
    for fitted in (trees, line):
        power = fitted.pipeline[0].named_transformers_["numbers"][-1]
        power.lambdas_[:] = -4.5
        power._scaler.mean_[:], power._scaler.scale_[:] = 1 / 4.5, 1e-13
    assert trees.difference(make_rows(2000, 1)) == (0, 0.0)
    with pytest.raises(NotCompilable, match=r"PowerTransformer: an exponent of -4\.5"):
        line.engine()
