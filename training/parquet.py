"""Read a Parquet file, or some of its rows, as a frame. Needs pyarrow."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of a file, and its rows."""

    names: tuple[str, ...]
    rows: int


def shape_of(path: Path) -> Shape:
    """Read from the file's end, without its rows.

    Raises:
        TrainingError: it is no Parquet file.
    """
    try:
        with pq.ParquetFile(path) as file:
            return Shape(tuple(file.schema_arrow.names), file.metadata.num_rows)
    except Exception as exc:  # pyarrow's exceptions share no public base class
        raise _unreadable(path, exc) from None


def read_parquet(path: Path, places: NDArray[np.int64] | None, nullable: bool) -> pd.DataFrame:
    """The rows at these ascending places, None for all, without their index.

    Raises:
        TrainingError: the file cannot be read.
    """
    backend: Any = "numpy_nullable" if nullable else pd.api.extensions.no_default
    try:
        source = path if places is None else _some(path, places)
        return pd.read_parquet(source, dtype_backend=backend).reset_index(drop=True)
    except Exception as exc:  # pyarrow's exceptions share no public base class
        raise _unreadable(path, exc) from None


def _some(path: Path, places: NDArray[np.int64]) -> io.BytesIO:
    """A file of these rows alone, read batch by batch: pandas reads it as it would the whole."""
    start, parts = 0, []
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):  # over all of them at once the file keeps what it has read
            for batch in file.iter_batches(row_groups=[group]):
                inside = places[(places >= start) & (places < start + len(batch))] - start
                parts.append(batch.take(pa.array(inside)))
                start += len(batch)
        table = pa.Table.from_batches(parts, schema=file.schema_arrow)
    content = io.BytesIO()
    pq.write_table(table, content)
    content.seek(0)
    return content


def _unreadable(path: Path, exc: Exception) -> TrainingError:
    return TrainingError(f"{path} cannot be read as Parquet: {str(exc).splitlines()[0]}. Export it again.")
