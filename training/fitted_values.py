"""What the steps of a fitted pipeline remember of each column: the categories they learned, the nulls they fill."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils._indexing import _get_column_indices

WITHIN = ("best_estimator_", "estimator_", "regressor_", "classifier_", "estimator")
MEMBERS = ("estimators_", "calibrated_classifiers_")
Names = Sequence[str | None]
"""The column of the user's frame that each column of a step's input is; None where it is made of others."""


@dataclass(slots=True)
class FittedValues:
    """``values`` that encoders learned of one column, ``nulls`` the kinds among them, ``filled`` what imputers fill.

    ``objects``: whether the encoders met a column of objects, as such whose texts are none. ``learned``: an encoder
    learned its values from the column, so it remembers each null that no imputer before it fills. ``unmet``: an imputer
    of objects remembers that it met none of the nulls that it fills, so the column held another kind, or none at all.
    """

    values: set[Any] = field(default_factory=set)
    nulls: set[str] = field(default_factory=set)
    filled: set[str] = field(default_factory=set)
    objects: bool = False
    learned: bool = False
    unmet: bool = False

    @property
    def null(self) -> str | None:
        """The kind of null that the column was fitted with; None where that is not known."""
        known = self.nulls or self.filled
        return next(iter(known)) if len(known) == 1 else None

    @property
    def texts(self) -> bool:
        """Whether it was fitted on texts alone."""
        return bool(self.values) and all(isinstance(value, str) for value in self.values)


def null_kind(value: Any) -> str | None:
    """Which null a value is: "none", "na" or "nan"; None for another value."""
    if value is None:
        return "none"
    if value is pd.NA:
        return "na"
    return "nan" if isinstance(value, float) and value != value else None


def fitted_values(pipeline: Any, names: Sequence[str]) -> dict[str, FittedValues]:
    """For each column of the user's frame what the steps that meet it first remember."""
    found = {name: FittedValues() for name in names}
    _walk(pipeline, list(names), found)
    return found


def _walk(step: Any, names: Names, found: dict[str, FittedValues]) -> Names:
    """Note what a step and those in it remember; the columns of its result that hold the same values as before."""
    if step is None or isinstance(step, str):
        return names
    if isinstance(step, Pipeline):
        for _, inner in step.steps:
            names = _walk(inner, names, found)
        return names
    if isinstance(step, FeatureUnion | ColumnTransformer):
        return [name for inner, chosen in _branches(step, names) for name in _walk(inner, chosen, found)]
    for inner in _inside(step):
        _walk(inner, names, found)
    categories = getattr(step, "categories_", None)
    if isinstance(categories, list) and len(categories) == len(names):
        for name, values in zip(names, categories, strict=True):
            _note(found, name, values)
            if name is not None:
                found[name].learned |= isinstance(getattr(step, "categories", None), str)  # "auto", else given by hand
        return []
    fitted = isinstance(step, SimpleImputer) and hasattr(step, "statistics_")  # a branch of no columns is never fitted
    if fitted and len(names) == len(step.statistics_):
        kind = null_kind(step.missing_values)
        for place, name in enumerate(names):
            if name is not None and kind is not None:
                found[name].filled.add(kind)
                found[name].unmet |= _met_no_null(step, place)
        empty = pd.isna(pd.Series(step.statistics_, dtype=object))
        kept = [name for name, lost in zip(names, empty, strict=True) if step.keep_empty_features or not lost]
        return [*kept, *[None] * (len(step.indicator_.features_) if step.add_indicator else 0)]
    return []


def _met_no_null(step: SimpleImputer, place: int) -> bool:
    """Whether the fit met no null that it fills in a column, by its indicator; numbers cannot hold another kind."""
    objects = step._fit_dtype.kind == "O"  # scikit-learn keeps it nowhere else
    return bool(objects and step.add_indicator and place not in step.indicator_.features_)


def _note(found: dict[str, FittedValues], name: str | None, values: Any) -> None:
    if name is None:
        return
    found[name].objects |= values.dtype == object and any(type(value) in (int, bool) for value in values)
    for value in values.tolist():
        kind = null_kind(value)
        if kind is None:
            found[name].values.add(value)
        else:
            found[name].nulls.add(kind)


def _branches(step: FeatureUnion | ColumnTransformer, names: Names) -> Iterator[tuple[Any, Names]]:
    if isinstance(step, FeatureUnion):
        yield from ((inner, names) for _, inner in step.transformer_list if inner != "drop")
        return
    header = pd.DataFrame(columns=[name or f"\0{place}" for place, name in enumerate(names)])
    for _, inner, columns in getattr(step, "transformers_", ()):  # the model that an ensemble copies is not fitted
        if isinstance(inner, str) and inner == "drop":
            continue
        try:
            places = list(_get_column_indices(header, columns))
        except (ValueError, TypeError, KeyError, IndexError):  # columns by names of a step before it
            continue
        yield inner, [names[place] for place in places]


def _inside(step: Any) -> Iterator[Any]:
    """Estimators that a meta-estimator gives its own columns to."""
    for name in WITHIN:
        inner = getattr(step, name, None)
        if isinstance(inner, Pipeline | ColumnTransformer):
            yield inner
    for name in MEMBERS:
        members = getattr(step, name, None)
        for member in members if isinstance(members, list) else ():
            inner = getattr(member, "estimator", member)
            if isinstance(inner, Pipeline | ColumnTransformer):
                yield inner
