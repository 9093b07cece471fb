"""Reads a body's bytes into the matrix that an engine takes, or into errors that a client can act on."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson
from marshmallow import ValidationError

from inference.contract import Contract, Value
from inference.features import Matrix, encode
from schemas.errors import MOST_ERRORS, InvalidInput, MalformedBody
from schemas.fast_path import FastPath
from schemas.field_rules import count_invalid, field_rules
from schemas.rows import UNKNOWN, batch_schema, in_order, row_schema, without_unknown

_LONG_INTEGER = re.compile(rb"\d{19}")
_NO_JSON_NUMBER = re.compile(r"-?(nan|inf(inity)?)\b", re.IGNORECASE)
_LONGEST_NAME = 128
MANY_ROWS = 'wrap the rows: {"instances": [row, ...]}.'
WHOLE = "$"
"""The key of the body itself in ``errors``."""


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
        raise MalformedBody(f"The body is not valid JSON{where}{_advice(exc)}.") from None


def _advice(error: orjson.JSONDecodeError) -> str:
    """What to send instead of a number that JSON does not have; orjson may point behind its sign."""
    found = _NO_JSON_NUMBER.match(error.doc, error.pos) or _NO_JSON_NUMBER.match(error.doc, max(0, error.pos - 1))
    if found is None:
        return ""
    name = "NaN" if "nan" in found[0].lower() else "Infinity"
    return (
        f": {name} is no JSON value, send null instead (of a pandas frame: "
        "df.astype(object).where(df.notna(), None).to_dict('records'))"
    )


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
        self.row_schema = row_schema(contract)
        self.batch_schema = batch_schema(self.row_schema, most_rows)
        self._contract = contract
        self._names = dict.fromkeys(contract.names)
        self._most_rows = most_rows
        self._rules = field_rules(contract)
        self._fast_path = FastPath(contract, most_rows)
        self._schema = self.row_schema()

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
        return self._validate(parse_exactly(body, document)["instances"], "instances")

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
        elif not 1 <= len(rows) <= self._most_rows:
            errors["instances"] = [f"Must hold 1 to {self._most_rows} rows."]
        if errors:
            raise InvalidInput(errors, total + ("instances" in errors))

    def _validate(self, rows: list[Any], prefix: str) -> Matrix:
        """Validate by Marshmallow the rows that the fast path did not accept."""
        errors: dict[str, list[str]] = {}
        total = 0
        values: list[list[Value]] = []
        for index, row in enumerate(rows):
            if total >= MOST_ERRORS:
                total += count_invalid(self._rules, row)
                continue
            found, count = self._load(row, values)
            for name, messages in islice(found.items(), MOST_ERRORS - total):
                errors[self._key(prefix, index, name)] = messages
            total += count
        if total:
            raise InvalidInput(errors, total)
        return encode(self._contract, values)

    def _load(self, row: Any, values: list[list[Value]]) -> tuple[dict[Any, list[str]], int]:
        """Add a valid row to ``values``, or return its errors by field and their number.

        The key None stands for the row as a whole. At most 100 unknown names are among the errors.
        """
        if type(row) is not dict:
            return {None: ["Must be an object."]}, 1
        given, unknown, count = without_unknown(row, self._names, MOST_ERRORS)
        errors: dict[Any, list[str]] = {}
        try:
            loaded = self._schema.load(given)
        except ValidationError as exc:
            errors = exc.messages_dict
        if not errors and not count:
            values.append(in_order(loaded))
        return errors | {key: [UNKNOWN] for key in unknown}, len(errors) + count

    def _key(self, prefix: str, index: int, name: str | None) -> str:
        path = [prefix, str(index)] if prefix else []
        if name is None:
            return ".".join(path) or WHOLE
        return ".".join([*path, name if name in self._names else shortened(name)])


def shortened(name: str) -> str:
    """A client's name for a field, cut where it is long."""
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "..."


def field_names(errors: InvalidInput) -> Iterator[str]:
    """The field of each error, for counting; in a batch without the row's number."""
    for key in errors.errors:
        yield key.split(".", 2)[2] if key.startswith("instances.") and key.count(".") >= 2 else key
