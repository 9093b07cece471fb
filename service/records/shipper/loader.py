"""One pass over the spool: from lines to rows to the database, a chunk a transaction."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service import log, metrics
from service.records.shipper.sinks import Sink
from service.records.shipper.spool_file import SpoolFile
from service.records.spool.codec import MODEL_PREFIX, CodecError, Decoder, KnownModel, Row, read_record
from service.records.spool.counts import count
from service.records.spool.paths import REFUSED, spool_files

_FAULTS_OF_A_ROW = {"DataError", "IntegrityError", "OverflowError", "ValueError", "TypeError"}
"""What a driver raises for values it does not take, whatever the state of the database; or a class made of these."""


class Outage(RuntimeError):
    """The database takes nothing now; its cause says why."""


@dataclass(slots=True)
class Chunk:
    """What some lines hold."""

    models: list[KnownModel] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    unread: list[tuple[bytes, int, str]] = field(default_factory=list)
    """Lines that are none, with the rows that are in them for all we know, and why."""


class Mover:
    """Keeps the files of a spool open between passes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[Path, SpoolFile] = {}
        self._decoders: dict[str, Decoder] = {}
        self._writers = False
        self.written_at = 0.0
        """When the database last took something, of ``time.monotonic``."""

    def has_writers(self) -> bool:
        """Whether a living process held a file when it was last looked."""
        return self._writers

    def move(self, sink: Sink, until: float) -> bool:
        """Bring every whole line that is there now to the database; delete the files that are done.

        What is added meanwhile is left to the next pass: a busy worker must not keep the others' records waiting. False
        where it was not done at ``until``, of ``time.monotonic``; the next pass goes on there.

        Raises:
            Outage: the database did not take them; nothing is lost, the next pass goes on there.
        """
        for file in self.look():
            left = file.is_left()  # asked before reading: what is read then is all there will ever be
            if not self._move_file(file, sink, file.size(), until):
                return False
            if left:
                file.delete()
                del self._files[file.path]
        return True

    def look(self) -> list[SpoolFile]:
        """The files there are, oldest first, each open; who has a writer is seen on the way."""
        paths = spool_files(self._folder)
        for gone in self._files.keys() - set(paths):
            self._files.pop(gone).close()
        for path in paths:
            if path not in self._files:
                with suppress(FileNotFoundError):
                    self._files[path] = SpoolFile(path)
        self._writers = not all(file.is_left() for file in self._files.values())
        return [self._files[path] for path in paths if path in self._files]

    def _move_file(self, file: SpoolFile, sink: Sink, end: int, until: float) -> bool:
        while file.offset < end and (block := file.read()):
            if time.monotonic() >= until:
                return False
            chunk = self._decode(file, block.splitlines())
            if not self._write(sink, chunk):
                for line in block.splitlines():
                    alone = self._decode(file, [line])
                    if not self._write(sink, alone):
                        self._lay_aside(line, len(alone.rows))
            for line, rows, _ in chunk.unread:
                self._lay_aside(line, rows)
            if chunk.unread:
                reason = chunk.unread[0][2]
                log.error("records_line_unreadable", file=str(file.path), lines=len(chunk.unread), reason=reason)
            file.advance(len(block))
        return True

    def _write(self, sink: Sink, chunk: Chunk) -> bool:
        """Whether the database took it; False where it refuses the values themselves."""
        try:
            new = sink.write(chunk.models, chunk.rows)
        except Exception as exc:
            if not _FAULTS_OF_A_ROW.isdisjoint(kind.__name__ for kind in type(exc).__mro__):
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
            rows = 0  # what a full disk cut short was counted as lost by its writer
            try:
                if line.startswith(MODEL_PREFIX):
                    model = file.learn(line)
                    self._decoders[model.version] = file.decoders[model.version]
                    chunk.models.append(model)
                elif line:
                    record = read_record(line)
                    rows = len(record["predictions"])
                    chunk.rows += self._rows(file, record)
            except Exception as exc:  # whatever stands in a line, it must not hold up those behind it
                rows = exc.rows if isinstance(exc, CodecError) else rows
                chunk.unread.append((line, rows, f"{type(exc).__name__}: {exc}"))
        return chunk

    def _rows(self, file: SpoolFile, record: dict[str, Any]) -> list[Row]:
        version = record["model_version"]
        decoder = file.decoders.get(version) or self._decoders.get(version)  # of another file, where it is lost here
        if decoder is None:
            raise CodecError(f"no line says what {version} is", len(record["predictions"]))
        return list(decoder.rows(record))

    def _lay_aside(self, line: bytes, rows: int) -> None:
        """Keep for a person what the database will never take."""
        if rows:
            count(self._folder, lost=rows)
            metrics.records("lost", rows)
        with suppress(OSError), (self._folder / REFUSED).open("ab") as file:
            file.write(line + b"\n")
