"""The default model: a generated data set, its contract and its pipeline.

The target depends on an interaction, a square, a slope and a step, so raw columns alone do not separate the classes.
Two labels in a thousand are flipped, so no model can be perfect.
"""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from inference.contract import Contract, Feature
from inference.features import encode
from training.dataset import Dataset
from training.derivation import observed

ROWS = 20_000
FLIPPED = 0.002
NUMBERS = ("feature_1", "feature_2", "feature_3", "feature_4")
FEATURES = (
    Feature("feature_1", "number", description="real, standard normal in training", example=0.5),
    Feature("feature_2", "number", description="real, standard normal in training", example=1.2),
    Feature("feature_3", "number", description="real, standard normal in training", example=-0.3),
    Feature("feature_4", "number", 0.0, 100.0, description="a percentage, 0 to 100", example=75.5),
    Feature("feature_5", "integer", 1, 10, description="a grade, one of 1 to 10; one-hot encoded", example=5),
)


def make_frame(seed: int, rows: int = ROWS) -> pd.DataFrame:
    """The data set: feature_1..feature_5 and ``target`` (0 or 1, as many of each)."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({name: draw.normal(size=rows) for name in ("feature_1", "feature_2", "feature_3")})
    frame["feature_4"] = draw.uniform(0, 100, rows)
    frame = frame.round(4)
    frame["feature_5"] = draw.integers(1, 11, rows)
    score = (
        1.5 * frame.feature_1 * frame.feature_2
        + 0.8 * frame.feature_3**2
        + 2.0 * (frame.feature_4 / 50 - 1)
        + np.where(frame.feature_5 >= 6, 1.2, -1.2)
    )
    flipped = draw.random(rows) < FLIPPED
    frame["target"] = ((score > score.median()) ^ flipped).astype(np.int64)
    return frame


def make_dataset(seed: int, rows: int = ROWS) -> Dataset:
    """The data set under its contract."""
    frame = make_frame(seed, rows)
    features = tuple(observed(feature, frame[feature.name]) for feature in FEATURES)
    contract = Contract("classification", "target", features)
    dtypes = {name: str(frame[name].dtype) for name in contract.names}
    matrix = encode(contract, frame[list(contract.names)].itertuples(index=False, name=None))
    return Dataset(contract, dtypes, matrix, frame["target"].to_numpy(), (0, 1), f"made by training, seed {seed}")


def make_pipeline(seed: int, trees: int = 100, estimator: Any = None) -> Pipeline:
    """Squares and interactions of the numbers, feature_5 one-hot, all standardised, then the forest, or another."""
    engineered = ColumnTransformer(
        [
            ("numbers", PolynomialFeatures(degree=2, include_bias=False), list(NUMBERS)),
            ("grade", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["feature_5"]),
        ]
    )
    forest = RandomForestClassifier(n_estimators=trees, max_features=0.5, random_state=seed)
    return Pipeline([("features", engineered), ("scaler", StandardScaler()), ("model", estimator or forest)])
