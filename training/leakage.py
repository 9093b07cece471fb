"""Leakage: a column that predicts the target alone was probably made from it, and is not known in time."""

from collections.abc import Callable

import numpy as np
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from training.dataset import Dataset

ROWS = 5_000
LARGEST = 1e38
"""Trees compare float32."""
SUSPICIOUS = 0.995
"""Balanced accuracy, or R2, that one column alone must not reach."""


def warn_of_leaks(dataset: Dataset, seed: int, warn: Callable[[str], None]) -> None:
    """Warn of each column on which alone a cross-validated tree predicts the target nearly perfectly."""
    if len(dataset.contract.features) < 2 or len(dataset) < 30:
        return
    draw = np.random.default_rng(seed)
    some = dataset.take(draw.permutation(len(dataset))[:ROWS])
    classification = dataset.contract.task == "classification"
    if classification:
        counts = np.unique(some.target.astype(str), return_counts=True)[1]
        if len(counts) < len(dataset.classes) or min(counts) < 3:
            return  # too few rows of a class for a cross-validation
    tree = DecisionTreeClassifier(random_state=seed) if classification else DecisionTreeRegressor(random_state=seed)
    scoring = "balanced_accuracy" if classification else "r2"
    for place, name in enumerate(dataset.contract.names):
        if dataset.contract.features[place].type == "text":  # its codes mean nothing
            continue
        column = np.clip(np.nan_to_num(some.matrix[:, [place]], nan=-1e9), -LARGEST, LARGEST)
        score = float(np.mean(cross_val_score(tree, column, some.target, cv=3, scoring=scoring)))
        if score >= SUSPICIOUS:
            warn(
                f"column {name!r} alone tells the target ({scoring} {score:.3f}): if it is known only afterwards, "
                f"it is leaked; leave it out with --drop {name!r}."
            )
