"""Dataset to artifact, in order: split, search, fit, gates, engine, card, publish. One screen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sklearn.pipeline import Pipeline

from inference.manifest import Manifest
from inference.routing import route_first
from training.console import Console, summary, tell_cost
from training.dataset import Dataset
from training.engine_choice import choose_engine, one_row_ms
from training.errors import TrainingError
from training.fitting import Fitted, fit, split
from training.publishing import hyperparameters, publish
from training.quality_gates import baseline_of, check_baseline, check_floors, check_names
from training.search import cross_validate, search

PARITY_ROWS, PARITY_ROWS_FULL = 100_000, 1_000_000


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What the command line asks of a training; ``holdout`` is a share, ``floors`` metric to least value."""

    root: Path
    seed: int = 42
    holdout: float = 0.2
    folds: int = 0
    tries: int = 0
    floors: Mapping[str, float] = field(default_factory=dict)
    parity_rows: int = PARITY_ROWS
    card: bool = True


def train(
    dataset: Dataset,
    algorithm: str,
    make: Callable[[Mapping[str, Any]], Pipeline],
    space: Mapping[str, Any],
    wishes: TrainingOptions,
    console: Console,
) -> Manifest:
    """Fit what ``make`` makes of settings, and publish it.

    Raises:
        TrainingError: a gate says no; nothing was written.
    """
    check_names(wishes.floors, dataset.contract.task)
    seen, holdout = split(dataset, wishes.holdout, wishes.seed)
    facts: dict[str, Any] = {"evaluated_on": "held-out rows"}
    settings: Mapping[str, Any] = {}
    if wishes.tries:
        settings, facts["search"] = search(make, space, seen, wishes.tries, wishes.seed)
        console.step(f"search chose {dict(settings) or 'the usual settings'}")
    if wishes.folds:
        facts["cross_validation"] = cross_validate(make(settings), seen, wishes.folds, wishes.seed)
    console.step(f"fitting {algorithm} on {len(seen):,} rows")
    return finish(fit(make(settings), seen, holdout), algorithm, facts, wishes, console)


def finish(
    fitted: Fitted, algorithm: str, facts: Mapping[str, Any], wishes: TrainingOptions, console: Console
) -> Manifest:
    """Gates, engine, card, artifact, summary: the same for our pipelines and those fitted elsewhere."""
    baseline = baseline_of(fitted)
    check_floors(fitted, wishes.floors)
    check_baseline(fitted, baseline, console.warn)
    console.step(f"compiling, and comparing the graph with the pipeline on {wishes.parity_rows:,} random rows")
    choice = choose_engine(fitted.pipeline, fitted.seen, wishes.parity_rows, wishes.seed)
    facts = {**facts, "baseline": dict(baseline), "warnings": list(console.warnings), "parity": dict(choice.parity)}
    card = None
    if wishes.card:
        from training.card import render_card  # matplotlib takes most of a second to import

        console.step("drawing the model card")
        parameters = hyperparameters(fitted.pipeline)
        card = render_card(algorithm, fitted, choice, baseline, facts, console.warnings, parameters, wishes.seed)
    try:
        manifest = publish(wishes.root, algorithm, fitted, choice, facts, wishes.seed, card)
        routed = route_first(wishes.root, manifest.version)
    except OSError as exc:
        raise TrainingError(
            f"{wishes.root} cannot be written: {exc.strerror}. Set ARTIFACTS_DIR to a folder of yours."
        ) from None
    if choice.engine == "sklearn":
        tell_cost(choice, one_row_ms(fitted.pipeline, fitted.seen))
    summary(wishes.root, manifest, fitted, baseline, choice, routed=routed)
    return manifest
