"""Open a table's files: one file, a folder or a pattern; plain or compressed; in whatever encoding is named."""

import bz2
import gzip
import importlib.util
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from training.errors import TrainingError

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
COMPRESSED = (".gz", ".bz2", ".xz", ".zip", ".zst")
UNPACKING_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError)
"""What the libraries raise on a file that is cut off, damaged or locked with a password."""
SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
MAGIC: Mapping[bytes, str] = {
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zst",
    b"\xd0\xcf\x11\xe0": "xls",
}


def files_of(path: Path) -> list[Path]:
    """The files of a table in sorted order: the file itself, those in a folder, or those that a pattern matches.

    Raises:
        TrainingError: there is none, or one of no known kind.
    """
    if path.is_dir():
        found = [file for file in sorted(path.rglob("*")) if file.is_file() and not file.name.startswith((".", "_"))]
        if not found:
            raise TrainingError(f"{path} is a folder without files: check the path given to --data.")
    elif path.is_file():
        found = [path]
    elif any(mark in str(path) for mark in "*?["):
        root = Path(path.anchor) if path.is_absolute() else Path()
        found = sorted(file for file in root.glob(str(path.relative_to(path.anchor))) if file.is_file())
        if not found:
            raise TrainingError(f"{path} matches no file: check the pattern given to --data.")
    else:
        raise TrainingError(f"{path} does not exist, or is no file: check the path given to --data.")
    kinds = {_check_kind(file) for file in found}
    if len(kinds) > 1:
        raise TrainingError(f"{path} holds both CSV and Parquet files: name those of one kind, as in --data 'x/*.csv'.")
    return found


def suffix_of(path: Path) -> str:
    """Lower case; of a compressed file the one before."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in COMPRESSED else suffix


def is_parquet(path: Path) -> bool:
    """Whether its name says so."""
    return suffix_of(path) in PARQUET_SUFFIXES


def _check_kind(path: Path) -> str:
    suffix = suffix_of(path)
    if suffix in SPREADSHEETS:
        raise _spreadsheet(path)
    if suffix not in CSV_SUFFIXES + PARQUET_SUFFIXES and not (suffix == "" and path.suffix.lower() == ".zip"):
        raise TrainingError(
            f"{path} is neither .csv, .tsv, .txt (plain or as .gz, .bz2, .xz, .zip, .zst) nor .parquet: save it as one "
            "of these."
        )
    if path.stat().st_size == 0:
        raise TrainingError(f"{path} is empty: export the table again.")
    return "parquet" if is_parquet(path) else "csv"


def _spreadsheet(path: Path) -> TrainingError:
    return TrainingError(
        f"{path} is a spreadsheet: open it and save the sheet with the table as CSV (UTF-8), then give that to --data."
    )


def open_bytes(path: Path) -> IO[bytes]:
    """The file's content, unpacked as it is read: by its first bytes, whatever its name.

    Raises:
        TrainingError: it is a spreadsheet, an archive of several files, or packed in a way that cannot be read here.
    """
    with path.open("rb") as file:
        head = file.read(8)
    kind = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "")
    openers: Mapping[str, Callable[[], Any]] = {
        "gz": lambda: gzip.GzipFile(path),
        "bz2": lambda: bz2.BZ2File(path),
        "xz": lambda: lzma.LZMAFile(path),  # noqa: SIM115 - the caller closes it
        "zip": lambda: _member(path),
        "zst": lambda: _zstandard(path),
    }
    if kind == "xls":
        raise _spreadsheet(path)
    found: IO[bytes] = openers[kind]() if kind else path.open("rb")
    return found


def unpacking_error(path: Path, exc: Exception) -> TrainingError:
    """The refusal of a file that is cut off or damaged."""
    return TrainingError(f"{path} cannot be unpacked: {exc}. Copy it again.")


def _member(path: Path) -> IO[bytes]:
    try:
        archive = zipfile.ZipFile(path)
        names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
        if "[Content_Types].xml" in names:
            raise _spreadsheet(path)
        if len(names) != 1:
            raise TrainingError(
                f"{path} holds {len(names)} files: unpack it, and give the folder or one file to --data."
            )
        return archive.open(names[0])
    except UNPACKING_ERRORS as exc:
        raise unpacking_error(path, exc) from None


def _zstandard(path: Path) -> IO[bytes]:
    if importlib.util.find_spec("pyarrow") is None:
        raise TrainingError(f"{path} is packed with zstd, which needs pyarrow here: unpack it first (zstd -d).")
    import pyarrow as pa

    found: IO[bytes] = pa.input_stream(str(path), compression="zstd")
    return found


def open_text(path: Path, encoding: str) -> IO[str]:
    """The file as text with its line ends as they are; a byte order mark says UTF-16 and is never part of the text.

    Raises:
        TrainingError: the encoding is not known, or the file holds zero bytes and so is no text in it.
    """
    with open_bytes(path) as content:
        try:
            head = content.read(4096)
        except UNPACKING_ERRORS as exc:
            raise unpacking_error(path, exc) from None
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif head[:3] == b"\xef\xbb\xbf" and encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"
    elif b"\0" in head and not encoding.lower().startswith(("utf-16", "utf-32", "utf16", "utf32")):
        way = wide_encoding(head)
        raise TrainingError(
            f"{path} is no text: it holds zero bytes. "
            + (f"Say --encoding {way}." if way else "Save it as CSV or Parquet.")
        )
    try:
        "".encode(encoding)
        return io.TextIOWrapper(open_bytes(path), encoding=encoding, newline="")
    except (LookupError, ValueError):
        raise TrainingError(f"--encoding {encoding} is not known: try utf-8, latin-1 or cp1252.") from None


def wide_encoding(head: bytes) -> str | None:
    """UTF-16 without a mark, where the bytes read as such; None where they do not."""
    even = head[: len(head) // 4 * 4]
    for encoding in ("utf-16-le", "utf-16-be"):
        text = even.decode(encoding, "replace")
        if text and sum(char.isascii() and (char.isprintable() or char in "\r\n\t") for char in text) > 0.7 * len(text):
            return encoding
    return None


def narrow_encoding(content: bytes) -> str:
    """The one of the two usual encodings of a byte a character that reads a line; latin-1 reads every one."""
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"
