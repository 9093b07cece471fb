"""From a dataset to an artifact: split, search, fit, quality gates, engine, card, publish."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from sklearn.pipeline import Pipeline

from inference.manifest import Manifest
from service.routing_changes import route_first_version
from training.console import Console, print_engine_cost, print_summary
from training.dataset import Dataset
from training.decisions import document
from training.diagnosis import answerable
from training.engine_choice import Choice, choose_engine, one_row_ms
from training.errors import TrainingError
from training.evaluation import Evaluation
from training.fitting import Fitted, fit, split
from training.open_categories import open_categories
from training.options import TrainingOptions
from training.publishing import hyperparameters, publish
from training.quality_gates import baseline_of, check_baseline, check_floors, check_names
from training.search import cross_validate, search
from training.threshold import with_threshold


def train(
    dataset: Dataset,
    algorithm: str,
    make: Callable[[Mapping[str, Any]], Pipeline],
    space: Mapping[str, Any],
    options: TrainingOptions,
    console: Console,
) -> Manifest:
    """Search settings if that is wanted, fit a pipeline, and write it as an artifact.

    ``make`` makes an unfitted pipeline from settings; ``space`` holds the values of each that a search may try.

    Raises:
        TrainingError: there are too few rows, the fit failed, or a quality gate refused the model. Nothing was written.
    """
    check_names(options.floors, dataset.contract.task)
    seen, holdout = split(dataset, options.holdout, options.seed)
    facts: dict[str, Any] = {"evaluated_on": "held-out rows"}
    settings: Mapping[str, Any] = {}
    if options.tries:
        settings, facts["search"] = search(make, space, seen, options.tries, options.seed)
        console.step(f"search chose {dict(settings) or 'the usual settings'}")
    if options.folds:
        facts["cross_validation"] = cross_validate(make(settings), seen, options.folds, options.seed)
    console.step(f"fitting {algorithm} on {len(seen):,} rows")
    return finish(fit(make(settings), seen, holdout), algorithm, facts, options, console)


def finish(
    fitted: Fitted, algorithm: str, facts: Mapping[str, Any], options: TrainingOptions, console: Console
) -> Manifest:
    """Quality gates, engine, card, artifact, summary: the same for our pipelines and those fitted elsewhere.

    ``facts``: further entries of the manifest's ``training``.

    Raises:
        TrainingError: a quality gate refused the model, or the artifact cannot be written.
    """
    if options.threshold is not None:
        fitted = with_threshold(fitted, options.threshold)
        facts = {**facts, "threshold": options.threshold}
    fitted = answerable(fitted, console)
    fitted = open_categories(fitted, options.accept_unseen, console.warn, console.step)
    baseline = baseline_of(fitted)
    check_floors(fitted, options.floors)
    check_baseline(fitted, baseline, console.warn)
    console.step(f"compiling, and comparing the graph with the pipeline on {options.parity_rows:,} random rows")
    choice = choose_engine(fitted, options.parity_rows, options.seed)
    facts = {
        **facts,
        "baseline": baseline.document(),
        "warnings": list(console.warnings),
        "columns": document(console.decisions),
        "parity": asdict(choice.parity) if choice.parity else {},
    }
    card = _card(algorithm, fitted, choice, baseline, facts, options, console) if options.card else None
    manifest, routed = _written(algorithm, fitted, choice, facts, options, card)
    if choice.engine == "sklearn":
        print_engine_cost(choice, one_row_ms(fitted.pipeline, fitted.seen))
    print_summary(options.root, manifest, fitted, baseline, choice, console.decisions, routed=routed)
    return manifest


def _card(
    algorithm: str,
    fitted: Fitted,
    choice: Choice,
    baseline: Evaluation,
    facts: Mapping[str, Any],
    options: TrainingOptions,
    console: Console,
) -> bytes:
    from training.card import render_card  # matplotlib takes most of a second to import

    console.step("drawing the model card")
    parameters = hyperparameters(fitted.pipeline)
    return render_card(algorithm, fitted, choice, baseline, facts, console.warnings, parameters, options.seed)


def _written(
    algorithm: str,
    fitted: Fitted,
    choice: Choice,
    facts: Mapping[str, Any],
    options: TrainingOptions,
    card: bytes | None,
) -> tuple[Manifest, bool]:
    """The artifact's manifest, and whether it is the stable version now."""
    try:
        manifest = publish(options.root, algorithm, fitted, choice, facts, options.seed, card)
        return manifest, route_first_version(options.root, manifest.version, "python -m training")
    except OSError as exc:
        raise TrainingError(
            f"{options.root} cannot be written: {exc.strerror}. Set ARTIFACTS_DIR to a folder of yours."
        ) from None
