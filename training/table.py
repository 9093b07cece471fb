"""Read a CSV or Parquet file as a frame."""

import csv
import gzip
import importlib.util
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from training.errors import TrainingError

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
GZIP, GZIP_SUFFIX = b"\x1f\x8b", ".gz"
PARQUET_SUFFIXES = (".parquet", ".pq")
DELIMITERS = {";": "';'", "\t": "'\\t'", "|": "'|'", ",": "','"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV file is written; ``missing`` are texts, beside pandas' own, that mean null."""

    delimiter: str = ","
    decimal: str = "."
    encoding: str = "utf-8-sig"
    missing: tuple[str, ...] = ()


def read_table(path: Path, dialect: Dialect, *, nullable: bool = True) -> pd.DataFrame:
    """The file's rows under its own column names; with pandas' nullable dtypes, or with those a plain read gives.

    Raises:
        TrainingError: the file is missing, empty, no table, or its header names a column twice.
    """
    suffix = _suffix(path)
    if not path.is_file():
        raise TrainingError(f"{path} does not exist, or is no file: check the path given to --data.")
    if suffix not in CSV_SUFFIXES + PARQUET_SUFFIXES:
        raise TrainingError(
            f"{path} is neither .csv, .tsv, .txt (or one of these as .gz) nor .parquet: save it as one of these."
        )
    if path.stat().st_size == 0:
        raise TrainingError(f"{path} is empty: export the table again.")
    frame = _parquet(path, nullable) if suffix in PARQUET_SUFFIXES else _csv(path, dialect, nullable)
    frame.columns = pd.Index([str(name) for name in frame.columns], dtype=object)
    _check_names(path, list(frame.columns))
    if frame.empty:
        raise TrainingError(f"{path} has a header but no rows: export the table again.")
    return frame


def _suffix(path: Path) -> str:
    """Lower case; of a compressed file the one before."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix == GZIP_SUFFIX else suffix


def _csv(path: Path, dialect: Dialect, nullable: bool) -> pd.DataFrame:
    delimiter = "\t" if _suffix(path) == ".tsv" else dialect.delimiter
    if dialect.decimal == delimiter:
        raise TrainingError(f"--decimal {dialect.decimal!r} cannot be the delimiter as well: say --delimiter too.")
    text = _text(path, dialect.encoding)
    try:
        header = next(csv.reader(io.StringIO(text, newline=None), delimiter=delimiter), [])
    except csv.Error as exc:
        raise TrainingError(f"{path} cannot be read as CSV: {exc}.") from None
    _check_delimiter(path, header, delimiter)
    _check_names(path, header)
    try:
        return pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            decimal=dialect.decimal,
            na_values=list(dialect.missing),
            index_col=False,
            low_memory=False,
            dtype_backend=_backend(nullable),
        )
    except pd.errors.ParserError as exc:
        message = str(exc).strip().removeprefix("Error tokenizing data. C error: ")
        raise TrainingError(f"{path} is not a table: {message}. Check --delimiter and the quotes.") from None
    except pd.errors.EmptyDataError:
        raise TrainingError(f"{path} is empty: export the table again.") from None


def _backend(nullable: bool) -> Any:
    return "numpy_nullable" if nullable else pd.api.extensions.no_default


def _text(path: Path, encoding: str) -> str:
    content = path.read_bytes()
    if content[:2] == GZIP:
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as exc:
            raise TrainingError(f"{path} cannot be unpacked: {exc}. Copy it again.") from None
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise TrainingError(
            f"{path} is not written in {encoding.removesuffix('-sig')} (line {line}): say --encoding, for example "
            "cp1252, or save it as UTF-8."
        ) from None
    except (LookupError, ValueError):
        raise TrainingError(f"--encoding {encoding} is not known: try utf-8, latin-1 or cp1252.") from None
    if "\0" in text:
        raise TrainingError(f"{path} is no text: it holds zero bytes. Save it as CSV or Parquet.")
    return text


def _check_delimiter(path: Path, header: list[str], delimiter: str) -> None:
    if len(header) != 1:
        return
    for other, shown in DELIMITERS.items():
        if other != delimiter and other in header[0]:
            raise TrainingError(
                f"{path} has one column only, {header[0]!r}: it looks separated by {shown}. Say --delimiter {shown}."
            )


def _check_names(path: Path, names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1 and name})
    if repeated:
        raise TrainingError(f"{path} names the column {repeated[0]!r} more than once: give each column its own name.")


def _parquet(path: Path, nullable: bool) -> pd.DataFrame:
    if importlib.util.find_spec("pyarrow") is None:
        raise TrainingError(
            f"{path}: reading Parquet needs pyarrow. Install it (pip install pyarrow) or save CSV."
        ) from None
    try:
        frame = pd.read_parquet(path, dtype_backend=_backend(nullable))
    except Exception as exc:  # pyarrow's exceptions share no public base class
        message = str(exc).splitlines()[0]
        raise TrainingError(f"{path} cannot be read as Parquet: {message}. Export it again.") from None
    return frame.reset_index(drop=True)
