"""A DataFrame as the rows of requests, and the answers as a DataFrame. pandas is imported only for a frame."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tabular_client.exceptions import BodyTooLarge, ClientError, InvalidInput, RowError
from tabular_client.values import Json, NotJson, as_json

if TYPE_CHECKING:
    import pandas as pd

MOST_ERRORS = 100
UNKNOWN_ROWS = 1000
"""Rows of a chunk where the service does not tell its limits."""
UNKNOWN_BYTES = 2**63

Ask = Callable[[bytes], Any]
"""Sends the body of a batch, and returns the service's answer."""


def is_frame(value: Any) -> bool:
    """Whether it is a pandas DataFrame, without importing pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, getattr(pandas, "DataFrame", ()))


def is_series(value: Any) -> bool:
    """Whether it is a pandas Series, such as one row of a frame."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, getattr(pandas, "Series", ()))


@dataclass
class Limits:
    """What the service takes at once. ``rows`` gets smaller when a chunk turns out to be too large."""

    rows: int = UNKNOWN_ROWS
    bytes: int = UNKNOWN_BYTES


class Rows:
    """The rows of a frame as JSON objects.

    Raises:
        TypeError: two columns have one name, or a name is neither a string nor an integer.
        InvalidInput: values without a JSON form, by field and position.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.index = frame.index
        names = [_name(label) for label in frame.columns]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise TypeError(f"the frame has several columns named {sorted(repeated)[0]!r}.")
        self._columns: dict[str, list[Json]] = {}
        errors: list[RowError] = []
        total = 0
        for place, name in enumerate(names):
            column, wrong = _column(frame.iloc[:, place])
            self._columns[name] = column
            total += len(wrong)
            errors += [self._error(row, name, (told,)) for row, told in wrong[: MOST_ERRORS - len(errors)]]
        if total:
            raise InvalidInput("The frame holds values that have no JSON form.", errors, total)

    def __len__(self) -> int:
        return len(self.index)

    def body(self, start: int, stop: int) -> bytes:
        """The body of a batch of these rows."""
        names = tuple(self._columns)
        cells = [column[start:stop] for column in self._columns.values()]
        rows: list[dict[str, Json]] = [dict(zip(names, row)) for row in zip(*cells)] if names else [{}] * (stop - start)
        return json.dumps({"instances": rows}, allow_nan=False, separators=(",", ":")).encode()

    def in_frame(self, refused: InvalidInput, start: int) -> InvalidInput:
        """The refusal of a chunk that begins at ``start``, with positions of the whole frame."""
        found = []
        for error in refused.errors:
            parts = error.field.split(".", 2)
            if parts[0] == "instances" and len(parts) > 1 and parts[1].isdigit():
                name = parts[2] if len(parts) > 2 else "the row"
                found.append(self._error(start + int(parts[1]), name, error.messages))
            else:
                found.append(error)
        return InvalidInput(refused.detail, found, refused.total, refused.request_id)

    def _error(self, position: int, name: str, messages: tuple[str, ...]) -> RowError:
        return RowError(position, self.index[position], name, messages)


def predict_frame(rows: Rows, limits: Limits, ask: Ask) -> pd.DataFrame:
    """The answers to all rows, chunk by chunk, under the frame's own index.

    Raises:
        ClientError: ``partial`` holds the answers before it.
    """
    answers: list[tuple[int, Any]] = []
    try:
        for start, answer in _chunks(rows, limits, ask):
            answers.append((start, answer))
    except ClientError as exc:
        if answers:
            exc.partial = as_frame(rows.index, answers)
        raise
    return as_frame(rows.index, answers)


def _chunks(rows: Rows, limits: Limits, ask: Ask) -> Iterator[tuple[int, Any]]:
    start, size = 0, limits.rows
    while start < len(rows):
        stop = min(len(rows), start + size)
        body = rows.body(start, stop)
        try:
            if len(body) > limits.bytes and stop - start > 1:
                raise BodyTooLarge(413, "too large")
            answer = ask(body)
        except BodyTooLarge as exc:
            if stop - start == 1:
                exc.args = (f"row {start} (index {rows.index[start]!r}): {exc}",)
                raise
            size = (stop - start) // 2
            continue
        except InvalidInput as exc:
            told = _fewest_rows(exc)
            if told and told < stop - start:  # the service came back with a lower limit
                size = limits.rows = told
                continue
            raise rows.in_frame(exc, start) from None
        if len(answer.get("predictions", ())) != stop - start:
            raise ClientError(f"the service answered {len(answer.get('predictions', ()))} of {stop - start} rows.")
        yield start, answer
        start = stop


def _fewest_rows(refused: InvalidInput) -> int:
    """The most rows of a batch, where the service refuses a batch for their number; else 0."""
    told = " ".join(message for error in refused.errors if error.field == "instances" for message in error.messages)
    numbers = [int(word) for word in told.replace(".", " ").split() if word.isdigit()]
    return numbers[-1] if len(numbers) == 2 else 0


def as_frame(index: pd.Index, answers: list[tuple[int, Any]]) -> pd.DataFrame:
    """The answers to the rows from the first on, a row each, under the index of the frame that was asked about."""
    import pandas as pd

    columns: dict[str, list[Any]] = {"prediction": []}
    for _, answer in answers:
        found = answer["predictions"]
        columns["prediction"] += [row["prediction"] for row in found]
        if "probability" in found[0]:
            columns.setdefault("probability", []).extend(row["probability"] for row in found)
        for place, label in enumerate(answer.get("classes", ())):
            several = columns.setdefault(f"probability.{_text(label)}", [])
            several += [row["probabilities"][place] for row in found]
    for name in ("model_version", "prediction_id"):
        columns[name] = [answer[name] for _, answer in answers for _ in answer["predictions"]]
    columns["row_index"] = [row for _, answer in answers for row in range(len(answer["predictions"]))]
    made = {name: pd.Series(values, dtype=None if values else object) for name, values in columns.items()}
    return pd.DataFrame(made).set_axis(index[: len(columns["prediction"])])


def empty_frame(index: pd.Index, has_probability: bool, classes: list[Any]) -> pd.DataFrame:
    """The answer to no rows: the columns that the answer to some would have."""
    import pandas as pd

    names = ["prediction", *(["probability"] if has_probability else [])]
    names += [f"probability.{_text(label)}" for label in classes]
    return pd.DataFrame(columns=[*names, "model_version", "prediction_id", "row_index"], index=index, dtype=object)


def _text(label: Any) -> str:
    return label if isinstance(label, str) else json.dumps(label)


def _name(label: Any) -> str:
    if isinstance(label, str):
        return label
    if isinstance(label, bool) or not hasattr(label, "__index__"):
        raise TypeError(f"a column's name must be a string or an integer, not {label!r}.")
    return str(int(label))


def _column(column: pd.Series[Any]) -> tuple[list[Json], list[tuple[int, str]]]:
    """The cells as JSON values, and the positions of those that have no JSON form, with what to do."""
    if getattr(column.dtype, "kind", "") in "biu" and type(column.dtype).__module__.startswith("numpy"):
        return column.tolist(), []
    cells: list[Json] = []
    wrong: list[tuple[int, str]] = []
    for position, cell in enumerate(column.tolist()):
        try:
            cells.append(as_json(cell))
        except NotJson as exc:
            cells.append(None)
            wrong.append((position, str(exc)))
    return cells, wrong
