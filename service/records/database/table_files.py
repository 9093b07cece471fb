"""Files that hold a table, written a part at a time: CSV and Parquet."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from inference.timestamps import isoformat

Kind = Literal["text", "integer", "float", "floats", "boolean", "time"]


class TableFile(Protocol):
    """A file being written."""

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Add rows; each has every column."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


class CsvFile:
    """RFC 4180, UTF-8; null is empty, a list is JSON."""

    def __init__(self, path: Path, columns: Mapping[str, Kind]) -> None:
        self._columns = columns
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._writer.writerow(columns)

    def write(self, rows: list[dict[str, Any]]) -> None:
        """See TableFile."""
        self._writer.writerows([_text(row[name], kind) for name, kind in self._columns.items()] for row in rows)

    def close(self) -> None:
        """See TableFile."""
        self._file.close()


class ParquetFile:
    """One row group a part; types are the contract's, whatever values come first."""

    def __init__(self, path: Path, columns: Mapping[str, Kind]) -> None:
        """Begin the file.

        Raises:
            ImportError: pyarrow is not installed.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        types: dict[Kind, pa.DataType] = {
            "text": pa.string(),
            "integer": pa.int64(),
            "float": pa.float64(),
            "floats": pa.list_(pa.float64()),
            "boolean": pa.bool_(),
            "time": pa.timestamp("ms", tz="UTC"),
        }
        self._columns = columns
        self._schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
        self._writer = pq.ParquetWriter(path, self._schema)

    def write(self, rows: list[dict[str, Any]]) -> None:
        """See TableFile."""
        import pyarrow as pa

        table = {name: [_typed(row[name], kind) for row in rows] for name, kind in self._columns.items()}
        self._writer.write_table(pa.table(table, schema=self._schema))

    def close(self) -> None:
        """See TableFile."""
        self._writer.close()


FILES: dict[str, Callable[[Path, Mapping[str, Kind]], TableFile]] = {".csv": CsvFile, ".parquet": ParquetFile}


def _typed(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if kind == "text":
        return value if isinstance(value, str) else json.dumps(value)
    if kind == "boolean":
        return bool(value)
    return float(value) if kind == "float" else value


def _text(value: Any, kind: Kind) -> Any:
    if value is None:
        return ""
    if kind == "time":
        return isoformat(value)
    value = _typed(value, kind)
    return json.dumps(value) if isinstance(value, list | bool) else value
