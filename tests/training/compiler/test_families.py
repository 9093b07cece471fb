"""The graph of each family of steps, fitted on a mixed table, has the answers of its pipeline."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from inference.features import decode
from tests.training.compiler.conftest import DTYPES, NATIVE

pytestmark = pytest.mark.slow

EXACT, CLOSE = 0.0, 1e-12
NUMBERS, TEXTS = ["width", "großer Wert"], ["colour", "side"]
IMPUTED = ColumnTransformer(  # without drop="first" the columns depend on each other: see the test of their rank
    [
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
        ("texts", OneHotEncoder(handle_unknown="ignore", drop="first"), TEXTS),
        (
            "rest",
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-2, encoded_missing_value=-1),
            [2, 5, 6],
        ),
    ]
)
TREE_LIKE = {
    DecisionTreeClassifier(max_depth=5, random_state=0),
    DecisionTreeClassifier(random_state=0),
    RandomForestClassifier(15, random_state=0),
    RandomForestClassifier(15, min_samples_leaf=4, random_state=0),
    RandomForestClassifier(15, class_weight="balanced", max_depth=4, random_state=0),
    ExtraTreesClassifier(15, max_depth=6, random_state=0),
    DummyClassifier(),
    DummyClassifier(strategy="most_frequent"),
}
SCORED = {
    GradientBoostingClassifier(n_estimators=8, random_state=0),
    HistGradientBoostingClassifier(max_iter=8, random_state=0),
    LogisticRegression(max_iter=500),
    RidgeClassifier(),
    LinearSVC(),
}
REGRESSORS = {
    DecisionTreeRegressor(max_depth=6, random_state=0): EXACT,
    RandomForestRegressor(15, random_state=0): EXACT,
    ExtraTreesRegressor(15, max_depth=6, random_state=0): EXACT,
    GradientBoostingRegressor(n_estimators=8, random_state=0): EXACT,
    GradientBoostingRegressor(n_estimators=8, init="zero", loss="huber", random_state=0): EXACT,
    HistGradientBoostingRegressor(max_iter=8, random_state=0): EXACT,
    LinearRegression(): CLOSE,
    Ridge(): CLOSE,
    Lasso(0.1): CLOSE,
    ElasticNet(0.1): CLOSE,
    DummyRegressor(strategy="median"): EXACT,
}
NUMERIC = {
    "standard": StandardScaler(),
    "min_max": MinMaxScaler((-1, 2), clip=True),
    "robust": RobustScaler(),
    "max_abs": MaxAbsScaler(),
    "mean_indicator": SimpleImputer(add_indicator=True),
    "median": make_pipeline(SimpleImputer(strategy="median"), MinMaxScaler()),
    "most_frequent": SimpleImputer(strategy="most_frequent"),
    "constant": SimpleImputer(strategy="constant", fill_value=-3, add_indicator=True),
    "poly": make_pipeline(SimpleImputer(), StandardScaler(), PolynomialFeatures(3)),
    "interactions": make_pipeline(
        SimpleImputer(), PolynomialFeatures((2, 2), interaction_only=True, include_bias=False)
    ),
    "union": FeatureUnion([("numbers", FunctionTransformer()), ("nulls", MissingIndicator()), ("none", "drop")]),
    "passthrough": "passthrough",
}
ENCODERS = {
    "one_hot": OneHotEncoder(handle_unknown="ignore"),
    "dense_first": OneHotEncoder(handle_unknown="ignore", drop="first", sparse_output=False),
    "if_binary": OneHotEncoder(handle_unknown="ignore", drop="if_binary"),
    "rare_count": OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3),
    "rare_share": OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.15, drop="first"),
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "ordinal_missing": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=99, encoded_missing_value=-5),
    "ordinal_rare": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=20),
    "imputed": make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
    "constant": make_pipeline(
        SimpleImputer(strategy="constant", fill_value="none", add_indicator=False),
        OneHotEncoder(handle_unknown="ignore"),
    ),
}


def test_the_columns_determine_every_fit(fit, make_rows):
    """On columns that depend on each other, LARS finds coefficients of 1e13 that cancel.

    The pipeline itself then answers a row by another number alone than in a batch, and on another processor.
    """
    fitted, rows = fit(make_pipeline(IMPUTED, DummyRegressor()), 0), make_rows(400)
    made = fitted.pipeline[:-1].transform(decode(fitted.contract, fitted.dtypes, rows))
    columns = made.toarray() if sparse.issparse(made) else made
    with_intercept = np.column_stack([columns, np.ones(len(columns))])
    assert np.linalg.matrix_rank(with_intercept) == with_intercept.shape[1]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("model", sorted(TREE_LIKE, key=str), ids=lambda model: str(model)[:60])
def test_a_classifier_of_trees_is_answered_to_the_last_bit(fit, make_rows, model, classes):
    assert fit(make_pipeline(IMPUTED, model), classes).difference(make_rows(2000, 1)) == (0, 0.0)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("model", sorted(SCORED, key=str), ids=lambda model: str(model)[:60])
def test_a_classifier_of_scores_has_the_same_labels_and_probabilities(fit, make_rows, model, classes):
    flips, apart = fit(make_pipeline(IMPUTED, model), classes).difference(make_rows(2000, 1))
    assert flips == 0
    assert apart < CLOSE


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda model: str(model)[:60])
def test_a_regression_has_the_same_numbers(fit, make_rows, model):
    _, apart = fit(make_pipeline(IMPUTED, model), 0).difference(make_rows(2000, 1))
    assert apart <= REGRESSORS[model]


@pytest.mark.parametrize("model", [RandomForestRegressor(8, random_state=0), HistGradientBoostingRegressor(max_iter=8)])
@pytest.mark.parametrize("step", NUMERIC)
def test_numbers_reach_trees_exactly(fit, make_rows, step, model):
    features = ColumnTransformer([("numbers", NUMERIC[step], NUMBERS)])
    assert fit(make_pipeline(features, model), 0).difference(make_rows(2000, 1)) == (0, 0.0)


@pytest.mark.parametrize("step", NUMERIC)
def test_numbers_reach_a_linear_model(fit, make_rows, step):
    pipeline = make_pipeline(ColumnTransformer([("numbers", NUMERIC[step], NUMBERS)]), SimpleImputer(), Ridge())
    assert fit(pipeline, 0).difference(make_rows(2000, 1))[1] < CLOSE


@pytest.mark.parametrize("dtypes", [DTYPES, NATIVE], ids=["texts", "categories"])
@pytest.mark.parametrize("step", ENCODERS)
def test_categories_are_encoded_exactly(fit, make_rows, step, dtypes):
    features = ColumnTransformer([("texts", ENCODERS[step], TEXTS)])
    for model in (RandomForestRegressor(8, random_state=0), Ridge()):
        _, apart = fit(make_pipeline(features, SimpleImputer(), model), 0, dtypes).difference(make_rows(2000, 1))
        assert apart < CLOSE


@pytest.mark.parametrize("step", [name for name in ENCODERS if name != "constant"])
def test_integers_and_booleans_are_encoded_exactly_and_unknown_ones_too(fit, make_rows, step):
    features = ColumnTransformer([("codes", ENCODERS[step], ["grade", "flag"])])
    for model in (RandomForestRegressor(8, random_state=0), Ridge()):
        _, apart = fit(make_pipeline(features, model), 0).difference(make_rows(2000, 1, unseen=True))
        assert apart < CLOSE


def test_a_number_with_nulls_is_encoded_exactly(fit, make_rows):
    rounded = ColumnTransformer(
        [("grade", SimpleImputer(add_indicator=True), ["grade"]), ("w", "passthrough", ["width"])]
    )
    codes = OneHotEncoder(handle_unknown="ignore")
    pipeline = make_pipeline(rounded, codes, Ridge())
    assert fit(pipeline, 0).difference(make_rows(400))[1] < CLOSE


def test_columns_are_chosen_by_name_place_mask_and_selector_and_the_rest_passed(fit, make_rows):
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    features = ColumnTransformer(
        [
            ("kind", SimpleImputer(), make_column_selector(dtype_include="number")),
            ("place", ordinal, [3]),
            ("slice", "drop", slice(4, 5)),
            ("mask", ordinal, [False] * 6 + [True]),
            ("none", StandardScaler(), []),
        ],
        remainder="passthrough",
    )
    model = RandomForestClassifier(10, random_state=0)
    assert fit(make_pipeline(features, model)).difference(make_rows(2000, 1)) == (0, 0.0)


def test_trees_fitted_on_nulls_send_them_the_same_way(fit, make_rows):
    ordinal = OrdinalEncoder(encoded_missing_value=np.nan)
    features = ColumnTransformer([("raw", "passthrough", NUMBERS), ("codes", ordinal, ["colour", "maybe", "grade"])])
    for kind in (RandomForestClassifier, ExtraTreesClassifier, DecisionTreeClassifier):
        assert fit(make_pipeline(features, kind(random_state=0)), 3).difference(make_rows(2000, 1)) == (0, 0.0)


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_native_categories_of_histogram_boosting_fall_on_the_same_side(fit, make_rows, classes):
    settings = {"max_iter": 10, "min_samples_leaf": 3, "random_state": 0}
    model = HistGradientBoostingClassifier(**settings) if classes else HistGradientBoostingRegressor(**settings)
    chosen = ColumnTransformer(
        [("all", "passthrough", [*NUMBERS, *TEXTS, "flag", "grade"])], verbose_feature_names_out=False
    )
    by_type = make_pipeline(chosen.set_output(transform="pandas"), model)
    flips, apart = fit(by_type, classes, NATIVE).difference(make_rows(2000, 1))
    assert (flips, apart < CLOSE) == (0, True)
    coded = ColumnTransformer(
        [("c", OrdinalEncoder(encoded_missing_value=np.nan), ["colour", "maybe"]), ("g", "passthrough", ["grade"])]
    )
    by_place = make_pipeline(coded, model.set_params(categorical_features=[0, 2]))
    flips, apart = fit(by_place, classes).difference(make_rows(2000, 1, unseen=True))
    assert (flips, apart < CLOSE) == (0, True)


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_a_log_link_is_undone(fit, make_rows, loss):
    fitted = fit(make_pipeline(IMPUTED, DummyRegressor()), 0)
    model = HistGradientBoostingRegressor(loss=loss, max_iter=8)
    frame = fitted.pipeline[:-1].transform
    rows = make_rows(300)
    made = frame(decode(fitted.contract, fitted.dtypes, rows))
    model.fit(made, np.exp(np.nan_to_num(rows[:, 0])))
    fitted.pipeline.steps[-1] = ("model", model)
    assert fitted.difference(make_rows(2000, 1))[1] < CLOSE


def test_an_estimator_alone_is_compiled(fit, make_rows):
    dtypes = DTYPES | {"colour": "category", "side": "category", "maybe": "boolean"}
    assert fit(HistGradientBoostingRegressor(max_iter=5), 0, dtypes).difference(make_rows(1000, 1)) == (0, 0.0)


def test_float32_columns_reach_trees_as_they_are(fit, make_rows):
    dtypes = DTYPES | {"width": "float32", "großer Wert": "float32"}
    features = ColumnTransformer([("numbers", "passthrough", NUMBERS)])
    for model in (RandomForestRegressor(10, random_state=0), HistGradientBoostingRegressor(max_iter=8)):
        assert fit(make_pipeline(features, model), 0, dtypes).difference(make_rows(2000, 1)) == (0, 0.0)


def test_selected_columns_and_a_finished_search_are_compiled(fit, make_rows):
    chosen = make_pipeline(IMPUTED, SelectKBest(f_classif, k=5), VarianceThreshold(), DecisionTreeClassifier())
    search = GridSearchCV(chosen, {"decisiontreeclassifier__max_depth": [3, 5]}, cv=2)
    assert fit(search).difference(make_rows(1000, 1)) == (0, 0.0)


def test_float32_columns_among_doubles_reach_a_linear_model_rounded(fit, make_rows):
    """The sum shows whether a double was rounded to float32: by 1e-7 of a number of hundreds."""
    dtypes = DTYPES | {"großer Wert": "float32"}
    features = ColumnTransformer([("numbers", "passthrough", ["großer Wert", "grade"])])
    assert fit(make_pipeline(features, LinearRegression()), 0, dtypes).difference(make_rows(2000, 1))[1] < CLOSE
