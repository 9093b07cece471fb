"""The backlog: records in this host's spool that are not in the database yet."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.records.spool.codec import MODEL_PREFIX, RECORD_PREFIX, CodecError, KnownModel, read_record
from service.records.spool.files import read_offset, spool_files


@dataclass(frozen=True, slots=True)
class SpooledAnswer:
    """An answer in the spool: the version that gave it, and its number of rows."""

    model_version: str
    rows: int


def pending_rows(folder: Path) -> int:
    """Rows that were not shipped yet. Reads every line."""
    return sum(_row_count(line) for path in spool_files(folder) for line in _pending_lines(path))


def find_in_spool(folder: Path, ids: Iterable[str]) -> tuple[dict[str, SpooledAnswer], dict[str, KnownModel]]:
    """The predictions of ``ids`` that were not shipped yet, by id, and every model named on the way, by version."""
    wanted = {prediction_id.encode() for prediction_id in ids}
    found: dict[str, SpooledAnswer] = {}
    models: dict[str, KnownModel] = {}
    for path in spool_files(folder):
        for line in _pending_lines(path):
            with suppress(CodecError):  # the shipper logs it and quarantines the line
                if line.startswith(RECORD_PREFIX):
                    if line[len(RECORD_PREFIX) : line.find(b'"', len(RECORD_PREFIX))] in wanted:
                        record = read_record(line)
                        if record["role"] != "shadow":
                            spooled = SpooledAnswer(record["model_version"], len(record["predictions"]))
                            found[record["prediction_id"]] = spooled
                elif line.startswith(MODEL_PREFIX):
                    model = KnownModel.read(line)
                    models[model.version] = model
    return found, models


def _pending_lines(path: Path) -> list[bytes]:
    """The whole lines of a file of the spool that were not shipped yet."""
    try:
        with path.open("rb") as file:
            file.seek(read_offset(path))
            return file.read().split(b"\n")[:-1]
    except OSError:  # shipped and deleted meanwhile
        return []


def _row_count(line: bytes) -> int:
    try:
        return len(read_record(line)["predictions"]) if line.startswith(RECORD_PREFIX) else 0
    except CodecError:
        return 0
