"""The columns that a fitted pipeline reads as text: handed, one alone, to a transformer of strings."""

from collections.abc import Iterator
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags


def text_columns(pipeline: Any) -> list[str]:
    """The names of the columns that a ColumnTransformer hands as a one-dimensional selection to a text vectoriser."""
    return list(dict.fromkeys(_columns(pipeline)))


def _columns(step: Any) -> Iterator[str]:
    if isinstance(step, ColumnTransformer):
        for _, inner, chosen in getattr(step, "transformers_", ()):  # a branch of no columns is never fitted
            if isinstance(chosen, str) and _reads_strings(inner):
                yield chosen
            elif isinstance(chosen, int) and _reads_strings(inner):
                yield str(step.feature_names_in_[chosen])
            else:
                yield from _columns(inner)
    elif isinstance(step, Pipeline) and step.steps:
        yield from _columns(step.steps[0][1])
    elif isinstance(step, FeatureUnion):
        for _, inner in step.transformer_list:
            yield from _columns(inner)


def _reads_strings(step: Any) -> bool:
    """Whether a transformer takes a list of strings, as a vectoriser does, or one that begins with it."""
    if isinstance(step, Pipeline) and step.steps:
        return _reads_strings(step.steps[0][1])
    if isinstance(step, FeatureUnion):
        return any(_reads_strings(inner) for _, inner in step.transformer_list)
    try:
        tags = get_tags(step).input_tags
    except Exception:  # a transformer that does not follow scikit-learn's protocol
        return False
    return bool(tags.string and not tags.two_d_array)
