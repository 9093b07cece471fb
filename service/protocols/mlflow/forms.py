"""The four JSON forms of /invocations, each read into columns by name as MLflow's scoring server reads it."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from inference.contract import Contract
from inference.features import Matrix
from schemas.errors import MOST_ERRORS, InvalidInput
from schemas.nan_json import parse_with_nan
from schemas.row_validator import INSTANCES, WHOLE, shortened
from schemas.rows import UNKNOWN
from service.models.model import Model

Columns = dict[str, list[Any]]
IGNORED = ("params",)
MISSING = "Missing data for required field."


def read_json(model: Model, body: bytes, most_rows: int) -> Matrix:
    """The rows of a body, as a matrix of shape (rows, features).

    Raises:
        MalformedBody, InvalidInput
    """
    document = parse_with_nan(body)
    if type(document) is not dict:
        raise InvalidInput({WHOLE: [f"Must be an object with exactly one of {_listed()}."]}, 1)
    found = [form for form in FORMS if form in document]
    if len(found) != 1:
        raise InvalidInput({WHOLE: [f"Must have exactly one of {_listed()}; it has {len(found)}."]}, 1)
    (form,) = found
    _refuse_unknown(document, "", (form, *IGNORED))
    columns = FORMS[form](model.manifest.contract, form, document[form], most_rows)
    return model.reader.columns(columns)


def _split(contract: Contract, form: str, frame: Any, most_rows: int) -> Columns:
    """``DataFrame.to_dict("split")``."""
    if type(frame) is not dict:
        raise InvalidInput({form: ["Must be an object with columns and data."]}, 1)
    _refuse_unknown(frame, f"{form}.", ("columns", "data", "index"))
    names = frame.get("columns")
    if type(names) is not list or not all(type(name) in (str, int) for name in names):
        raise InvalidInput({f"{form}.columns": ["Must be an array of the columns' names."]}, 1)
    names = [str(name) for name in names]
    if len(set(names)) != len(names):
        raise InvalidInput({f"{form}.columns": ["Each name must be there once."]}, 1)
    return _transposed(names, f"{form}.data", frame.get("data"), most_rows)


def _records(contract: Contract, form: str, rows: Any, most_rows: int) -> Columns:
    """``DataFrame.to_dict("records")``; a key that is missing in some rows is null there, as pandas reads it."""
    _check_rows(form, rows, most_rows)
    if not_objects := [index for index, row in enumerate(rows) if type(row) is not dict]:
        raise _refusal(not_objects, "Must be an object.")
    return _columns_of(contract, rows)


def _instances(contract: Contract, form: str, rows: Any, most_rows: int) -> Columns:
    """Rows as objects, as arrays in the order of the features, or as single values of the only feature."""
    _check_rows(form, rows, most_rows)
    if type(rows[0]) is dict:
        columns = _records(contract, form, rows, most_rows)
        _refuse_missing(columns, rows)
        return columns
    if type(rows[0]) is not list and len(contract.names) == 1:
        return {contract.names[0]: rows}
    return _transposed(list(contract.names), form, rows, most_rows)


def _inputs(contract: Contract, form: str, given: Any, most_rows: int) -> Columns:
    """An object of columns, each flat or of arrays of one value; an object of single values is one row."""
    if type(given) is not dict:
        return _instances(contract, form, given, most_rows)
    if not given:
        raise InvalidInput({form: ["Must name the columns."]}, 1)
    unknown = [name for name in given if name not in contract.names]
    if unknown:
        raise _named(unknown, UNKNOWN)
    if not any(type(values) is list for values in given.values()):
        return {name: [value] for name, value in given.items()}
    errors = {f"{form}.{name}": ["Must be an array."] for name, values in given.items() if type(values) is not list}
    if errors:
        raise InvalidInput(dict(islice(errors.items(), MOST_ERRORS)), len(errors))
    columns = {name: _flat(values) for name, values in given.items()}
    if len(set(map(len, columns.values()))) > 1:
        raise InvalidInput({form: ["All columns must have the same number of rows."]}, 1)
    return columns


FORMS: Mapping[str, Callable[[Contract, str, Any, int], Columns]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _instances,
    "inputs": _inputs,
}


def _columns_of(contract: Contract, rows: Sequence[dict[str, Any]]) -> Columns:
    """The columns of objects. Unknown names are refused first: there may be another in each row."""
    known = set(contract.names)
    unknown: dict[str, None] = {}
    for row in rows:
        if not row.keys() <= known:
            unknown |= dict.fromkeys(name for name in row if name not in known)
            if len(unknown) >= MOST_ERRORS:
                break
    if unknown:
        raise _named(list(unknown), UNKNOWN)
    present = [name for name in contract.names if any(name in row for row in rows)]
    if not present:
        raise _named(list(contract.names), MISSING)
    return {name: [row.get(name) for row in rows] for name in present}


def _refuse_missing(columns: Columns, rows: Sequence[dict[str, Any]]) -> None:
    errors = {
        f"{INSTANCES}.{index}.{name}": [MISSING]
        for index, row in enumerate(rows)
        if len(row) < len(columns)
        for name in columns
        if name not in row
    }
    if errors:
        raise InvalidInput(dict(islice(errors.items(), MOST_ERRORS)), len(errors))


def _transposed(names: Sequence[str], key: str, rows: Any, most_rows: int) -> Columns:
    """Rows that are arrays, as columns."""
    _check_rows(key, rows, most_rows)
    width = len(names)
    wrong = [index for index, row in enumerate(rows) if type(row) is not list or len(row) != width]
    if wrong:
        raise _refusal(wrong, f"Must be an array of {width}: {', '.join(map(shortened, names[:20]))}.")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _check_rows(key: str, rows: Any, most_rows: int) -> None:
    if type(rows) is not list:
        raise InvalidInput({key: ["Must be an array of rows."]}, 1)
    if not 1 <= len(rows) <= most_rows:
        raise InvalidInput({key: [f"Must hold 1 to {most_rows} rows."]}, 1)


def _flat(values: list[Any]) -> list[Any]:
    if values and all(type(value) is list and len(value) == 1 for value in values):
        return [value[0] for value in values]
    return values


def _refuse_unknown(document: Mapping[str, Any], prefix: str, known: Sequence[str]) -> None:
    unknown = [name for name in document if name not in known]
    if unknown:
        keys = (f"{prefix}{shortened(name)}" for name in unknown[:MOST_ERRORS])
        raise InvalidInput({key: [UNKNOWN] for key in keys}, len(unknown))


def _named(names: Sequence[str], message: str) -> InvalidInput:
    """Names that are wrong in all rows, told once."""
    return InvalidInput({f"{INSTANCES}.0.{shortened(name)}": [message] for name in names[:MOST_ERRORS]}, len(names))


def _refusal(rows: Sequence[int], message: str) -> InvalidInput:
    return InvalidInput({f"{INSTANCES}.{row}": [message] for row in rows[:MOST_ERRORS]}, len(rows))


def _listed() -> str:
    *others, last = FORMS
    return f"{', '.join(others)} and {last}"
