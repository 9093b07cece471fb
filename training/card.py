"""The model card: one HTML page about one model, which loads nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from inference.contract import Contract
from inference.engines.sklearn import SklearnEngine
from training import plots
from training.dataset import Dataset
from training.engine_choice import Choice
from training.evaluation import Evaluation
from training.fitting import Fitted, indices
from training.intervals import RESAMPLES, intervals

IMPORTANCE_ROWS = 500
SHUFFLES = 3


def render_card(
    algorithm: str,
    fitted: Fitted,
    choice: Choice,
    baseline: Evaluation,
    facts: Mapping[str, Any],
    warnings: Sequence[str],
    parameters: Mapping[str, Any],
    seed: int,
) -> bytes:
    """The page in UTF-8. ``facts``: the manifest's ``training``; ``parameters``: the hyperparameters."""
    environment = Environment(
        loader=PackageLoader("training"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("card.html").render(
        algorithm=algorithm,
        contract=choice.contract,
        choice=choice,
        baseline=baseline.numbers,
        numbers=fitted.evaluation.numbers,
        per_class=fitted.evaluation.per_class,
        rows=len(fitted.seen),
        elsewhere=fitted.elsewhere,
        holdout_rows=len(fitted.holdout),
        source=fitted.seen.source,
        facts={name: value for name, value in facts.items() if isinstance(value, str | int | float)},
        validation=facts.get("cross_validation"),
        warnings=warnings,
        parameters=parameters,
        plots=_plots(fitted, seed),
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        intervals=intervals(fitted, seed),
        resamples=RESAMPLES,
        limits=_limits(fitted, choice.contract),
    )
    return page.encode()


def _limits(fitted: Fitted, contract: Contract) -> list[str]:
    """What the numbers on the card do not cover."""
    found = [
        "It answers for rows like those of its data. Other places, times or groups of people were not measured.",
        "The metrics are averages. Some group of rows may be answered worse: measure it before you rely on it.",
    ]
    if fitted.elsewhere:
        found.append("The sample may hold rows that the pipeline was fitted on. Then the metrics are too good.")
    ranges = [
        feature.name for feature in contract.features if "minimum" in feature.observed and feature.minimum is None
    ]
    if ranges:
        found.append(
            f"Values outside what training saw are answered, and counted as drift: {_listed(ranges)}. Declare a "
            "range to refuse them."
        )
    if closed := [feature.name for feature in contract.features if feature.choices and not feature.is_open]:
        found.append(f"Values that training did not see are refused: {_listed(closed)}.")
    if opened := [feature.name for feature in contract.features if feature.is_open]:
        found.append(f"Values that training did not see are answered as the pipeline answers them: {_listed(opened)}.")
    return found


def _listed(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _plots(fitted: Fitted, seed: int) -> list[tuple[str, str]]:
    answers, found = fitted.answers, []
    if answers.chosen is None:
        guess = np.asarray(answers.predictions, dtype=np.float64)
        found.append(("Residuals", plots.residuals(fitted.holdout.target.astype(np.float64), guess)))
    else:
        names = [str(label) for label in fitted.seen.classes]
        truth = indices(fitted.pipeline, fitted.holdout)
        found.append(("Confusion", plots.confusion(fitted.evaluation.confusion, names)))
        if answers.probabilities is not None:
            if "roc_auc" in fitted.evaluation.numbers:
                found.append(("ROC", plots.roc(truth, answers.probabilities, names)))
            found.append(("Calibration", plots.calibration(truth, answers.probabilities)))
    means, deviations = permutation_importances(fitted, seed)
    unit = "R²" if answers.chosen is None else "accuracy"
    names = list(fitted.seen.contract.names)
    return [*found, ("Importances", plots.importances(names, means, deviations, unit))]


def permutation_importances(fitted: Fitted, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation, per feature, of the accuracy or R2 lost on held-out rows when its column is shuffled."""
    held = fitted.holdout.take(np.arange(min(len(fitted.holdout), IMPORTANCE_ROWS)))
    engine = SklearnEngine(fitted.pipeline, held.contract, held.dtypes, held.classes)
    draw, width = np.random.default_rng(seed), len(held.contract.features)
    whole = _score(fitted, engine, held)
    lost = np.empty((SHUFFLES, width))
    for place in range(width):
        for turn in range(SHUFFLES):
            matrix = held.matrix.copy()
            matrix[:, place] = draw.permutation(matrix[:, place])
            shuffled = replace(held, matrix=matrix)
            lost[turn, place] = whole - _score(fitted, engine, shuffled)
    return lost.mean(axis=0), lost.std(axis=0)


def _score(fitted: Fitted, engine: SklearnEngine, held: Dataset) -> float:
    answers = engine.predict(held.matrix)
    if answers.chosen is not None:
        return float(np.mean(answers.chosen == indices(fitted.pipeline, held)))
    errors = held.target.astype(np.float64) - np.asarray(answers.predictions)
    spread = held.target.astype(np.float64) - held.target.mean()
    return float(1 - (errors**2).sum() / max((spread**2).sum(), np.finfo(np.float64).tiny))
