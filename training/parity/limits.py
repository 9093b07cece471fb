"""How far each number may go before the pipeline's own arithmetic fails: found by asking the pipeline.

Squares and float32 trees overflow long before doubles do, and scikit-learn then raises; exponentials become infinite,
logarithms and powers of negative numbers are none.
"""

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.column_form import Forms
from inference.contract import UNBOUNDED, Contract, Feature
from inference.engines.sklearn import SklearnEngine
from inference.features import Matrix
from training.parity.random_rows import within

POWERS = (*(10.0**power for power in range(-3, 300)), UNBOUNDED)
STEPS = (*(-power for power in reversed(POWERS)), 0.0, *POWERS)
FINE = 1e6
"""Limits nearer than this are found to a twentieth of a step, others to a power of ten."""
FAR_ENOUGH = 1e15
"""Where all numbers together may go this far, none needs a limit of its own."""
Column = NDArray[np.float64]


def with_limits(pipeline: Any, contract: Contract, forms: Forms) -> Contract:
    """The contract with the ``limits`` of each number and integer.

    Each column is moved away from what was observed, the others at typical values, as long as the pipeline answers
    with finite numbers. Then all are moved together: while the pipeline raises, which a client would meet as an error
    of the service, all limits come nearer. What was observed of a column, and what was declared, is never cut.
    """
    search = _Search(pipeline, contract, forms)
    together = search.together()
    if together >= FAR_ENOUGH:
        places = [place for place in search.places if search.may_go(place, together)]
        return search.limited(dict.fromkeys(places, (-together, together)))
    return search.limited(search.joined(search.ends()))


class _Search:
    """Asks the pipeline about rows beyond what was observed."""

    def __init__(self, pipeline: Any, contract: Contract, forms: Forms) -> None:
        self._contract = replace(
            contract, features=tuple(replace(feature, limits=None) for feature in contract.features)
        )
        self._engine = SklearnEngine(pipeline, self._contract, forms, tuple(getattr(pipeline, "classes_", ())))
        self._typical = np.array([_typical(self._contract, feature) for feature in contract.features])
        self.places = [
            place
            for place, feature in enumerate(contract.features)
            if feature.type in ("number", "integer") and not feature.choices
        ]

    def together(self) -> float:
        """The largest power of ten with finite answers where all numbers are at plus and minus it at once; else 0."""
        signs = self._signs()
        low, high = -1, len(POWERS)
        while high - low > 1:
            middle = (low + high) // 2
            rows = self.rows({place: signs[:, place] * POWERS[middle] for place in self.places}, len(signs))
            answered = self._ask(rows)
            low, high = (middle, high) if answered is not None and answered.all() else (low, middle)
        return POWERS[low] if low >= 0 else 0.0

    def bounds(self, place: int) -> tuple[float, float]:
        """What is declared of the number."""
        return self._contract.bounds(self._contract.features[place])

    def may_go(self, place: int, limit: float) -> bool:
        """Whether a declared range leaves room for a limit."""
        low, high = self.bounds(place)
        return low < -limit or high > limit

    def ends(self) -> dict[int, tuple[float, float]]:
        """How far each number goes down and up, the others typical."""
        sides = [_Side(self, place, sign) for place in self.places for sign in (-1, 1)]
        while waiting := [side for side in sides if side.high - side.low > 1]:
            answered = self.answered(np.vstack([side.row() for side in waiting]))
            for side, fine in zip(waiting, answered, strict=True):
                side.learn(fine)
        found = {(side.place, side.sign): side.end() for side in sides}
        return {place: (found[place, -1], found[place, 1]) for place in self.places}

    def joined(self, ends: dict[int, tuple[float, float]]) -> dict[int, tuple[float, float]]:
        """The ends moved towards what was observed until the pipeline answers all numbers at their ends at once."""
        signs = self._signs()

        def moved(share: float) -> dict[int, tuple[float, float]]:
            return {place: self._nearer(place, pair, share) for place, pair in ends.items()}

        for share in (1.0, 0.75, 0.5, 0.25, 0.1):
            pairs = moved(share)
            cells = {place: np.where(signs[:, place] < 0, *pair) for place, pair in pairs.items()}
            if self._ask(self.rows(cells, len(signs))) is not None:
                return pairs
        return moved(0.0)

    def limited(self, ends: dict[int, tuple[float, float]]) -> Contract:
        """The contract with these ends as limits, where they are any."""
        features = list(self._contract.features)
        for place, (low, high) in ends.items():
            if (low, high) != self._contract.bounds(features[place]):
                first, last = self.observed(place)
                if features[place].type == "integer":
                    low, high = math.ceil(low), math.floor(high)
                limits = {"minimum": min(low, first), "maximum": max(high, last)}
                features[place] = replace(features[place], limits=limits)
        return replace(self._contract, features=tuple(features))

    def _nearer(self, place: int, pair: tuple[float, float], share: float) -> tuple[float, float]:
        """The distance of both ends from what was observed, raised to the power ``share``; 0 is none."""
        first, last = self.observed(place)
        scale = max(abs(first), abs(last), last - first, 1e-3)

        def distance(end: float) -> float:
            return scale * (math.pow(1.0 + end / scale, share) - 1.0)

        low, high = pair
        return (low, high) if share == 1.0 else (first - distance(first - low), last + distance(high - last))

    def observed(self, place: int) -> tuple[float, float]:
        """What training saw of the number, else its typical value."""
        feature, typical = self._contract.features[place], float(self._typical[place])
        low, high = feature.observed.get("minimum", typical), feature.observed.get("maximum", typical)
        return float(low), float(high)

    def _signs(self) -> Matrix:
        """All numbers up, all down, by turns both ways, and of a regression those that raise the answer together."""
        signs = np.ones((4, len(self._typical)))
        signs[1] = -1
        signs[2, ::2] = signs[3, 1::2] = -1
        ends = []
        for sign in (-1.0, 1.0):
            rows = self.rows({}, len(self._typical))
            for place in self.places:
                rows[place, place] = self._within(place, self._typical[place : place + 1] + sign)[0]
            ends.append(self._numbers(rows))
        if any(end is None for end in ends):
            return signs
        uphill = np.where(np.asarray(ends[1]) >= np.asarray(ends[0]), 1.0, -1.0)
        return np.vstack([signs, uphill, -uphill])

    def rows(self, cells: dict[int, Column], count: int) -> Matrix:
        """Typical rows but for the numbers at some places."""
        rows = np.tile(self._typical, (count, 1))
        for place, values in cells.items():
            rows[:, place] = self._within(place, values)
        return rows

    def _within(self, place: int, values: Column) -> Column:
        return within(self._contract, self._contract.features[place], values)

    def answered(self, rows: Matrix) -> NDArray[np.bool_]:
        """(n,) whether the pipeline answers each row, without an error, with finite numbers."""
        found = self._ask(rows)
        if found is not None:
            return found
        if len(rows) == 1:
            return np.zeros(1, dtype=np.bool_)
        half = len(rows) // 2
        return np.concatenate([self.answered(rows[:half]), self.answered(rows[half:])])

    def _ask(self, rows: Matrix) -> NDArray[np.bool_] | None:
        """(n,) whether each answer is of finite numbers; None where the pipeline raises."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return self._engine.predict(rows).finite
            except Exception:  # a pipeline may raise anything
                return None

    def _numbers(self, rows: Matrix) -> Column | None:
        """The numbers of a regression; None of a classifier, or where the pipeline fails."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                answers = self._engine.predict(rows)
            except Exception:  # no signs are known
                return None
        return np.asarray(answers.predictions, dtype=np.float64) if answers.chosen is None else None


class _Side:
    """One number on its way up (``sign`` 1) or down (-1), between steps that are known to be fine and to fail."""

    def __init__(self, search: _Search, place: int, sign: int) -> None:
        self.place, self.sign, self._search = place, sign, search
        start = sign * search.observed(place)[sign > 0]  # times the sign, all steps grow
        bound = sign * search.bounds(place)[sign > 0]
        self._steps = [start, *(step for step in STEPS if start < step < bound), bound] if bound > start else [start]
        self.low, self.high, self._fine = 0, len(self._steps), False

    def row(self) -> Matrix:
        """The row to ask about next."""
        return self._search.rows({self.place: np.array([self.sign * self._steps[self._middle]])}, 1)

    @property
    def _middle(self) -> int:
        return (self.low + self.high) // 2

    def learn(self, answered: bool) -> None:
        """Take the answer; near limits are then looked at more closely."""
        self.low, self.high = (self._middle, self.high) if answered else (self.low, self._middle)
        if self.high - self.low == 1 and not self._fine and self.high < len(self._steps):
            self._fine = True
            if abs(self._steps[self.high]) <= FINE:
                self._steps = np.linspace(self._steps[self.low], self._steps[self.high], 21).tolist()
                self.low, self.high = 0, 20

    def end(self) -> float:
        """The last step that is fine."""
        return self.sign * float(f"{self._steps[self.low]:.12g}") if self._fine else self.sign * self._steps[self.low]


def _typical(contract: Contract, feature: Feature) -> float:
    """The code of an ordinary value."""
    if feature.type == "text":
        return 0.0
    if feature.type == "category":
        return (
            float((feature.choices or ()).index(feature.example)) if feature.example in (feature.choices or ()) else 0.0
        )
    if feature.type == "boolean":
        return float(bool(feature.example))
    if isinstance(feature.example, (int, float)):
        return float(feature.example)
    if feature.choices:
        return float(feature.choices[0])
    low, high = feature.observed.get("minimum", 0.0), feature.observed.get("maximum", 0.0)
    return float(within(contract, feature, np.array([(float(low) + float(high)) / 2]))[0])
