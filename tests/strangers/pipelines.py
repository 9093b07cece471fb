"""Pipelines as people write them, each for one of the public tables."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    SelectPercentile,
    VarianceThreshold,
    f_classif,
    f_regression,
    mutual_info_classif,
)
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNetCV,
    HuberRegressor,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeCV,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
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
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

NUMBERS = make_column_selector(dtype_include="number")
TEXTS = make_column_selector(dtype_include=["object", "str", "category"])
LOGISTIC = LogisticRegression(max_iter=2000)
SEED = {"random_state": 0}


@dataclass(frozen=True)
class Pair:
    """A pipeline to fit on a table, named by a few words."""

    table: str
    name: str
    pipeline: Any

    @property
    def key(self) -> str:
        """Of a test and of a line of the result."""
        return f"{self.table}: {self.name}"


def mixed(model: Any, numbers: Any = None, texts: Any = None, **settings: Any) -> Pipeline:
    """The usual ColumnTransformer: imputed and scaled numbers, imputed one-hot texts."""
    numbers = numbers or make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = texts or make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    return Pipeline(
        [("prep", ColumnTransformer([("num", numbers, NUMBERS), ("cat", texts, TEXTS)], **settings)), ("model", model)]
    )


def filled(step: Any) -> Pipeline:
    """A step for numbers after a median imputer."""
    return make_pipeline(SimpleImputer(strategy="median"), step)


CODES = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
PAIRS = [
    Pair("penguins", "logistic regression", mixed(LOGISTIC)),
    Pair(
        "penguins",
        "random forest, indicators",
        mixed(RandomForestClassifier(**SEED), SimpleImputer(add_indicator=True)),
    ),
    Pair(
        "penguins",
        "histogram boosting, nulls and codes",
        mixed(HistGradientBoostingClassifier(**SEED), "passthrough", CODES),
    ),
    Pair(
        "penguins, sex", "native categories", HistGradientBoostingClassifier(categorical_features="from_dtype", **SEED)
    ),
    Pair("penguins, sex", "one-hot categories, calibrated margins", mixed(CalibratedClassifierCV(LinearSVC(), cv=3))),
    Pair(
        "diamonds",
        "log target, ridge",
        TransformedTargetRegressor(mixed(Ridge()), func=np.log1p, inverse_func=np.expm1),
    ),
    Pair(
        "diamonds", "ordered grades, gradient boosting", mixed(GradientBoostingRegressor(**SEED), "passthrough", CODES)
    ),
    Pair("diamonds", "power, ridge", mixed(RidgeCV(), filled(PowerTransformer()))),
    Pair(
        "diamonds",
        "quantiles to normal, net",
        mixed(
            MLPRegressor(hidden_layer_sizes=(32,), max_iter=400, **SEED),
            filled(QuantileTransformer(n_quantiles=200, output_distribution="normal")),
        ),
    ),
    Pair(
        "diamonds, cut", "quantiles, logistic regression", mixed(LOGISTIC, QuantileTransformer(n_quantiles=100, **SEED))
    ),
    Pair("diamonds, cut", "extra trees", mixed(ExtraTreesClassifier(60, **SEED))),
    Pair(
        "mpg",
        "one-hot, linear regression",
        mixed(LinearRegression(), texts=OneHotEncoder(drop="first", handle_unknown="ignore")),
    ),
    Pair("mpg", "target encoder, forest", mixed(RandomForestRegressor(**SEED), "passthrough", TargetEncoder(**SEED))),
    Pair(
        "mpg",
        "one-hot on the number of cylinders",
        make_pipeline(
            make_column_transformer((OneHotEncoder(), ["cyl", "year", "drv"]), (StandardScaler(), ["displ", "cty"])),
            Ridge(),
        ),
    ),
    Pair(
        "msleep",
        "log of weights, forest",
        make_pipeline(
            make_column_transformer(
                (make_pipeline(SimpleImputer(), FunctionTransformer(np.log1p)), ["brainwt", "bodywt"]),
                (SimpleImputer(), ["sleep_rem", "sleep_cycle"]),
                (OneHotEncoder(handle_unknown="ignore"), ["vore", "order"]),
            ),
            RandomForestRegressor(**SEED),
        ),
    ),
    Pair(
        "msleep",
        "histogram boosting on nulls",
        mixed(
            HistGradientBoostingRegressor(min_samples_leaf=4, **SEED),
            "passthrough",
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
        ),
    ),
    Pair(
        "midwest",
        "logs, PCA, ridge",
        mixed(Ridge(), make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), PCA(6, **SEED))),
    ),
    Pair(
        "midwest",
        "best ten, elastic net",
        mixed(ElasticNetCV(), make_pipeline(StandardScaler(), SelectKBest(f_regression, k=10))),
    ),
    Pair(
        "midwest",
        "recursive elimination, forest",
        mixed(
            RandomForestRegressor(40, **SEED),
            make_pipeline(StandardScaler(), RFE(LinearRegression(), n_features_to_select=8)),
        ),
    ),
    Pair(
        "txhousing",
        "rare cities, histogram boosting",
        mixed(
            HistGradientBoostingRegressor(**SEED),
            "passthrough",
            OneHotEncoder(min_frequency=40, handle_unknown="infrequent_if_exist", sparse_output=False),
        ),
    ),
    Pair(
        "txhousing",
        "splines of the month, ridge",
        make_pipeline(
            make_column_transformer(
                (SplineTransformer(n_knots=7, extrapolation="periodic"), ["month"]),
                (filled(PowerTransformer()), ["sales", "listings"]),
                (OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ),
            Ridge(),
        ),
    ),
    Pair(
        "tips",
        "bins, linear regression",
        mixed(LinearRegression(), KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf")),
    ),
    Pair(
        "tips",
        "polynomials, lasso",
        mixed(LassoCV(), make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False))),
    ),
    Pair(
        "tips",
        "stack of three",
        StackingRegressor(
            [
                ("forest", mixed(RandomForestRegressor(30, **SEED))),
                ("line", mixed(Ridge())),
                ("boost", mixed(GradientBoostingRegressor(**SEED))),
            ],
            cv=3,
        ),
    ),
    Pair("tips", "Poisson regression", mixed(PoissonRegressor())),
    Pair(
        "gapminder",
        "Box-Cox, ridge",
        make_pipeline(
            make_column_transformer(
                (PowerTransformer("box-cox"), ["pop", "gdpPercap"]),
                (OneHotEncoder(), ["continent"]),
                (MinMaxScaler(), ["year"]),
            ),
            Ridge(),
        ),
    ),
    Pair(
        "gapminder",
        "log income, Bayesian ridge",
        make_pipeline(
            make_column_transformer(
                (FunctionTransformer(np.log), ["gdpPercap", "pop"]),
                (StandardScaler(), ["year", "centroid_lat"]),
                (OneHotEncoder(handle_unknown="ignore"), ["continent"]),
            ),
            BayesianRidge(),
        ),
    ),
    Pair("gapminder", "bagged trees", mixed(BaggingRegressor(n_estimators=20, **SEED))),
    Pair(
        "gapminder",
        "vote of two",
        mixed(VotingRegressor([("line", Ridge()), ("trees", ExtraTreesRegressor(40, **SEED))])),
    ),
    Pair("rossi", "logistic regression", make_pipeline(StandardScaler(), LOGISTIC)),
    Pair(
        "rossi",
        "bins of age, logistic regression",
        make_pipeline(
            make_column_transformer(
                (KBinsDiscretizer(5, encode="ordinal", strategy="uniform"), ["age"]), remainder="passthrough"
            ),
            LOGISTIC,
        ),
    ),
    Pair("rossi", "naive Bayes", make_pipeline(StandardScaler(), GaussianNB())),
    Pair(
        "gbsg2",
        "square roots and logs, logistic regression",
        make_pipeline(
            make_column_transformer(
                (FunctionTransformer(np.sqrt), ["pnodes"]),
                (FunctionTransformer(np.log1p), ["progrec", "estrec"]),
                (OneHotEncoder(), ["horTh", "menostat", "tgrade"]),
                remainder=StandardScaler(),
            ),
            LOGISTIC,
        ),
    ),
    Pair("gbsg2", "AdaBoost", mixed(AdaBoostClassifier(n_estimators=40, **SEED))),
    Pair(
        "gbsg2",
        "search over a forest",
        GridSearchCV(mixed(RandomForestClassifier(30, **SEED)), {"model__max_depth": [3, 6]}, cv=3),
    ),
    Pair(
        "lung",
        "indicators, selection by a model",
        mixed(
            LOGISTIC,
            make_pipeline(
                SimpleImputer(add_indicator=True), StandardScaler(), SelectFromModel(RandomForestClassifier(30, **SEED))
            ),
        ),
    ),
    Pair("lung", "nearest neighbours fill in", mixed(LOGISTIC, make_pipeline(KNNImputer(), StandardScaler()))),
    Pair("kidney", "decision tree", DecisionTreeClassifier(max_depth=5, **SEED)),
    Pair(
        "kidney",
        "splines of age, logistic regression",
        make_pipeline(
            make_column_transformer((SplineTransformer(n_knots=6), ["age", "time"]), remainder="passthrough"), LOGISTIC
        ),
    ),
    Pair("cars", "robust scaler, Huber", mixed(HuberRegressor(max_iter=500), filled(RobustScaler()))),
    Pair(
        "cars",
        "union of PCA and the best, ridge",
        mixed(
            Ridge(),
            make_pipeline(
                SimpleImputer(),
                StandardScaler(),
                FeatureUnion([("pca", PCA(2)), ("best", SelectPercentile(f_regression, percentile=50))]),
            ),
        ),
    ),
    Pair(
        "weather",
        "soft vote",
        mixed(
            VotingClassifier(
                [("forest", RandomForestClassifier(40, **SEED)), ("line", LOGISTIC), ("bayes", GaussianNB())],
                voting="soft",
            )
        ),
    ),
    Pair("weather", "support vectors", mixed(SVC(**SEED))),
    Pair(
        "weather",
        "stack",
        mixed(StackingClassifier([("forest", RandomForestClassifier(30, **SEED)), ("line", LOGISTIC)], cv=3)),
    ),
    Pair("loans", "gradient boosting", mixed(GradientBoostingClassifier(**SEED))),
    Pair(
        "loans",
        "logs of incomes, stochastic",
        make_pipeline(
            make_column_transformer(
                (make_pipeline(SimpleImputer(), FunctionTransformer(np.log1p), StandardScaler()), ["loanamt", "price"]),
                (filled(StandardScaler()), ["hrat", "obrat"]),
                (SimpleImputer(strategy="most_frequent"), ["married", "dep"]),
            ),
            SGDClassifier(loss="log_loss", **SEED),
        ),
    ),
    Pair(
        "fair",
        "one-hot integer codes, logistic regression",
        make_pipeline(
            make_column_transformer(
                (OneHotEncoder(), ["occupation", "occupation_husb", "religious"]), remainder=StandardScaler()
            ),
            LOGISTIC,
        ),
    ),
    Pair(
        "fair",
        "truncated SVD of one-hot codes",
        make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore"), ["occupation", "occupation_husb", "educ"])
            ),
            TruncatedSVD(5, **SEED),
            LOGISTIC,
        ),
    ),
    Pair(
        "fair",
        "mutual information, histogram boosting",
        make_pipeline(
            VarianceThreshold(), SelectKBest(mutual_info_classif, k=5), HistGradientBoostingClassifier(**SEED)
        ),
    ),
    Pair("wine", "discriminant analysis", make_pipeline(StandardScaler(), LinearDiscriminantAnalysis())),
    Pair("wine", "PCA, net", make_pipeline(StandardScaler(), PCA(5), MLPClassifier((16,), max_iter=800, **SEED))),
    Pair("breast_cancer", "power, PCA, logistic regression", make_pipeline(PowerTransformer(), PCA(0.95), LOGISTIC)),
    Pair("breast_cancer", "nearest neighbours", make_pipeline(StandardScaler(), KNeighborsClassifier())),
    Pair(
        "breast_cancer", "best ten, forest", make_pipeline(SelectKBest(f_classif, k=10), RandomForestClassifier(**SEED))
    ),
    Pair("diabetes", "splines, ridge", make_pipeline(SplineTransformer(n_knots=4, extrapolation="linear"), Ridge())),
    Pair("diabetes", "gradient boosting", GradientBoostingRegressor(**SEED)),
]
if find_spec("imblearn"):  # its samplers do nothing at prediction
    resampled = import_module("imblearn.pipeline").Pipeline(
        [
            ("scale", StandardScaler()),
            ("more", import_module("imblearn.over_sampling").RandomOverSampler(**SEED)),
            ("model", RandomForestClassifier(40, **SEED)),
        ]
    )
    PAIRS.append(Pair("kidney", "oversampled, forest", resampled))
