"""What is done of a run, in a folder beside OUT: a run that was killed goes on from there.

``job.json`` says what is computed, ``chunks.jsonl`` from which rows, and each file of ``parts`` is the whole answer to
one chunk, put in place in one step. What is not there was not done.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inference.atomic_write import write_atomically
from scoring.block import Chunk
from scoring.chunk import Part
from scoring.refusals import ScoringError, writing
from service.locks import open_lock, try_lock

JOB, CHUNKS, PARTS, LOCK = "job.json", "chunks.jsonl", "parts", "lock"
SUFFIX = ".partial"
MAGIC = b"ARROW1"
"""Begin and end of a whole part."""


class Job:
    """The state of one run, held by this process alone."""

    def __init__(self, out: Path) -> None:
        """Make the folder beside OUT, or take over the one of a run that has ended.

        Raises:
            ScoringError: it cannot be made, or another process is at it.
        """
        self.folder = out.with_name(out.name + SUFFIX)
        with writing(self.folder):
            if not out.parent.is_dir():
                raise ScoringError(f"{out.parent} is no folder: make it first.")
            if out.is_dir():
                raise ScoringError(f"{out} is a folder: name a file.")
            self.folder.mkdir(exist_ok=True)
            self._lock = open_lock(self.folder / LOCK)
        if not try_lock(self._lock):
            raise ScoringError(f"Another process writes {out}: wait for it, or choose another OUT.")
        self.chunks: list[Chunk] = []

    def clear(self) -> None:
        """Forget what was done before."""
        shutil.rmtree(self.folder / PARTS, ignore_errors=True)
        for name in (CHUNKS, JOB):
            (self.folder / name).unlink(missing_ok=True)

    def begun(self, facts: Mapping[str, Any]) -> bool:
        """Whether a run of the same facts was begun, and has done something.

        Raises:
            ScoringError: one of other facts was; it names the difference.
        """
        if not any((self.folder / PARTS).glob("*.arrow")):
            return False
        try:
            known = json.loads((self.folder / JOB).read_bytes())
        except FileNotFoundError:
            return False
        except (OSError, ValueError):
            raise ScoringError(f"{self.folder / JOB} cannot be read: begin anew with --restart.") from None
        if different := [name for name in facts if facts[name] != known.get(name)]:
            told = "; ".join(_difference(name, known.get(name), facts[name]) for name in different)
            raise ScoringError(
                f"{self.folder} holds a run that was not finished, but now {told}. Set it back, or begin anew with "
                "--restart."
            )
        lines = (self.folder / CHUNKS).read_text().splitlines()
        self.chunks = [Chunk(**json.loads(line)) for line in lines]
        return True

    def begin(self, facts: Mapping[str, Any], chunks: Sequence[Chunk]) -> None:
        """Note what will be done.

        Raises:
            ScoringError: it cannot be written.
        """
        with writing(self.folder):
            self.clear()
            (self.folder / PARTS).mkdir()
            write_atomically(self.folder / CHUNKS, b"".join(json.dumps(asdict(one)).encode() + b"\n" for one in chunks))
            write_atomically(self.folder / JOB, json.dumps(facts, indent=2).encode())
        self.chunks = list(chunks)

    def done(self) -> set[int]:
        """The numbers of the chunks whose parts are there and whole; others are removed."""
        found = set()
        for path in sorted((self.folder / PARTS).iterdir()):
            if path.suffix == ".arrow" and path.stem.isdigit() and _whole(path):
                found.add(int(path.stem))
            else:
                path.unlink()
        return found

    def add(self, part: Part) -> None:
        """Put a part in place.

        Raises:
            ScoringError: it cannot be written.
        """
        path = self._part(part.number)
        aside = path.with_suffix(".new")
        with writing(path):
            aside.write_bytes(part.content)
            aside.replace(path)

    def parts(self) -> Iterator[bytes]:
        """The parts of all chunks, in order."""
        for one in self.chunks:
            yield self._part(one.number).read_bytes()

    def read(self, number: int) -> bytes:
        """One part."""
        return self._part(number).read_bytes()

    def finish(self) -> None:
        """Remove the folder: OUT is in place."""
        (self.folder / JOB).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def give_up(self) -> None:
        """Remove the folder where nothing was done, and let go of it."""
        if not any((self.folder / PARTS).glob("*.arrow")):
            shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)

    def _part(self, number: int) -> Path:
        return self.folder / PARTS / f"{number:08d}.arrow"


def _whole(path: Path) -> bool:
    with path.open("rb") as file:
        begin = file.read(6)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 6))
        return size > 12 and begin == MAGIC and file.read(6) == MAGIC


def _difference(name: str, before: Any, after: Any) -> str:
    if name != "inputs":
        return f"{name} is {_shown(after)} and was {_shown(before)}"
    known = {one["path"]: one for one in before or ()}
    new = {one["path"]: one for one in after}
    for path in sorted(known.keys() | new.keys()):
        if known.get(path) != new.get(path):
            return f"{path} {'is new' if path not in known else 'is gone' if path not in new else 'has changed'}"
    return "the files of IN have another order"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
