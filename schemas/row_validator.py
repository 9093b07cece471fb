"""Validates rows one by one, by Marshmallow: the authority that every faster check hands its doubts to."""

from typing import Any

from marshmallow import ValidationError

from inference.contract import Contract, Value
from schemas.errors import MOST_ERRORS
from schemas.field_rules import count_invalid, field_rules
from schemas.rows import UNKNOWN, in_order, row_schema, without_unknown

_LONGEST_NAME = 128
WHOLE = "$"
"""The key of the body itself in ``errors``."""
INSTANCES = "instances"
"""The key of a batch's rows in ``errors``."""


class RowValidator:
    """Validates the rows of one contract, and names their errors."""

    def __init__(self, contract: Contract) -> None:
        self.row_schema = row_schema(contract)
        self.rules = field_rules(contract)
        self._names = dict.fromkeys(contract.names)
        self._schema = self.row_schema()

    def load(self, row: Any, values: list[list[Value]]) -> tuple[dict[Any, list[str]], int]:
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

    def count_invalid(self, row: Any) -> int:
        """How many errors a row has; faster than finding their messages."""
        return count_invalid(self.rules, row)

    def key(self, prefix: str, index: int, name: str | None) -> str:
        """A field's key in ``errors``: ``<prefix>.<index>.<name>``, or the name alone without a prefix."""
        path = [prefix, str(index)] if prefix else []
        if name is None:
            return ".".join(path) or WHOLE
        return ".".join([*path, name if name in self._names else shortened(name)])


def shortened(name: str) -> str:
    """A client's name for a field, cut where it is long."""
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "..."
