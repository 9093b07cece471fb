"""The slot of this process: its own alone until it has joined the others, again its own in a forked child."""

import atexit
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from service import log
from service.locks import unlock
from service.metrics import slot_files
from service.metrics.catalogue import METRICS
from service.metrics.shared_values import SIZE, Slot
from service.metrics.slot_files import Series
from service.settings import Settings


class Own:
    """``slot`` is where this process counts, whatever happened to the folder it shares with others."""

    def __init__(self) -> None:
        self.slot = _private()
        self._descriptor = -1
        self._folder: Path | None = None

    def join(self, settings: Settings) -> None:
        """Take a slot among the others, with what was counted so far; without effect where it has one there."""
        folder = slot_files.folder_for(settings.var_dir)
        if self._descriptor >= 0 and self._folder == folder:
            return
        try:
            slot, descriptor = slot_files.claim(folder)
        except OSError as exc:
            log.warning("metrics_not_shared", folder=str(folder), reason=os.strerror(exc.errno or 0))
            return
        before, self.slot = self.slot, slot
        if self._descriptor < 0:
            slot.add(before)
        self.leave()
        self._descriptor, self._folder = descriptor, folder

    def leave(self) -> None:
        """Leave the slot to whoever comes next; the last one out removes the folder."""
        if self._descriptor >= 0:
            unlock(self._descriptor)  # the map holds a copy of the descriptor
            os.close(self._descriptor)
            self._descriptor = -1
            if self._folder is not None:
                slot_files.remove_if_unused(self._folder)

    def forget(self) -> None:
        """In a forked child: the slot is the parent's. Closing our copy of the descriptor does not unlock it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self.slot, self._descriptor, self._folder = _private(), -1, None

    def read(self) -> Iterator[Series]:
        """Every series of every process that shares the folder; this one's own where it shares none."""
        if self._descriptor >= 0 and self._folder is not None:
            yield from slot_files.read(self._folder)
            return
        for key, place in self.slot.items():
            yield key, list(self.slot.cells[place : place + METRICS[key[0]].width]), True


def _private() -> Slot:
    return Slot(mmap.mmap(-1, SIZE))


OWN = Own()
os.register_at_fork(after_in_child=OWN.forget)
atexit.register(OWN.leave)
