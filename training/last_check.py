"""The last check before publishing: the whole sample, and the row that is printed, as clients will send them.

Each row goes as JSON through the final contract's reader into the engine that will serve, made of the very bytes that
are to be written; the answer must be the pipeline's own to the user's frame.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
from marshmallow import ValidationError
from numpy.typing import NDArray

from inference.contract import Contract
from inference.engines.base import Answers, Engine
from inference.engines.sklearn import SklearnEngine
from inference.features import Matrix, decode
from schemas.errors import InvalidInput
from schemas.reader import Reader
from training.dataset import Dataset
from training.errors import TrainingError
from training.fitting import Fitted
from training.parity import differing, tolerance_of
from training.sampling import rows_of

CHUNK = 10_000
ALONE = 50
"""Rows that are also sent one by one, and validated by the schema itself."""


def check_publication(fitted: Fitted, contract: Contract, engine: Engine) -> None:
    """Answer every row of the sample, the first ones also alone, and the contract's example.

    Raises:
        TrainingError: a row is refused, is read as another one, has no finite answer, or is answered otherwise than by
            the pipeline; it names the column and the reason.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of rows that the checks are about
        _check(fitted, contract, engine)


def _check(fitted: Fitted, contract: Contract, engine: Engine) -> None:
    seen = fitted.seen
    reader = Reader(contract, CHUNK)
    reference = SklearnEngine(fitted.pipeline, contract, seen.dtypes, seen.classes)
    tolerance = tolerance_of(fitted.pipeline, seen.dtypes)
    example = _read(reader.row, "the example that the contract prints", contract.example)
    _check_equal(engine.predict(example), reference.predict(example), tolerance, "the contract's example")
    for part in (seen,) if fitted.elsewhere else (seen, fitted.holdout):
        first = part.take(np.arange(min(ALONE, len(part))))
        _check_alone(contract, reader, engine, reference, first, tolerance)
        for chunk in part.chunks(CHUNK):
            rows = [dict(zip(contract.names, row, strict=True)) for row in rows_of(contract, chunk.matrix)]
            matrix = _read(reader.batch, f"a row of {chunk.source}", {"instances": rows})
            _check_codes(contract, matrix, chunk.matrix)
            expected = reference.predict_frame(chunk.frame)
            _check_finite(reference, chunk, expected)
            answers = engine.predict(matrix)
            if differing(answers, expected, tolerance).any():
                compare_frames(reference, chunk, tolerance)
            _check_equal(answers, expected, tolerance, f"rows of {chunk.source}")
    if not reference.predict(example).finite.all():
        raise TrainingError(
            "the pipeline answers the example that the contract prints with no finite number: declare other examples "
            "with --contract."
        )


def compare_frames(reference: SklearnEngine, rows: Dataset, tolerance: float = 1e-9) -> None:
    """The pipeline must answer frames made of codes as it answers the user's own frame.

    Raises:
        TrainingError: it does not; the column at fault is named.
    """
    expected = reference.predict_frame(rows.frame)
    made = decode(rows.contract, rows.dtypes, rows.matrix).set_axis(rows.frame.index)
    other = np.flatnonzero(differing(reference.predict_frame(made), expected, tolerance))
    if not len(other):
        return

    def replaced(name: str) -> bool:
        some = other[:ALONE]
        frame = rows.frame.iloc[some].assign(**{name: made[name].iloc[some]})
        return bool(differing(reference.predict_frame(frame), _taken(expected, some), tolerance).any())

    name = _first(rows.contract.names, replaced)
    raise TrainingError(
        f"{f'column {name!r}: ' if name else ''}{len(other)} of {len(rows)} rows of {rows.source} are answered "
        "otherwise once they went through JSON types: make texts, whole numbers, numbers or booleans of the column "
        "before fitting."
    )


def _check_alone(
    contract: Contract, reader: Reader, engine: Engine, reference: SklearnEngine, rows: Dataset, tolerance: float
) -> None:
    schema = reader.row_schema()
    expected = reference.predict_frame(rows.frame)
    for place, values in enumerate(rows_of(contract, rows.matrix)):
        row = dict(zip(contract.names, values, strict=True))
        try:
            schema.load(row)
        except ValidationError as exc:
            raise _refused(f"a row of {rows.source}", next(iter(exc.messages_dict.items()))) from None
        matrix = _read(reader.row, f"a row of {rows.source}", row)
        one = _taken(expected, np.array([place]))
        _check_equal(engine.predict(matrix), one, tolerance, f"row {place + 1} of {rows.source} alone")


def _read(read: Callable[[bytes], Matrix], what: str, document: Any) -> Matrix:
    """The matrix that the service reads of a body."""
    try:
        body = orjson.dumps(document)
    except TypeError as exc:  # texts that are not Unicode
        raise TrainingError(f"{what} cannot be written as JSON: {exc}. Clean the texts of the data.") from None
    try:
        return read(body)
    except InvalidInput as exc:
        key, messages = next(iter(exc.errors.items()))
        name = key.split(".", 2)[2] if key.startswith("instances.") and key.count(".") > 1 else key
        raise _refused(what, (name, messages)) from None


def _refused(what: str, error: tuple[str, Sequence[str]]) -> TrainingError:
    name, messages = error
    return TrainingError(
        f"column {name!r}: the contract would refuse {what}: {' '.join(messages)} Correct what is declared of it with "
        "--contract."
    )


def _check_codes(contract: Contract, found: Matrix, expected: Matrix) -> None:
    if np.array_equal(found, expected, equal_nan=True):
        return
    for one, other in zip(rows_of(contract, found), rows_of(contract, expected), strict=True):
        for name, value, own in zip(contract.names, one, other, strict=True):
            if value != own:
                raise TrainingError(
                    f"column {name!r}: the value {own!r} is read from JSON as another one: make it a text or a plain "
                    "number."
                )


def _check_finite(reference: SklearnEngine, rows: Dataset, answers: Answers) -> None:
    """JSON has no infinite numbers: such a row would be refused."""
    bad = np.flatnonzero(~answers.finite)
    if not len(bad):
        return
    row, ordinary = rows.matrix[bad[0]], rows.matrix[int(answers.finite.argmax())]

    def cured(name: str) -> bool:
        place = rows.contract.names.index(name)
        changed = row.copy()
        changed[place] = ordinary[place]
        return bool(reference.predict(changed[None, :]).finite.all())

    name = _first(rows.contract.names, cured)
    raise TrainingError(
        f"{f'column {name!r}: ' if name else ''}the pipeline answers {len(bad)} of {len(rows)} rows of {rows.source} "
        "with no finite number, which JSON cannot carry: correct the rows, or the pipeline."
    )


def _check_equal(found: Answers, expected: Answers, tolerance: float, what: str) -> None:
    if count := int(differing(found, expected, tolerance).sum()):
        raise TrainingError(
            f"the engine that would serve answers {count} of {len(expected.predictions)} ({what}) otherwise than the "
            "fitted pipeline: nothing is published. Please report it with the pipeline."
        )


def _taken(answers: Answers, rows: NDArray[np.int64]) -> Answers:
    probabilities, chosen = answers.probabilities, answers.chosen
    return Answers(
        [answers.predictions[row] for row in rows.tolist()],
        None if probabilities is None else probabilities[rows],
        None if chosen is None else chosen[rows],
    )


def _first(names: Sequence[str], holds: Callable[[str], Any]) -> str | None:
    """The first name for which it holds; one that makes the pipeline fail holds as well."""
    for name in names:
        try:
            if holds(name):
                return name
        except Exception:  # a pipeline may raise anything
            return name
    return None
