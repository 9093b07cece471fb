"""Looking for answers that are in this host's spool and not in the database yet."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.records.spool.backlog import waiting_lines
from service.records.spool.codec import MODEL_PREFIX, RECORD_PREFIX, CodecError, KnownModel, read_record
from service.records.spool.paths import spool_files


@dataclass(frozen=True, slots=True)
class SpooledAnswer:
    """An answer found in the spool."""

    model_version: str
    rows: int


def find_in_spool(folder: Path, ids: Iterable[str]) -> tuple[dict[str, SpooledAnswer], dict[str, KnownModel]]:
    """Those of the predictions that wait in the spool, and the models that the lines read speak of.

    What was shipped is not looked at: the database has it.
    """
    wanted = {prediction_id.encode() for prediction_id in ids}
    found: dict[str, SpooledAnswer] = {}
    models: dict[str, KnownModel] = {}
    for path in spool_files(folder):
        for line in waiting_lines(path):
            with suppress(CodecError):  # the shipper says so, and lays it aside
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
