"""Read a table as a frame: CSV or Parquet, one file or many, all rows or a random sample of them."""

import importlib.util
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.csv_layout import Dialect, Layout, layout_of, rows_of_file, sampled
from training.csv_texts import look_again
from training.errors import TrainingError
from training.opening import files_of, is_parquet

LARGEST_CELLS = 25_000_000
"""Rows times columns that are read at once; docs/training.md has the memory that this takes."""


@dataclass(frozen=True, slots=True)
class Table:
    """``frame``: the rows under their own column names. ``notes``: what was done to a column's cells, a clause each."""

    frame: pd.DataFrame
    notes: dict[str, str]


def read_table(
    path: Path, dialect: Dialect, *, nullable: bool = True, sample: int | None = None, seed: int = 0
) -> Table:
    """The rows of a file, of all files of a folder, or of all that a pattern matches.

    With ``nullable`` in pandas' nullable dtypes, and digits that begin with 0 stay texts; else as a plain read gives
    them. ``sample``: at most so many rows, drawn at random and left in their order.

    Raises:
        TrainingError: there is no such file, it is empty or no table, too large, or names a column twice.
    """
    files = files_of(path)
    frame, notes = (_parquet if is_parquet(files[0]) else _csv)(path, files, dialect, nullable, sample, seed)
    frame.columns = pd.Index([str(name) for name in frame.columns], dtype=object)
    _check_names(path, list(frame.columns))
    if frame.empty:
        raise TrainingError(f"{path} has a header but no rows: export the table again.")
    return Table(frame.reset_index(drop=True), notes)


def _check_size(path: Path, rows: int, columns: int, sample: int | None) -> None:
    if min(rows, sample or rows) * columns > LARGEST_CELLS:
        raise TrainingError(
            f"{path} has {rows:,} rows of {columns} columns, more than the {LARGEST_CELLS:,} cells that training holds "
            f"in memory: say --rows {max(LARGEST_CELLS // columns, 1)} to learn from so many of them, drawn at random."
        )


def _drawn(rows: Sequence[int], sample: int | None, seed: int) -> list[NDArray[np.int64] | None]:
    """For each file the places of its rows that are read, ascending; None: all."""
    total = sum(rows)
    if sample is None or sample >= total:
        return [None] * len(rows)
    chosen = np.sort(np.random.default_rng(seed).choice(total, sample, replace=False))
    ends = np.cumsum(rows)
    return [
        chosen[(chosen >= end - count) & (chosen < end)] - (end - count) for end, count in zip(ends, rows, strict=True)
    ]


def _check_names(path: Path, names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1 and name})
    if repeated:
        raise TrainingError(f"{path} names the column {repeated[0]!r} more than once: give each column its own name.")


def _csv(
    path: Path, files: Sequence[Path], dialect: Dialect, nullable: bool, sample: int | None, seed: int
) -> tuple[pd.DataFrame, dict[str, str]]:
    layouts = [layout_of(file, dialect) for file in files]
    for layout in layouts:
        _check_names(layout.path, list(layout.names))
        _check_same_columns(layouts[0].path, layouts[0].names, layout.path, layout.names)
    _check_size(path, sum(layout.rows for layout in layouts), len(layouts[0].names), sample)
    drawn = _drawn([layout.rows for layout in layouts], sample, seed)
    opened: list[Callable[[], IO[str]]] = [
        _opener(layout, dialect) if some is None else sampled(layout, dialect, some)
        for layout, some in zip(layouts, drawn, strict=True)
    ]
    parts = list(zip(layouts, opened, strict=True))
    frames = [_parsed(layout, dialect, nullable, start) for layout, start in parts]
    notes: dict[str, str] = {}
    if nullable:
        texts, notes = look_again(frames, parts, dialect)
        texts |= {name for name in layouts[0].names if len({_is_text(frame[name]) for frame in frames}) > 1}
        if texts:
            frames = [_parsed(layout, dialect, nullable, start, texts) for layout, start in parts]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True), notes


def _is_text(column: "pd.Series[Any]") -> bool:
    return pd.api.types.is_string_dtype(column.dtype) and bool(column.notna().any())


def _check_same_columns(path: Path, names: Sequence[str], other: Path, others: Sequence[str]) -> None:
    if list(names) == list(others):
        return
    odd = [name for name in (*others, *names) if (name in names) != (name in others)]
    what = f"{odd[0]!r} is in one of them only" if odd else "in another order"
    raise TrainingError(f"{other} has other columns than {path} ({what}): all files of a table need the same.")


def _opener(layout: Layout, dialect: Dialect) -> Callable[[], IO[str]]:
    return lambda: rows_of_file(layout.path, dialect)[0]


def reading_options(layout: Layout, dialect: Dialect) -> dict[str, Any]:
    """Pandas' options for the rows of such a file; its header has been read."""
    names = [f"\0{place}" for place in range(layout.width)]
    for name, place in zip(layout.names, layout.places, strict=True):
        names[place] = name
    return {
        "sep": dialect.delimiter_of(layout.path),
        "decimal": dialect.decimal,
        "header": None,
        "names": names,
        "usecols": list(layout.places),
        "index_col": False,
        "na_values": [*(dialect.na or ()), *dialect.missing],
        "keep_default_na": dialect.na is None,
    }


def _parsed(
    layout: Layout, dialect: Dialect, nullable: bool, start: Callable[[], IO[str]], texts: Collection[str] = ()
) -> pd.DataFrame:
    backend: Any = "numpy_nullable" if nullable else pd.api.extensions.no_default
    try:
        with closing(start()) as handle:
            frame: pd.DataFrame = pd.read_csv(
                handle,
                low_memory=False,
                dtype_backend=backend,
                dtype=dict.fromkeys(texts, "string"),
                **reading_options(layout, dialect),
            )
            return frame
    except pd.errors.ParserError as exc:
        message = str(exc).strip().removeprefix("Error tokenizing data. C error: ")
        raise TrainingError(f"{layout.path} is not a table: {message}. Check --delimiter and the quotes.") from None
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=list(layout.names))


def _parquet(
    path: Path, files: Sequence[Path], dialect: Dialect, nullable: bool, sample: int | None, seed: int
) -> tuple[pd.DataFrame, dict[str, str]]:
    if importlib.util.find_spec("pyarrow") is None:
        raise TrainingError(
            f"{path}: reading Parquet needs pyarrow. Install it (pip install pyarrow) or save CSV."
        ) from None
    from training.parquet import read_parquet, shape_of

    shapes = [shape_of(file) for file in files]
    for file, shape in zip(files, shapes, strict=True):
        _check_same_columns(files[0], shapes[0].names, file, shape.names)
    rows = [shape.rows for shape in shapes]
    _check_size(path, sum(rows), len(shapes[0].names), sample)
    frames = [read_parquet(file, some, nullable) for file, some in zip(files, _drawn(rows, sample, seed), strict=True)]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True), {}
