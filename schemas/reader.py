"""Reads a body's bytes into the matrix that an engine takes, or into errors that a client can act on."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import orjson

from inference.contract import Contract, Value
from inference.features import Matrix, encode
from schemas.columns import CheckedColumns, Column, ColumnReader
from schemas.errors import MOST_ERRORS, InvalidInput, MalformedBody
from schemas.fast_path import FastPath
from schemas.json_advice import advice
from schemas.row_validator import INSTANCES, WHOLE, RowValidator, shortened
from schemas.rows import UNKNOWN, batch_schema, without_unknown

_LONG_INTEGER = re.compile(rb"\d{19}")
MANY_ROWS = 'wrap the rows: {"instances": [row, ...]}.'


def parse(body: bytes) -> Any:
    """Strict JSON (RFC 8259): no NaN, no byte order mark, no lone surrogate; of a repeated name the last counts.

    An integer beyond 64 bits comes as a float, see ``parse_exactly``.

    Raises:
        MalformedBody: it names line and column, and never repeats the input.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        where = f" at line {exc.lineno}, column {exc.colno}" if body else ": it is empty"
        raise MalformedBody(f"The body is not valid JSON{where}{advice(body, exc)}.") from None


def parse_exactly(body: bytes, parsed: Any) -> Any:
    """``parsed`` with exact integers, so that one beyond 64 bits is refused by name instead of being rounded.

    Not needed on the fast path, which accepts no number from 2^53 on.

    Raises:
        MalformedBody: a number has more digits, or the document more levels, than Python reads.
    """
    if not _LONG_INTEGER.search(body):
        return parsed
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedBody(
            "The body cannot be read: a number has too many digits, or it is nested too deeply."
        ) from None


class Reader:
    """Reads the rows of one contract. Built once for each model; the documents show its schemas."""

    def __init__(self, contract: Contract, most_rows: int) -> None:
        self._validator = RowValidator(contract)
        self.row_schema = self._validator.row_schema
        self.batch_schema = batch_schema(self.row_schema, most_rows)
        self.contract, self.most_rows = contract, most_rows
        self._fast_path = FastPath(contract, most_rows)
        self._columns = ColumnReader(contract, self._validator)

    def row(self, body: bytes) -> Matrix:
        """One row, as a matrix of shape (1, features).

        Raises:
            MalformedBody, InvalidInput
        """
        matrix = self._fast_path.row(body)
        if matrix is not None:
            return matrix
        document = parse_exactly(body, parse(body))
        if type(document) is list:
            raise InvalidInput(
                {WHOLE: [f"Must be an object. To predict many rows, POST /predict/batch, and {MANY_ROWS}"]}, 1
            )
        return self._validate([document], "")

    def batch(self, body: bytes) -> Matrix:
        """The rows under ``instances``, as a matrix of shape (rows, features).

        Raises:
            MalformedBody, InvalidInput
        """
        matrix = self._fast_path.batch(body)
        if matrix is not None:
            return matrix
        document = parse(body)
        self._check_instances(document)
        return self._validate(parse_exactly(body, document)[INSTANCES], INSTANCES)

    def columns(self, columns: Mapping[str, Column]) -> Matrix:
        """Columns by name, in any order, as a matrix of shape (rows, features).

        A column is a numpy array, a pyarrow array or a sequence of JSON values; see ``schemas.columns`` for what each
        type of array means. None, NaN and masked are null. The errors are those of the same rows in a batch, except
        that a missing or unknown column is named once, in row 0.

        Raises:
            InvalidInput: with the keys ``instances.<row>.<name>``, or ``instances`` for the number of rows.
        """
        self.check_count(self._columns.count_rows(columns))
        checked = self._columns.check(columns, MOST_ERRORS)
        if not checked.total:
            return checked.matrix
        named = (
            (self._validator.key(INSTANCES, row, name), messages)
            for row, errors in checked.errors.items()
            for name, messages in errors.items()
        )
        raise InvalidInput(dict(islice(named, MOST_ERRORS)), checked.total)

    def check_count(self, rows: int) -> None:
        """Refuse a number of rows, before they are read where it is known.

        Raises:
            InvalidInput
        """
        if not 1 <= rows <= self.most_rows:
            raise InvalidInput({INSTANCES: [f"Must hold 1 to {self.most_rows} rows."]}, 1)

    def check_columns(self, columns: Mapping[str, Column]) -> CheckedColumns:
        """The same for rows of which each is judged for itself: the matrix of them all, and the errors of each row.

        There is no limit to the rows, and every error is there. A missing or unknown column is an error of row 0.
        """
        return self._columns.check(columns)

    def _check_instances(self, document: Any) -> None:
        if type(document) is not dict:
            hint = f"Must be an object: {MANY_ROWS}" if type(document) is list else "Must be an object."
            raise InvalidInput({WHOLE: [hint]}, 1)
        given, unknown, total = without_unknown(document, ("instances",), MOST_ERRORS - 1)
        errors = {shortened(name): [UNKNOWN] for name in unknown}
        rows = given.get("instances")
        if not given:
            errors["instances"] = ["Missing data for required field."]
        elif type(rows) is not list:
            errors["instances"] = ["Must be an array of rows."]
        elif not 1 <= len(rows) <= self.most_rows:
            errors["instances"] = [f"Must hold 1 to {self.most_rows} rows."]
        if errors:
            raise InvalidInput(errors, total + ("instances" in errors))

    def _validate(self, rows: list[Any], prefix: str) -> Matrix:
        """Validate by Marshmallow the rows that the fast path did not accept."""
        errors: dict[str, list[str]] = {}
        total = 0
        values: list[list[Value]] = []
        for index, row in enumerate(rows):
            if total >= MOST_ERRORS:
                total += self._validator.count_invalid(row)
                continue
            found, count = self._validator.load(row, values)
            for name, messages in islice(found.items(), MOST_ERRORS - total):
                errors[self._validator.key(prefix, index, name)] = messages
            total += count
        if total:
            raise InvalidInput(errors, total)
        return encode(self.contract, values)


def field_names(errors: InvalidInput) -> Iterator[str]:
    """The field of each error, for counting; in a batch without the row's number."""
    for key in errors.errors:
        yield key.split(".", 2)[2] if key.startswith("instances.") and key.count(".") >= 2 else key
