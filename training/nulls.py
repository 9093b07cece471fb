"""What null must be in one nullable column: NaN, None or pandas' NA, as in the fit, else as in the sample."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inference.column_form import NULLS, ColumnForm, column_of
from inference.contract import Feature
from training.errors import TrainingError
from training.fitted_values import FittedValues, null_kind

ASKED = 200
"""Rows on which the kinds of null are compared."""


class Nulls:
    """What the null of one nullable column must be. ``told``: the pipeline answers the kinds of null differently."""

    def __init__(
        self,
        pipeline: Any,
        feature: Feature,
        form: ColumnForm,
        column: "pd.Series[Any]",
        frame: pd.DataFrame,
        fitted: FittedValues,
    ) -> None:
        self._pipeline, self._feature, self._form, self._fitted = pipeline, feature, form, fitted
        missing = column.isna().to_numpy()
        self.present = {kind for kind in map(null_kind, column[missing]) if kind}
        self.told = False
        self._rows = frame.iloc[np.flatnonzero(missing)[:ASKED] if missing.any() else slice(ASKED)]

    def settle(self) -> ColumnForm:
        """The form with the null that was fitted, else with the sample's own.

        Raises:
            TrainingError: neither tells, and the pipeline answers the kinds differently or fails on each.
        """
        name, own, wanted = self._feature.name, self._form, self._fitted.null
        if (
            not self._fitted.unmet
            and self.present == {self.held(own)}
            and (wanted in self.present or (own.dtype != "object" and not self._fitted.nulls))
            and self._ask(own) is not None
        ):
            return own
        asked = {form: answers for form in self._forms() if (answers := self._ask(form)) is not None}
        if not asked:
            raise TrainingError(
                f"column {name!r} may be null, but the pipeline fails on null in it: give the pipeline an imputer for "
                "it, or do not declare it nullable."
            )
        first = next(iter(asked))
        self.told = first != own and bool(self.present)
        if all(_equal(answers, asked[first]) for answers in asked.values()):
            return first
        self.told = True
        if self._fitted.nulls or not self._contradicted():
            for form in asked:
                if self.held(form) == wanted:
                    return form
            if len(self.present) == 1 and not self._fitted.nulls:
                return first
        raise TrainingError(
            f"column {name!r} may be null, and the pipeline answers None otherwise than NaN there, but neither its fit "
            "nor the sample tells which of them is meant: give the frame of the fit as the sample, or fit on a column "
            "with one kind of null."
        )

    def _contradicted(self) -> bool:
        """Whether the fit may have held the sample's null, though an imputer fills another."""
        fitted = self._fitted
        other = bool(fitted.filled and self.present and not self.present <= fitted.filled)
        return fitted.unmet or (other and not fitted.learned)

    def held(self, form: ColumnForm) -> str:
        """The kind of the empty cells of a column of that form."""
        return null_kind(column_of(self._feature, form, np.array([np.nan]))[0]) or form.null

    def _forms(self) -> Iterator[ColumnForm]:
        """The sample's own form first, then the same values with another null."""
        yield self._form
        finite = self._feature.type in ("category", "boolean", "text")
        for null in NULLS:
            form = ColumnForm("object", null, self._form.values if finite else "int")
            if form != self._form:
                yield form

    def _ask(self, form: ColumnForm) -> NDArray[Any] | None:
        """The answers to rows with null in this column; None where the pipeline fails."""
        nulls = column_of(self._feature, form, np.full(len(self._rows), np.nan))
        rows = self._rows.assign(**{self._feature.name: nulls.set_axis(self._rows.index)})
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return _detailed(self._pipeline, rows)
            except Exception:  # a pipeline may raise anything
                return None


def _detailed(pipeline: Any, rows: pd.DataFrame) -> NDArray[Any]:
    """The most telling answers that the pipeline has: probabilities, scores, or else predictions."""
    for method in ("predict_proba", "decision_function"):
        if hasattr(pipeline, method):
            return np.asarray(getattr(pipeline, method)(rows))
    return np.asarray(pipeline.predict(rows))


def _equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.dtype.kind == "f":
        return bool(np.allclose(one, other, rtol=1e-12, atol=1e-12, equal_nan=True))
    return bool((one == other).all())
