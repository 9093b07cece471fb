"""A function for ``mapInPandas`` of Spark, Databricks and the like: an iterator of DataFrames to one of answers.

predict = predict_batches("artifacts/random_forest-1", keep={"id": "bigint"})
answers = frame.mapInPandas(predict, predict.schema)
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scoring.refusals import ScoringError
from scoring.scorer import ModelSpec, load_scorer, rejected_json
from scoring.session import model_spec

if TYPE_CHECKING:
    import pandas as pd

ERRORS = "errors"
_DDL = {pa.string(): "string", pa.int64(): "bigint", pa.float64(): "double", pa.bool_(): "boolean"}


class PredictBatches:
    """Answers DataFrames with the artifact in a folder that every executor can read; made by ``predict_batches``.

    ``schema`` is Spark's DDL of what it returns: a row for each row, in order, with the columns of ``keep``, the
    answers, and ``errors``, which is null or says as JSON why the contract refuses the row.
    """

    def __init__(self, spec: ModelSpec, probabilities: bool, keep: Mapping[str, str]) -> None:
        self._spec, self._probabilities, self._keep = spec, probabilities, dict(keep)
        answers = load_scorer(spec).schema(probabilities)
        columns = [*self._keep.items(), *((one.name, _DDL[one.type]) for one in answers), (ERRORS, "string")]
        if repeated := [name for name, _ in columns if [one for one, _ in columns].count(name) > 1]:
            raise ScoringError(f"keep {repeated[0]!r}: there is an answer of this name; rename the column.")
        self.schema = ", ".join(f"{_quoted(name)} {kind}" for name, kind in columns)

    def __call__(self, frames: Iterable["pd.DataFrame"]) -> Iterator["pd.DataFrame"]:
        """The answers to each frame.

        Raises:
            ScoringError: a frame lacks a column, or the artifact is another one here.
        """
        scorer = load_scorer(self._spec)  # once a process of Spark's
        for frame in frames:
            if missing := [name for name in (*scorer.names, *self._keep) if name not in frame.columns]:
                raise ScoringError(f"the DataFrame has no column {missing[0]!r}; it has {list(frame.columns)}.")
            yield self._answers(scorer, frame)

    def _answers(self, scorer: Any, frame: "pd.DataFrame") -> "pd.DataFrame":
        scored = scorer.score({name: _column(frame[name]) for name in scorer.names}, self._probabilities)
        found: pd.DataFrame = scored.table.to_pandas(types_mapper=_nullable().get)
        found.index = scored.places
        found = found.reindex(range(len(frame)))
        found[ERRORS] = _texts([scored.rejected.get(place) for place in range(len(frame))])
        for place, name in enumerate(self._keep):
            found.insert(place, name, frame[name].to_numpy() if frame[name].dtype == object else frame[name].array)
        return found


def predict_batches(
    folder: str | os.PathLike[str], probabilities: bool = False, keep: Mapping[str, str] | None = None
) -> PredictBatches:
    """The function for ``mapInPandas``.

    ``folder`` is an artifact, under a path that all executors can read. ``keep``: columns of the frame to hand on, each
    with its type in Spark's DDL, such as ``{"id": "bigint"}``.

    Raises:
        ScoringError: the artifact cannot be used.
    """
    return PredictBatches(model_spec(Path(folder)), probabilities, keep or {})


def _texts(errors: list[Any]) -> Any:
    """The errors of rows as JSON, None for rows without."""
    import pandas as pd

    return pd.array([None if one is None else rejected_json(one) for one in errors], dtype="string")


def _column(column: Any) -> Any:
    """A column of a frame for the validation: null is NaN, None, NA or NaT."""
    try:
        return pa.Array.from_pandas(column)
    except (pa.ArrowException, TypeError):
        return [None if one is None or one != one else one for one in column.tolist()]


def _nullable() -> dict[Any, Any]:
    import pandas as pd

    return {
        pa.string(): pd.StringDtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }


def _quoted(name: str) -> str:
    """A name as Spark's DDL wants it."""
    return "`" + name.replace("`", "``") + "`"
