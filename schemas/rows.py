"""The schema of a model's input, made from its contract: the authority on what is valid."""

from collections.abc import Collection
from itertools import islice
from typing import Any

from marshmallow import Schema, fields, validate

from inference.contract import Contract, Value
from schemas.fields import feature_field

UNKNOWN = "Unknown field."


class RowSchema(Schema):
    """One row: a flat object with every feature of the contract and nothing else."""

    class Meta:
        """Marshmallow's own list of schemas would keep those of every version ever loaded."""

        register = False

    error_messages = {"unknown": UNKNOWN, "type": "Must be an object."}  # noqa: RUF012 - marshmallow's own form


def row_schema(contract: Contract) -> type[RowSchema]:
    """The schema class of one row. A row loads as a dict of values whose order is the contract's.

    Attribute names are positions, since a feature may have any name, ``Meta`` and ``load`` included; the feature's own
    name is the ``data_key``.
    """
    members: dict[str, Any] = {
        f"feature_at_{position}": feature_field(contract, feature) for position, feature in enumerate(contract.features)
    }
    return type("Row", (RowSchema,), members | {"__doc__": f"One row: what {contract.target} is predicted from."})


def batch_schema(row: type[Schema], most_rows: int) -> type[Schema]:
    """The schema class of a batch of such rows."""
    instances = fields.List(
        fields.Nested(row),
        required=True,
        validate=validate.Length(1, most_rows, error="Must hold {min} to {max} rows."),
        metadata={"description": "The rows, answered in this order, all or none."},
    )
    return type("Batch", (RowSchema,), {"instances": instances, "__doc__": "Rows that are answered together."})


def in_order(loaded: dict[str, Any]) -> list[Value]:
    """A loaded row's values in contract order."""
    return list(loaded.values())


def without_unknown(
    document: dict[str, Any], known: Collection[str], most: int
) -> tuple[dict[str, Any], list[str], int]:
    """An object's known fields, its first ``most`` unknown names, and how many unknown names it has.

    It takes no longer for a million unknown names than for ``most``: Marshmallow's time grows with their square.
    """
    given = {name: document[name] for name in known if name in document}
    count = len(document) - len(given)
    return given, list(islice((name for name in document if name not in given), min(count, most))), count
