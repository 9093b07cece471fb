"""The graphs of meta-estimators, and of estimators with a formula of their own, have their answers."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import (
    GammaRegressor,
    LassoLars,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    PoissonRegressor,
    QuantileRegressor,
    RANSACRegressor,
    Ridge,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler, TargetEncoder
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from inference.features import decode
from tests.training.compiler.test_families import CLOSE, IMPUTED
from training.compiler import NotCompilable
from training.parity import check

pytestmark = pytest.mark.slow

TREE, LOGISTIC = DecisionTreeClassifier(max_depth=4, random_state=0), LogisticRegression(max_iter=500)
BAYES = GaussianNB(var_smoothing=1e-3)  # where no row of a class has a rare colour, its variance there would be 0
THREE = [("tree", TREE), ("scores", LOGISTIC), ("bayes", BAYES)]
CLASSIFIERS = {
    "soft vote": VotingClassifier(THREE, voting="soft", weights=[1, 3, 0.5]),
    "hard vote, often tied": VotingClassifier(THREE[:2]),
    "weighted hard vote": VotingClassifier([*THREE, ("margin", LinearSVC())], weights=[1, 2, 1, 1]),
    "vote of pipelines": VotingClassifier([("a", make_pipeline(MinMaxScaler(), LOGISTIC)), THREE[2]], voting="soft"),
    "bagged trees": BaggingClassifier(DecisionTreeClassifier(), 8, random_state=0),
    "bagged trees of some columns": BaggingClassifier(TREE, 8, max_features=0.5, random_state=0),
    "bagged scores": BaggingClassifier(LOGISTIC, 4, max_features=0.6, random_state=0),
    "bagged margins": BaggingClassifier(LinearSVC(), 5, random_state=0),
    "adaboost": AdaBoostClassifier(n_estimators=20, random_state=0),
    "adaboost of scores": AdaBoostClassifier(LOGISTIC, n_estimators=4, random_state=0),
    "calibrated margins": CalibratedClassifierCV(LinearSVC(), cv=2),
    "calibrated forest": CalibratedClassifierCV(RandomForestClassifier(5, random_state=0), method="isotonic", cv=2),
    "calibrated adaboost": CalibratedClassifierCV(AdaBoostClassifier(n_estimators=4, random_state=0), cv=2),
    "gaussian bayes": BAYES,
    "discriminant": LinearDiscriminantAnalysis(),
    "net": MLPClassifier((6, 4), max_iter=600, random_state=0, tol=1e-3),
    "stochastic, with probabilities": SGDClassifier(loss="log_loss", random_state=0),
    "stochastic": SGDClassifier(random_state=0),
    "perceptron": Perceptron(),
}
OF_TWO = {
    "tuned threshold": TunedThresholdClassifierCV(LOGISTIC, cv=2),
    "fixed threshold": FixedThresholdClassifier(RandomForestClassifier(5, random_state=0), threshold=0.2),
    "fixed threshold of a score": FixedThresholdClassifier(LinearSVC(), threshold=0.3),
}
LOG = FunctionTransformer(np.log1p, inverse_func=np.expm1)
TREE_OF_NUMBERS = DecisionTreeRegressor(random_state=0)
REGRESSORS = {
    "vote": VotingRegressor([("a", Ridge()), ("b", HistGradientBoostingRegressor(max_iter=5))], weights=[2, 1]),
    "bagged trees": BaggingRegressor(n_estimators=6, random_state=0),
    "bagged ridges": BaggingRegressor(Ridge(), 4, max_features=0.5, random_state=0),
    "adaboost": AdaBoostRegressor(n_estimators=12, random_state=0),
    "adaboost of lines": AdaBoostRegressor(LinearRegression(), n_estimators=4, random_state=0),
    "log target": TransformedTargetRegressor(Ridge(), transformer=LOG),
    "root target": TransformedTargetRegressor(
        DecisionTreeRegressor(random_state=0), func=np.sqrt, inverse_func=np.square
    ),
    "scaled target": TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    "min-max target": TransformedTargetRegressor(Ridge(), transformer=MinMaxScaler()),
    "poisson": PoissonRegressor(),
    "gamma": GammaRegressor(),
    "tweedie": TweedieRegressor(power=0),
    "quantile": QuantileRegressor(alpha=0),
    "lars": LassoLars(0.01),
    "support": LinearSVR(random_state=0),
    "consensus": RANSACRegressor(min_samples=0.5, random_state=0),
    "net": MLPRegressor(hidden_layer_sizes=(6,), activation="tanh", max_iter=600, random_state=0, tol=1e-3),
}
SCALED = make_pipeline(clone(IMPUTED).set_params(sparse_threshold=0), StandardScaler())


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_has_the_same_labels_and_probabilities(fit, make_rows, name, classes):
    flips, apart = fit(make_pipeline(SCALED, CLASSIFIERS[name]), classes).difference(make_rows(2000, 1))
    assert flips == 0
    assert apart < CLOSE


@pytest.mark.parametrize("name", OF_TWO)
def test_a_moved_threshold_has_the_same_labels_and_probabilities(fit, make_rows, name):
    flips, apart = fit(make_pipeline(SCALED, OF_TWO[name])).difference(make_rows(2000, 1))
    assert flips == 0
    assert apart < CLOSE


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regression_has_the_same_numbers(fit, make_rows, name):
    fitted, rows = fit(make_pipeline(SCALED, Ridge()), 0), make_rows(400)
    target = np.exp(np.nan_to_num(rows) @ np.array([1, 0.01, 0.3, 0.3, -1, 1, 0.5]) / 4)  # logarithms need it above 0
    model = clone(REGRESSORS[name]).fit(fitted.pipeline[:-1].transform(_frame(fitted, rows)), target)
    fitted.pipeline.steps[-1] = ("model", model)
    assert fitted.difference(make_rows(2000, 1))[1] < CLOSE


@pytest.mark.parametrize("classes", [2, 3])
def test_categories_are_encoded_by_their_target_exactly(fit, make_rows, classes):
    features = ColumnTransformer([("means", TargetEncoder(), ["colour", "side", "grade", "maybe"])], remainder="drop")
    fitted = fit(make_pipeline(features, RandomForestClassifier(8, random_state=0)), classes)
    assert fitted.difference(make_rows(2000, 1, unseen=True)) == (0, 0.0)


def test_rows_on_the_thresholds_of_members_are_compared_too(fit):
    members = [
        ("trees", BaggingClassifier(TREE, 4, random_state=0)),
        ("more", HistGradientBoostingClassifier(max_iter=3)),
    ]
    fitted = fit(make_pipeline(IMPUTED, VotingClassifier(members, voting="soft")))
    found = check(fitted.pipeline, fitted.engine(), fitted.contract, fitted.dtypes, rows=1000)
    assert found.passed and found.threshold_rows > 0


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (VotingClassifier([("a", TREE), ("b", SGDClassifier(loss="modified_huber"))]), "modified_huber"),
        (FixedThresholdClassifier(LOGISTIC, pos_label=0, threshold=0.3), "pos_label"),
        (CalibratedClassifierCV(LOGISTIC, method="temperature", cv=2), "temperature"),
    ],
    ids=str,
)
def test_what_a_member_cannot_do_is_named(fit, model, reason):
    with pytest.raises(NotCompilable, match=reason):
        fit(make_pipeline(IMPUTED, model)).engine()


def test_a_member_that_missed_a_class_is_not_compiled(fit, make_rows):
    fitted = fit(make_pipeline(IMPUTED, BaggingClassifier(TREE, 3, random_state=0)), 3)
    rows = fitted.pipeline[:-1].transform(_frame(fitted, make_rows(60)))
    model = BaggingClassifier(LinearDiscriminantAnalysis(), 3, max_samples=9, random_state=0).fit(
        rows, [0] * 30 + [1] * 28 + [2] * 2
    )
    fitted.pipeline.steps[-1] = ("model", model)
    with pytest.raises(NotCompilable, match="has not seen every class"):
        fitted.engine()


def _frame(fitted, rows):
    return decode(fitted.contract, fitted.dtypes, rows)
