"""The preprocessing of a contract's columns for a model family. Only stock transformers, so that it can be compiled."""

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from inference.contract import Contract, Feature
from training.families import Needs

MOST_WORDS = 300
"""Of a text."""
MANY_CHOICES = 30
"""From here on the rare choices of a category share a column."""


def make_pipeline(contract: Contract, estimator: Any, needs: Needs) -> Pipeline:
    """An unfitted Pipeline over a frame of the contract's columns."""
    columns = _native(contract, estimator) if needs == "anything" else _encoded(contract, scaled=needs == "scaled")
    texts = [feature for feature in contract.features if feature.type == "text"]
    if texts:
        words = [(f"words of {feature.name}", _words(feature), [feature.name]) for feature in texts]
        columns.set_params(transformers=[*columns.transformers, *words], sparse_threshold=0.0)  # not all take sparse
    return Pipeline([("columns", columns), ("model", estimator)])


def _encoded(contract: Contract, *, scaled: bool) -> ColumnTransformer:
    """Numbers complete (the median, and whether it was missing), categories one-hot, null a category of its own."""
    groups: dict[str, list[str]] = {}
    for feature in contract.features:
        if feature.type != "text":
            groups.setdefault(_group(feature), []).append(feature.name)
    return ColumnTransformer([(group, _step(group, scaled), names) for group, names in groups.items()])


def _group(feature: Feature) -> str:
    if feature.type == "category" or feature.choices:
        return "rich_categories" if len(feature.choices or ()) > MANY_CHOICES else "categories"
    numeric = "booleans" if feature.type == "boolean" else "numbers"
    return f"{numeric}_with_gaps" if feature.nullable else numeric


def _step(group: str, scaled: bool) -> Any:
    steps: list[Any] = []
    match group:
        case "rich_categories":
            return OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.01, sparse_output=False)
        case "categories":
            return OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        case "numbers_with_gaps":
            steps.append(("complete", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)))
        case "booleans_with_gaps":
            steps.append(("complete", SimpleImputer(strategy="most_frequent", keep_empty_features=True)))
    if scaled and group.startswith("numbers"):
        steps.append(("scale", StandardScaler()))
    if not steps:
        return "passthrough"
    return Pipeline(steps) if len(steps) > 1 else steps[0][1]


def _words(feature: Feature) -> Pipeline:
    """The commonest words of a text, by how telling they are; a null has none."""
    steps: list[Any] = [("flat", FunctionTransformer(np.ravel))]
    if feature.nullable:
        steps.insert(0, ("complete", SimpleImputer(strategy="constant", fill_value="", keep_empty_features=True)))
    return Pipeline([*steps, ("words", TfidfVectorizer(max_features=MOST_WORDS, sublinear_tf=True))])


def _native(contract: Contract, estimator: Any) -> ColumnTransformer:
    """Categories as codes that the estimator splits on natively, nulls left to it."""
    categories = [feature.name for feature in contract.features if feature.type == "category"]
    others = [feature.name for feature in contract.features if feature.type not in ("category", "text")]
    estimator.set_params(categorical_features=list(range(len(categories))) or None)
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=float("nan"), max_categories=200)
    groups = [("categories", codes, categories), ("others", "passthrough", others)]
    return ColumnTransformer([group for group in groups if group[2]])
