"""Cross-validation and a random search over a family's settings. Neither sees the held-out rows."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import KFold, ParameterSampler, StratifiedKFold
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from training.dataset import Dataset
from training.errors import TrainingError
from training.fitting import fit

SEARCH_FOLDS = 3


def cross_validate(pipeline: Pipeline, dataset: Dataset, folds: int, seed: int) -> dict[str, Any]:
    """``{"folds": n, metric: {"mean", "deviation"}}``: each metric over ``folds`` fits.

    Raises:
        TrainingError: a class has fewer rows than there are folds.
    """
    return _summary(folds, _scores(pipeline, dataset, folds, seed, "cross-validation"))


def search(
    make: Callable[[Mapping[str, Any]], Pipeline],
    space: Mapping[str, Any],
    dataset: Dataset,
    tries: int,
    seed: int,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The best of ``tries`` random settings, and a document with the score of each for the manifest.

    The score is the cross-validated accuracy or R2. ``make`` makes an unfitted pipeline from settings; ``space`` holds
    the values of each. The first try is always the family's own settings.

    Raises:
        TrainingError: a class has fewer rows than there are folds.
    """
    known = make({}).named_steps["model"].get_params()
    usable = {name: values for name, values in space.items() if name in known}
    drawn = list(ParameterSampler(usable, min(tries - 1, _size(usable)), random_state=seed)) if tries > 1 else []
    metric = "r2" if dataset.contract.task == "regression" else "accuracy"
    found = []
    for number, settings in enumerate([{}, *drawn], start=1):
        title = f"search {number}/{len(drawn) + 1}"
        scores = _scores(make(settings), dataset, SEARCH_FOLDS, seed, title)
        found.append({"settings": settings, metric: _summary(SEARCH_FOLDS, scores)[metric]["mean"]})
    best = max(found, key=lambda entry: entry[metric])
    return best["settings"], {"tried": found, "chosen_by": f"{metric}, {SEARCH_FOLDS}-fold cross-validated"}


def _size(space: Mapping[str, Any]) -> int:
    return int(np.prod([len(values) for values in space.values()])) if space else 0


def _scores(pipeline: Pipeline, dataset: Dataset, folds: int, seed: int, title: str) -> list[Mapping[str, float]]:
    stratified = dataset.contract.task == "classification"
    if (most := _most_folds(dataset)) < folds:
        raise TrainingError(
            f"{folds} folds are too many for these rows, of which the rarest class has {most}: say --cv {most} or "
            "less, or bring more rows."
        )
    folding = (StratifiedKFold if stratified else KFold)(folds, shuffle=True, random_state=seed)
    places = list(folding.split(dataset.matrix, dataset.target))
    return [
        fit(clone(pipeline), dataset.take(seen), dataset.take(held)).evaluation.numbers
        for seen, held in tqdm(places, desc=title, unit="fold", leave=False, disable=None)
    ]


def _most_folds(dataset: Dataset) -> int:
    if dataset.contract.task == "regression":
        return len(dataset)
    return min(Counter(dataset.target.tolist()).values())


def _summary(folds: int, scores: list[Mapping[str, float]]) -> dict[str, Any]:
    spread: dict[str, Any] = {
        name: {
            "mean": float(np.mean([score[name] for score in scores])),
            "deviation": float(np.std([score[name] for score in scores])),
        }
        for name in scores[0]
        if all(name in score for score in scores)
    }
    return {"folds": folds, **spread}
