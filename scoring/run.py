"""The chunks that are left, on this machine: in this process, or on several."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context

from scoring.block import Chunk
from scoring.chunk import Part, Work, close_reader, score_chunk
from scoring.refusals import GO_ON, ScoringError

AHEAD = 3
"""Chunks a process that are handed out at once."""
Runner = Callable[[Work, Iterable[Chunk]], Iterator[Part]]
"""Answers chunks; the parts come in any order."""


def here(work: Work, chunks: Iterable[Chunk]) -> Iterator[Part]:
    """Answer the chunks one after the other."""
    try:
        for chunk in chunks:
            yield score_chunk(work, chunk)
    finally:
        close_reader()


def on_processes(workers: int) -> Runner:
    """A runner on several processes of this machine."""

    def run(work: Work, chunks: Iterable[Chunk]) -> Iterator[Part]:
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (os.getpid(),))
        try:
            yield from bounded(lambda chunk: pool.submit(score_chunk, work, chunk), chunks, workers * AHEAD)
        except BrokenProcessPool:
            raise ScoringError(
                "A worker process ended: the system may have had no memory left. Run it with fewer --workers or a "
                f"smaller --chunk. {GO_ON}"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)

    return run


def bounded(submit: Callable[[Chunk], "Future[Part]"], chunks: Iterable[Chunk], most: int) -> Iterator[Part]:
    """The parts as they come, of at most ``most`` chunks handed out at a time."""
    left = iter(chunks)
    running = {submit(chunk) for chunk in islice(left, most)}
    while running:
        finished, running = wait(running, return_when=FIRST_COMPLETED)
        for one in finished:
            yield one.result()
            running |= {submit(chunk) for chunk in islice(left, 1)}


def _begin(parent: int) -> None:
    """In a worker process: leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
