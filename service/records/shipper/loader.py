"""Loading the spool into the database: from lines to rows, a chunk a transaction."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service import log, metrics
from service.records.shipper.sinks import Sink
from service.records.shipper.spool_file import SpoolFile
from service.records.spool.codec import MODEL_PREFIX, CodecError, KnownModel, read_record
from service.records.spool.decoder import Decoder, Row
from service.records.spool.files import QUARANTINE, count, spool_files

_ROW_ERRORS = {"DataError", "IntegrityError", "OverflowError", "ValueError", "TypeError"}
"""The classes that drivers raise for a value they refuse, whatever the state of the database."""


class Outage(RuntimeError):
    """The database does not take rows now; the cause says why."""


@dataclass(slots=True)
class Chunk:
    """The content of some lines. ``unreadable`` has line, number of rows as far as it can be read, and reason."""

    models: list[KnownModel] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    unreadable: list[tuple[bytes, int, str]] = field(default_factory=list)


class Loader:
    """Loads a spool pass by pass, its files open in between.

    ``written_at`` is when the database last took rows, by ``time.monotonic``; ``has_writers`` whether a living process
    held a file of the spool at the last ``refresh``. With ``only_open_files`` no further file is looked for.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[Path, SpoolFile] = {}
        self._decoders: dict[str, Decoder] = {}
        self.has_writers = False
        self.written_at = 0.0
        self.only_open_files = False

    def load(self, sink: Sink, until: float) -> bool:
        """Write every whole line that is in the spool now to the database; delete the files that are done.

        Lines that are added meanwhile are left to the next pass, so that the files after a busy worker's have their
        turn. False where the pass was not done at ``until``, by ``time.monotonic``; the next one goes on there.

        Raises:
            Outage: the database did not take the rows. Nothing is lost; the next pass goes on there.
        """
        for file in self.refresh():
            finished = not file.has_writer()  # before the read, after which nothing can follow then
            if not self._load_file(file, sink, file.size(), until):
                return False
            if finished:
                file.delete()
                del self._files[file.path]
        return True

    def refresh(self) -> list[SpoolFile]:
        """Open the files that are new, close those that are gone, look for writers; every file, oldest first."""
        paths = [] if self.only_open_files else spool_files(self._folder)
        for gone in self._files.keys() - set(paths):  # deleted by somebody else, and still open here: it is shipped
            if self._files[gone].is_done() or gone.exists():
                self._files.pop(gone).close()
        for path in paths:
            if path not in self._files:
                with suppress(FileNotFoundError):
                    self._files[path] = SpoolFile(path)
        self.has_writers = any(file.has_writer() for file in self._files.values())
        return [self._files[path] for path in sorted(self._files)]

    def is_empty(self) -> bool:
        """Whether no file is open that could still be shipped."""
        return all(file.is_done() for file in self._files.values())

    def _load_file(self, file: SpoolFile, sink: Sink, end: int, until: float) -> bool:
        while file.offset < end and (block := file.read()):
            if time.monotonic() >= until:
                return False
            chunk = self._decode(file, block.splitlines())
            if not self._write(sink, chunk):
                for line in block.splitlines():
                    single = self._decode(file, [line])
                    if not self._write(sink, single):
                        self._quarantine(line, len(single.rows))
            for line, rows, _ in chunk.unreadable:
                self._quarantine(line, rows)
            if chunk.unreadable:
                reason = chunk.unreadable[0][2]
                log.error("records_line_unreadable", file=str(file.path), lines=len(chunk.unreadable), reason=reason)
            file.advance(len(block))
        return True

    def _write(self, sink: Sink, chunk: Chunk) -> bool:
        """Whether the database took the chunk; False where it refuses one of the values."""
        try:
            new = sink.write(chunk.models, chunk.rows)
        except Exception as exc:
            if not _ROW_ERRORS.isdisjoint(kind.__name__ for kind in type(exc).__mro__):
                log.error("records_refused", reason=f"{type(exc).__name__}: {exc}")
                return False
            raise Outage from exc
        self.written_at = time.monotonic()
        if new:
            count(self._folder, shipped=new)
            metrics.records("shipped", new)
        return True

    def _decode(self, file: SpoolFile, lines: list[bytes]) -> Chunk:
        chunk = Chunk()
        for line in lines:
            rows = 0  # the writer has counted the rows of a line that a full disk cut short
            try:
                if line.startswith(MODEL_PREFIX):
                    model = file.learn(line)
                    self._decoders[model.version] = file.decoders[model.version]
                    chunk.models.append(model)
                elif line:
                    record = read_record(line)
                    rows = len(record["predictions"])
                    chunk.rows += self._rows(file, record)
            except Exception as exc:  # a damaged line must not hold up the lines behind it
                rows = exc.rows if isinstance(exc, CodecError) else rows
                chunk.unreadable.append((line, rows, f"{type(exc).__name__}: {exc}"))
        return chunk

    def _rows(self, file: SpoolFile, record: dict[str, Any]) -> list[Row]:
        version = record["model_version"]
        decoder = file.decoders.get(version) or self._decoders.get(version)  # another file's, where this one lost it
        if decoder is None:
            raise CodecError(f"no line says what {version} is", len(record["predictions"]))
        return list(decoder.rows(record))

    def _quarantine(self, line: bytes, rows: int) -> None:
        """Put a line that the database will never take aside for a person, and count its rows as lost."""
        if rows:
            count(self._folder, lost=rows)
            metrics.records("lost", rows)
        with suppress(OSError), (self._folder / QUARANTINE).open("ab") as file:
            file.write(line + b"\n")
