"""The feature step of the FastAPI design: a frame of one row, a new column a line."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

NUMBERS = ("feature_1", "feature_2", "feature_3", "feature_4")
LEVELS = range(1, 11)

Engineer = Callable[[Mapping[str, Any]], pd.DataFrame]


def engineer_features(row: Mapping[str, Any]) -> pd.DataFrame:
    """Squares, interactions and one-hot columns of the five features, in the order the scaler was fitted on."""
    df = pd.DataFrame([row])
    for index, left in enumerate(NUMBERS):
        df[f"{left}_squared"] = df[left] ** 2
        for right in NUMBERS[index + 1 :]:
            df[f"{left}_{right}"] = df[left] * df[right]
    for level in LEVELS:
        df[f"feature_5_{level}"] = (df["feature_5"] == level).astype(float)
    return df.drop(columns=["feature_5"])


def engineer_for(pipeline: Any, row: Mapping[str, Any]) -> Engineer:
    """``engineer_features`` where it gives what this pipeline was fitted with, else the pipeline's own first steps.

    The step before the model is the scaler and not among them; a short pipeline has no other step.
    """
    first_steps = pipeline[:-2] if len(pipeline) > 2 else None

    def by_pipeline(values: Mapping[str, Any]) -> pd.DataFrame:
        frame = pd.DataFrame([values])
        if None in values.values():
            frame = frame.fillna(np.nan)  # the pipeline was fitted with NaN; a frame of one row holds None
        if first_steps is not None:
            frame = first_steps.transform(frame)
        return frame

    if set(row) == {*NUMBERS, "feature_5"}:
        expected = np.asarray(by_pipeline(row), dtype=float)
        by_hand = engineer_features(row).to_numpy(dtype=float)
        if by_hand.shape == expected.shape and np.allclose(by_hand, expected, rtol=1e-12):
            return engineer_features
    return by_pipeline
