"""Small data sets that every installation has, as training sees a user's table."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets

from inference.contract import Contract, Task
from training.conversion import dtype_of, matrix_of
from training.dataset import Dataset, labels_of
from training.derivation import derive_features
from training.overrides import Overrides


def _bundled(name: str, task: Task) -> Callable[[], Dataset]:
    def load() -> Dataset:
        bunch: Any = getattr(datasets, f"load_{name}")(as_frame=True)
        return _examples(name, bunch.data, bunch.target, task)

    return load


def mixed(task: Task = "classification", rows: int = 1500) -> Dataset:
    """Numbers, integers, texts and booleans with gaps, one text rare, three classes."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"income": draw.lognormal(10, 1, rows).round(2), "age": draw.integers(18, 90, rows)})
    frame["home town"] = draw.choice(["Łódź", "Paris", "Oslo", "Bern"], rows, p=[0.45, 0.34, 0.2, 0.01])
    frame["kind"] = draw.choice(["a", "b"], rows)
    frame["member"] = draw.random(rows) < 0.3
    frame["insured"] = pd.array(draw.random(rows) < 0.6, dtype="boolean")
    score = np.log(frame["income"]) + frame["age"] / 30 + (frame["home town"] == "Oslo") - frame["member"]
    score = score + draw.normal(size=rows) * 0.3
    for name in ("income", "home town", "insured"):
        frame.loc[draw.random(rows) < 0.08, name] = pd.NA if name == "insured" else None
    target = pd.qcut(score, 3, labels=["low", "middle", "high"]).astype(str) if task == "classification" else score
    return _examples("mixed", frame, target, task)


def _examples(name: str, frame: pd.DataFrame, target: pd.Series, task: Task) -> Dataset:
    features, inputs = derive_features(frame, Overrides(), ranges_observed=False, warn=lambda _: None)
    wanted, classes = labels_of(target) if task == "classification" else (target.to_numpy(np.float64), ())
    dtypes = {feature.name: dtype_of(feature) for feature in features}
    return Dataset(Contract(task, "target", features), dtypes, matrix_of(features, inputs), wanted, classes, name)


DATASETS: dict[str, Callable[[], Dataset]] = {
    "breast_cancer": _bundled("breast_cancer", "classification"),
    "wine": _bundled("wine", "classification"),
    "iris": _bundled("iris", "classification"),
    "digits": _bundled("digits", "classification"),
    "diabetes": _bundled("diabetes", "regression"),
    "mixed": mixed,
    "mixed, regression": lambda: mixed("regression"),
}
