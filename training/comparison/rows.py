"""The rows that two versions are compared on: of a table, or of records as ``flask models compare`` hands them over."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inference.contract import Contract, Feature
from inference.engines.base import Label
from inference.features import Matrix, encode
from inference.manifest import Manifest
from schemas.field_rules import count_invalid, field_rules
from training.conversion import converted
from training.csv_layout import Dialect
from training.errors import TrainingError
from training.table import read_table

Row = Mapping[str, Any]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that both versions accept: a matrix (n, features) for each, and the true label or number of each row.

    ``truths`` has None where the truth is not known. ``read`` rows there were; ``refused``: how many of them each
    version refuses.
    """

    source: str
    matrices: tuple[Matrix, Matrix]
    truths: list[Label | None]
    read: int
    refused: tuple[int, int]


def rows_of(path: Path, manifests: Sequence[Manifest], dialect: Dialect, most: int, *, records: bool) -> Rows:
    """The rows of a table or, with ``records``, of a file of JSON lines with ``features`` and ``outcome``.

    Raises:
        TrainingError: the file cannot be read, lacks a column of a version, or holds no row that both accept.
    """
    given = list(_recorded(path)) if records else _tabular(path, manifests, dialect, most)
    contracts = [manifest.contract for manifest in manifests]
    valid = [_valid(contract, [row for row, _ in given]) for contract in contracts]
    both = np.flatnonzero(valid[0] & valid[1])
    if not len(both):
        raise TrainingError(f"{_named(path, records)} hold no row that both versions accept: give other rows.")
    first, second = (_matrix(contract, [given[place][0] for place in both]) for contract in contracts)
    refused = int((~valid[0]).sum()), int((~valid[1]).sum())
    truths = [given[place][1] for place in both]
    return Rows(_named(path, records), (first, second), truths, len(given), refused)


def _named(path: Path, records: bool) -> str:
    return "the records" if records else f"the rows of {path.name}"


def _recorded(path: Path) -> Iterator[tuple[Row, Label | None]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            yield record["features"], record["outcome"]


def _tabular(path: Path, manifests: Sequence[Manifest], dialect: Dialect, most: int) -> list[tuple[Row, Label | None]]:
    frame = read_table(path, dialect, sample=most).frame
    features = {feature.name: feature for manifest in manifests for feature in manifest.contract.features}
    if lacking := [name for name in features if name not in frame.columns]:
        raise TrainingError(
            f"{path} lacks the column {lacking[0]!r}, which a version takes: give a table with the columns of both."
        )
    columns = {name: _values(frame[name], feature) for name, feature in features.items()}
    target = manifests[0].contract.target
    truths = [None] * len(frame) if target not in frame.columns else _plain(frame[target])
    names = list(columns)
    rows = (dict(zip(names, cells, strict=True)) for cells in zip(*columns.values(), strict=True))
    return list(zip(rows, truths, strict=True))


def _values(column: "pd.Series[Any]", feature: Feature) -> list[Any]:
    """The cells as JSON values; a fraction in a column of integers is left to the contract, which refuses that row."""
    return _plain(converted(column, "number" if feature.type == "integer" else feature.type))


def _plain(column: "pd.Series[Any]") -> list[Any]:
    cells = column.astype(object)
    return [cell.item() if isinstance(cell, np.generic) else cell for cell in cells.where(cells.notna(), None)]


def _valid(contract: Contract, rows: Sequence[Row]) -> Bool:
    """(n,) whether the version accepts each row; columns of the other version are no matter."""
    rules, names = field_rules(contract), contract.names
    own = ({name: row[name] for name in names if name in row} for row in rows)
    return np.array([count_invalid(rules, row) == 0 for row in own], dtype=np.bool_)


def _matrix(contract: Contract, rows: Sequence[Row]) -> Matrix:
    return encode(contract, [[row[name] for name in contract.names] for row in rows])
