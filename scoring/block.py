"""A chunk of a file, and what was read of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from scoring.refusals import ScoringError


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows of one file.

    ``first`` is the number of the first row over all inputs, ``begin`` its number in its file; of a CSV ``begin`` and
    ``end`` are the bytes of the rows in the unpacked file.
    """

    number: int
    path: str
    kind: str
    first: int
    rows: int
    begin: int
    end: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """What was read of a chunk: its columns; ``places`` (n,) are the places of the rows in the chunk.

    ``broken`` says of the other rows, by place, why they are no rows of the table.
    """

    table: pa.Table
    places: Any
    broken: dict[int, str] = field(default_factory=dict)


class Reader(Protocol):
    """An open file. Chunks are read fastest in their order."""

    def read(self, chunk: Chunk, names: Sequence[str]) -> Block:
        """The columns ``names`` of a chunk.

        Raises:
            ScoringError: the file cannot be read.
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...


def unreadable(path: str, kind: str, exc: BaseException) -> ScoringError:
    """The sentence for a file that is not what its name says."""
    reason = (str(exc).splitlines() or [type(exc).__name__])[0].rstrip(".")
    return ScoringError(f"{path} cannot be read as {kind}: {reason}. Export it again.")
