"""The names of a body's columns: how many there may be, and that none comes twice."""

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice

from schemas.errors import MOST_ERRORS, InvalidInput, MalformedBody
from schemas.row_validator import INSTANCES, shortened

MOST_COLUMNS = 10_000
"""Columns of a body beyond those of the contract; unknown ones are refused by name, but not a million of them."""
TWICE = "Must be given by one column, not by several."


def check_count(columns: int, known: Collection[str]) -> None:
    """Refuse a body of too many columns before each of them becomes an object.

    Raises:
        MalformedBody
    """
    most = MOST_COLUMNS + len(known)
    if columns > most:
        raise MalformedBody(f"The body has more than {most} columns; the model takes {len(known)}.")


def check_names(names: Sequence[str]) -> None:
    """Refuse columns of one name: which of them is meant cannot be known.

    Raises:
        InvalidInput: each such name, at ``instances.0``.
    """
    if len(set(names)) == len(names):
        return
    twice = [name for name, count in Counter(names).items() if count > 1]
    keys = (f"{INSTANCES}.0.{shortened(name)}" for name in islice(twice, MOST_ERRORS))
    raise InvalidInput({key: [TWICE] for key in keys}, len(twice))
