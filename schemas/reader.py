"""Reads a body's bytes into the matrix that an engine takes, or into errors that a client can act on."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from marshmallow import ValidationError

from inference.contract import Contract, Value
from inference.features import Matrix, encode
from schemas.errors import MOST_ERRORS, InvalidInput, MalformedBody
from schemas.fast_path import FastPath
from schemas.field_rules import count_invalid, field_rules
from schemas.rows import batch_schema, in_order, row_schema

_LONG_INTEGER = re.compile(rb"\d{19}")
_LONGEST_NAME = 128
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
        raise MalformedBody(f"The body is not valid JSON{where}.") from None


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
        return self._validate([parse_exactly(body, parse(body))], "") if matrix is None else matrix

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
            raise InvalidInput({WHOLE: ["Must be an object."]}, 1)
        errors = {_shortened(name): ["Unknown field."] for name in document if name != "instances"}
        total = len(errors)
        rows = document.get("instances")
        if "instances" not in document:
            errors["instances"] = ["Missing data for required field."]
        elif type(rows) is not list:
            errors["instances"] = ["Must be an array of rows."]
        elif not 1 <= len(rows) <= self._most_rows:
            errors["instances"] = [f"Must hold 1 to {self._most_rows} rows."]
        if errors:
            total += "instances" in errors
            raise InvalidInput(dict(list(errors.items())[-MOST_ERRORS:]), total)

    def _validate(self, rows: list[Any], prefix: str) -> Matrix:
        """Validate by Marshmallow the rows that the fast path did not accept."""
        errors: dict[str, list[str]] = {}
        total = 0
        values: list[list[Value]] = []
        for index, row in enumerate(rows):
            if total >= MOST_ERRORS:
                total += count_invalid(self._rules, row)
                continue
            for name, messages in self._load(row, values).items():
                total += 1
                if total <= MOST_ERRORS:
                    errors[self._key(prefix, index, name)] = messages
        if total:
            raise InvalidInput(errors, total)
        return encode(self._contract, values)

    def _load(self, row: Any, values: list[list[Value]]) -> Mapping[Any, list[str]]:
        """Add a valid row to ``values``, or return its errors by field; the key None stands for the row as a whole."""
        if type(row) is not dict:
            return {None: ["Must be an object."]}
        try:
            values.append(in_order(self._schema.load(row)))
        except ValidationError as exc:
            return exc.messages_dict
        return {}

    def _key(self, prefix: str, index: int, name: str | None) -> str:
        path = [prefix, str(index)] if prefix else []
        if name is None:
            return ".".join(path) or WHOLE
        return ".".join([*path, name if name in self._contract.names else _shortened(name)])


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "..."


def field_names(errors: InvalidInput) -> Iterator[str]:
    """The field of each error, for counting; in a batch without the row's number."""
    for key in errors.errors:
        yield key.split(".", 2)[2] if key.startswith("instances.") and key.count(".") >= 2 else key
