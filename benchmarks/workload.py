"""The rows that are sent: made from the contract, with the answers of the engine in this process."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inference import artifact
from inference.contract import Contract, Feature
from inference.engines.base import Answers, Engine
from inference.features import Matrix, encode
from inference.manifest import Manifest

TIE = 1e-4
"""Rows whose two best classes are nearer than this are left out: a server may break such a tie otherwise."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Valid rows with their expected answers.

    ``complete``: positions of rows without a null (all if none). ``seed`` is the run's: of order and headers.
    """

    contract: Contract
    rows: list[dict[str, Any]]
    matrix: Matrix
    answers: list[tuple[Any, float | None]]
    engine: Engine
    manifest: Manifest
    complete: list[int]
    seed: int = 1

    def take(
        self, start: int, count: int, nulls: bool = True
    ) -> tuple[list[dict[str, Any]], list[tuple[Any, float | None]]]:
        """``count`` rows from ``start`` on, round and round; without ``nulls`` complete ones only."""
        among: Sequence[int] = range(len(self.rows)) if nulls else self.complete
        places = [among[(start + offset) % len(among)] for offset in range(count)]
        return [self.rows[place] for place in places], [self.answers[place] for place in places]


def make_pool(folder: Path, count: int, seed: int = 1) -> Pool:
    """``count`` distinct valid rows of the artifact in ``folder``, answered by its own engine; the same for a seed."""
    manifest = Manifest.read(folder)
    engine = artifact.build_engine(folder, manifest, "auto")
    draw = random.Random(seed)
    rows = [{feature.name: value_of(feature, draw) for feature in manifest.contract.features} for _ in range(count)]
    matrix = encode(manifest.contract, [list(row.values()) for row in rows])
    answers = engine.predict(matrix)
    clear = _clear(answers)
    usable = [place for place, plain in enumerate(clear) if plain] or list(range(count))
    listed = pairs(answers)
    rows = [rows[place] for place in usable]
    complete = [place for place, row in enumerate(rows) if None not in row.values()] or list(range(len(rows)))
    right = [listed[place] for place in usable]
    return Pool(manifest.contract, rows, matrix[usable], right, engine, manifest, complete, seed)


def value_of(feature: Feature, draw: random.Random) -> Any:
    """One valid value, inside what training saw where that is known."""
    if feature.nullable and draw.random() < 0.1:
        return None
    if feature.type == "boolean":
        return draw.random() < 0.5
    if feature.type == "text":
        return feature.example
    if feature.choices:
        return draw.choice(feature.choices)
    low, high = _range(feature)
    if feature.type == "integer":
        return draw.randint(int(low), int(high))
    return round(draw.uniform(low, high), 4)


def wrong(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same row with every value of a wrong type."""
    return dict.fromkeys(row, "x" * 3) if row else {}


def pairs(answers: Answers) -> list[tuple[Any, float | None]]:
    """Each row's prediction and the probability of its class."""
    if answers.probabilities is None or answers.chosen is None:
        return [(prediction, None) for prediction in answers.predictions]
    best = answers.probabilities[np.arange(len(answers.chosen)), answers.chosen].tolist()
    return list(zip(answers.predictions, best, strict=True))


def _range(feature: Feature) -> tuple[float, float]:
    observed = feature.observed
    low = feature.minimum if feature.minimum is not None else observed.get("minimum", observed.get("min", -3.0))
    high = feature.maximum if feature.maximum is not None else observed.get("maximum", observed.get("max", 3.0))
    return float(low), float(high)


def _clear(answers: Answers) -> list[bool]:
    if answers.probabilities is None:
        return [True] * len(answers.predictions)
    ordered = np.sort(answers.probabilities, axis=1)
    clear: list[bool] = (ordered[:, -1] - ordered[:, -2] > TIE).tolist()
    return clear
