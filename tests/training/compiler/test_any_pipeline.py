"""The property of the compiler: every graph has the answers of its pipeline."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

SCALERS = st.sampled_from(["passthrough", StandardScaler(), MinMaxScaler(clip=True), RobustScaler()])

IMPUTERS = st.builds(
    SimpleImputer, strategy=st.sampled_from(["mean", "median", "most_frequent"]), add_indicator=st.booleans()
)
POLYNOMIALS = st.just("passthrough") | st.builds(
    PolynomialFeatures, degree=st.integers(1, 3), interaction_only=st.booleans(), include_bias=st.booleans()
)
ENCODERS = st.builds(
    OneHotEncoder,
    handle_unknown=st.sampled_from(["ignore", "infrequent_if_exist"]),
    drop=st.sampled_from([None, "if_binary"]),
    max_categories=st.none() | st.integers(2, 4),
    sparse_output=st.booleans(),
) | st.builds(
    OrdinalEncoder,
    handle_unknown=st.just("use_encoded_value"),
    unknown_value=st.just(-1),
    encoded_missing_value=st.sampled_from([-2, 99]),
)
NUMBERS = st.builds(make_pipeline, IMPUTERS, SCALERS, POLYNOMIALS, SCALERS)
CODES = st.sets(st.sampled_from(["grade", "colour", "side", "flag", "maybe"]), min_size=1).map(sorted)
CURVES = st.builds(PowerTransformer, standardize=st.booleans()) | st.builds(
    QuantileTransformer, n_quantiles=st.integers(2, 60), output_distribution=st.sampled_from(["uniform", "normal"])
)
CURVES |= st.builds(
    KBinsDiscretizer,
    n_bins=st.integers(2, 9),
    encode=st.sampled_from(["ordinal", "onehot-dense"]),
    strategy=st.sampled_from(["uniform", "quantile"]),
    quantile_method=st.just("averaged_inverted_cdf"),
)
CURVES |= st.sampled_from([np.exp, np.tanh, np.abs, np.rint, np.negative]).map(FunctionTransformer)
MODELS = st.sampled_from(
    [
        DecisionTreeRegressor(max_depth=6, random_state=0),
        RandomForestRegressor(4, random_state=0),
        ExtraTreesRegressor(4, random_state=0),
        GradientBoostingRegressor(n_estimators=4, random_state=0),
        HistGradientBoostingRegressor(max_iter=4),
        Ridge(),
    ]
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(numbers=NUMBERS, encoder=ENCODERS, codes=CODES, after=SCALERS, rest=st.booleans(), model=MODELS)
def test_any_pipeline_of_known_steps_is_answered_as_it_answers(
    fit, make_rows, numbers, encoder, codes, after, rest, model
):
    sparse = getattr(encoder, "sparse_output", False)
    features = ColumnTransformer(
        [("numbers", numbers, ["width", "großer Wert"]), ("codes", encoder, codes)],
        remainder="drop",
        sparse_threshold=0.3 if rest and sparse and after == "passthrough" else 0,
    )
    fitted = fit(make_pipeline(features, after, model), 0, rows=120)
    _, apart = fitted.difference(make_rows(500, 1, unseen=True))
    assert apart <= (1e-9 if isinstance(model, Ridge) else 0.0)


@pytest.mark.filterwarnings("ignore:Bins whose width")
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(imputer=IMPUTERS, before=SCALERS, curve=CURVES, after=SCALERS, model=MODELS)
def test_any_bent_columns_are_answered_as_the_pipeline_answers(fit, make_rows, imputer, before, curve, after, model):
    bounded = MinMaxScaler((-3, 3), clip=True)  # so that no exponential is infinite
    numbers = make_pipeline(imputer, bounded, before, curve, after)
    features = ColumnTransformer([("numbers", numbers, ["width", "großer Wert"])])
    fitted = fit(make_pipeline(features, model), 0, rows=120)
    _, apart = fitted.difference(make_rows(500, 1))
    assert apart <= (1e-9 if isinstance(model, Ridge) else 0.0)
