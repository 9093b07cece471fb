"""Quality gates: a model that a guess beats, or that misses a floor set by the user, is refused and not written."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import Pipeline

from inference.contract import Task
from training.errors import TrainingError
from training.evaluation import LESS_IS_BETTER, METRICS, Evaluation
from training.fitting import Fitted, measure


def baseline_of(fitted: Fitted) -> Evaluation:
    """The metrics, on the same held-out rows, of always guessing the commonest class or the mean."""
    regression = fitted.seen.contract.task == "regression"
    guess = DummyRegressor() if regression else DummyClassifier()
    pipeline = Pipeline([("model", guess)]).fit(fitted.seen.frame, fitted.seen.target)
    return measure(pipeline, fitted.seen, fitted.holdout, 0.0).evaluation


def check_names(floors: Mapping[str, float], task: Task) -> None:
    """Check the names of the floors, before the work of a fit.

    Raises:
        TrainingError: one names no metric of the task.
    """
    for name in floors:
        if name not in METRICS[task]:
            raise TrainingError(
                f"--floor {name}: of a {task} there is no such metric; there are {', '.join(METRICS[task])}."
            )


def check_baseline(fitted: Fitted, baseline: Evaluation, warn: Callable[[str], None]) -> None:
    """Refuse a model worse than the baseline; warn of one that is hardly better.

    A classifier with probabilities is judged by its ROC AUC, where guessing has 0.5: a useful model of a rare class may
    have the lower accuracy. One without is worse when its accuracy is lower and its balanced accuracy is no higher. A
    regression is judged by its RMSE.

    Raises:
        TrainingError: the model is worse.
    """
    metrics, guesses, rows = fitted.evaluation.numbers, baseline.numbers, len(fitted.holdout)
    if fitted.seen.contract.task == "regression":
        name, found, guess = "RMSE", metrics["rmse"], guesses["rmse"]
        worse = found > guess
        hardly = found > 0.98 * guess
        guessing = "predicting the mean"
    else:
        name, found, guess = "accuracy", metrics["accuracy"], guesses["accuracy"]
        unbalanced = metrics["balanced_accuracy"] <= guesses["balanced_accuracy"]
        worse = found < guess and unbalanced
        hardly = found - guess < 2 * float(np.sqrt(guess * (1 - guess) / rows))
        guessing = "always guessing the commonest class"
        if "roc_auc" in metrics:
            chance = _chance_of_auc([int(entry["support"]) for entry in fitted.evaluation.per_class])
            ranks = metrics["roc_auc"] > 0.5 + 2 * chance
            worse = worse and not ranks
            if not worse:
                name, found, guess, guessing, hardly = "ROC AUC", metrics["roc_auc"], 0.5, "guessing", not ranks
    sides = f"its {name} is {found:.4g} on {rows} held-out rows, {guessing} reaches {guess:.4g}"
    if worse:
        raise TrainingError(
            f"the model is worse than no model: {sides}. Nothing was written. The columns may not tell the target; try "
            f"other columns, more rows, or {_another(fitted)}."
        )
    if hardly:
        warn(f"the model is hardly better than no model: {sides}.")


def _another(fitted: Fitted) -> str:
    """What may be better: the pipeline's own maker chooses the model in pack."""
    return "another pipeline" if fitted.elsewhere else "another --model"


def _chance_of_auc(support: Sequence[int]) -> float:
    """The standard deviation of the ROC AUC of a guess (Mann and Whitney), each class against the rest, averaged."""
    rows = sum(support)
    parts = [(rows + 1) / (12 * count * (rows - count)) for count in support if 0 < count < rows]
    return float(np.sqrt(np.mean(parts))) if parts else 0.0


def check_floors(fitted: Fitted, floors: Mapping[str, float]) -> None:
    """Compare the metrics with the values that the user set: the least of a score, the largest of an error (RMSE).

    Raises:
        TrainingError: a metric misses its value, or there is no such metric.
    """
    numbers = fitted.evaluation.numbers
    for name, floor in floors.items():
        if name not in numbers:
            raise TrainingError(f"--floor {name}: there is no such metric here; there are {', '.join(numbers)}.")
        found, most = numbers[name], name in LESS_IS_BETTER
        if found > floor if most else found < floor:
            raise TrainingError(
                f"{name} is {found:.4g} on {len(fitted.holdout)} held-out rows, which misses the "
                f"{'ceiling' if most else 'floor'} {floor:g} set by --floor. Nothing was written. Lower it, or "
                f"try more rows or {_another(fitted)}."
            )
