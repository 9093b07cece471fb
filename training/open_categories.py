"""Categories that may take values which training did not see: those whose unseen values the pipeline itself answers."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from inference.contract import Contract, Feature
from inference.engines.sklearn import SklearnEngine
from inference.features import Matrix
from inference.open_columns import texts_of, with_texts
from training.dataset import Dataset
from training.errors import TrainingError
from training.fitted_values import fitted_values
from training.fitting import Fitted
from training.parity.random_rows import unseen_texts

ROWS = 20
"""Rows of the data in which an unseen value is tried, for each text."""
SHOWN = 10


def open_categories(fitted: Fitted, accept: bool, warn: Callable[[str], None], say: Callable[[str], None]) -> Fitted:
    """The same with the contract's categories open where that is declared, or with ``accept`` wherever it can be.

    Each is tried by the fitted pipeline, alone and then all together.

    Raises:
        TrainingError: a category is declared open, and the pipeline does not answer what it has not seen.
    """
    contract = fitted.seen.contract
    categories = [feature for feature in contract.features if feature.type == "category"]
    able = {feature.name for feature in categories if _answers(fitted, [feature])}
    unable = [feature.name for feature in categories if feature.name not in able]
    declared = [feature.name for feature in categories if feature.unseen == "accept"]
    if refused := [name for name in declared if name in unable]:
        raise TrainingError(
            f"column {refused[0]!r} cannot accept unseen categories: the pipeline fails on them. Fit its encoder with "
            "handle_unknown='ignore', or leave 'unseen' out."
        )
    undecided = [feature.name for feature in categories if feature.unseen is None]
    chosen = [*declared, *(name for name in undecided if accept and name in able)]
    if accept and (closed := [name for name in undecided if name in unable]):
        warn(f"{_listed(closed)} cannot accept unseen categories, since the pipeline fails on them: they are 422.")
    if closed := [name for name in undecided if name in able and not accept]:
        say(f"unseen categories are 422; {_listed(closed)} could take them: --unseen accept")
    if len(chosen) > 1 and not _answers(fitted, [feature for feature in categories if feature.name in chosen]):
        raise TrainingError(
            f"the pipeline fails where {_listed(chosen)} are unseen in one row: accept them in fewer columns, by "
            "'unseen: accept' in --contract."
        )
    return _with_contract(fitted, _with_known(opened(contract, chosen), chosen, fitted.pipeline))


def opened(contract: Contract, names: Sequence[str]) -> Contract:
    """The contract with these categories open."""
    features = tuple(
        replace(feature, unseen="accept") if feature.name in names else feature for feature in contract.features
    )
    return replace(contract, features=features)


def _with_known(contract: Contract, names: Sequence[str], pipeline: Any) -> Contract:
    """The contract with all texts that the encoders of these categories know as choices: they are no unseen values."""
    known = fitted_values(pipeline, contract.names)
    features = []
    for feature in contract.features:
        listed = feature.choices or ()
        values = known[feature.name].values if feature.name in names else ()
        more = sorted(value for value in values if isinstance(value, str) and value not in listed)
        features.append(replace(feature, choices=(*listed, *more)) if more else feature)
    return replace(contract, features=tuple(features))


def _answers(fitted: Fitted, categories: Sequence[Feature]) -> bool:
    """Whether the pipeline answers, with finite numbers, rows in which each of these has a value it cannot know."""
    seen = fitted.seen
    contract = opened(seen.contract, [feature.name for feature in categories])
    engine = SklearnEngine(fitted.pipeline, contract, seen.dtypes, seen.classes)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            answers = engine.predict(_unseen_rows(seen, contract, categories))
        except Exception:  # a pipeline may raise anything
            return False
    numbers = answers.predictions if answers.chosen is None else answers.probabilities
    return numbers is None or bool(np.isfinite(np.asarray(numbers, dtype=np.float64)).all())


def _unseen_rows(seen: Dataset, contract: Contract, categories: Sequence[Feature]) -> Matrix:
    """Rows of the data, for each unseen text, with it in the place of each of these categories."""
    tried = {contract.names.index(feature.name): unseen_texts(feature) for feature in categories}
    some = seen.matrix[np.arange(ROWS) % len(seen)]
    count = max(map(len, tried.values()))
    rows = np.tile(np.asarray(some), (count, 1))
    for place, texts in tried.items():
        first = len(contract.features[place].choices or ())
        rows[:, place] = first + np.repeat(np.arange(count) % len(texts), len(some))
    return with_texts(contract.features, rows, texts_of(some) | tried)


def _with_contract(fitted: Fitted, contract: Contract) -> Fitted:
    seen = replace(fitted.seen, contract=contract)
    holdout = seen if fitted.elsewhere else replace(fitted.holdout, contract=contract)
    return replace(fitted, seen=seen, holdout=holdout)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:SHOWN]))
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
