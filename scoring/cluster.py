"""The chunks on a Dask cluster: its scheduler hands them out, and again where a worker is lost.

Every worker reads IN and the artifact under the paths that they have here, and has this project installed.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any

from scoring.block import Chunk
from scoring.chunk import Part, Work, score_chunk
from scoring.refusals import GO_ON, ScoringError, library
from scoring.run import AHEAD, Runner

SECONDS = 30
"""How long a scheduler, and its first worker, is waited for."""


def on_dask(address: str, workers: int) -> Runner:
    """A runner on the cluster of a scheduler; ``local`` makes one with this many worker processes.

    Raises:
        ScoringError: Dask is not installed.
    """
    distributed = library("distributed", "'dask[distributed]'")

    def run(work: Work, chunks: Iterable[Chunk]) -> Iterator[Part]:
        with ExitStack() as stack:
            client = _client(distributed, address, workers, stack)
            ahead = AHEAD * max(1, sum(client.nthreads().values()))
            left = iter(chunks)

            def submit() -> list[Any]:
                return [client.submit(score_chunk, work, chunk, pure=False) for chunk in islice(left, 1)]

            first = [one for _ in range(ahead) for one in submit()]
            ready = distributed.as_completed(first, loop=client.loop)
            for future in ready:
                yield _result(distributed, future)
                for one in submit():
                    ready.add(one)

    return run


def _client(distributed: Any, address: str, workers: int, stack: ExitStack) -> Any:
    try:
        if address == "local":
            made = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
            )
            address = stack.enter_context(made).scheduler_address
        client = stack.enter_context(distributed.Client(address, timeout=SECONDS, set_as_default=False))
        client.wait_for_workers(1, timeout=SECONDS)
    except (OSError, ValueError, TimeoutError) as exc:
        raise ScoringError(
            f"--dask {address}: no scheduler with a worker answers there: {exc}. Give an address like "
            f"tcp://host:8786, or local. {GO_ON}"
        ) from None
    return client


def _result(distributed: Any, future: Any) -> Part:
    try:
        part: Part = future.result()
    except distributed.KilledWorker:
        raise ScoringError(
            f"Several workers of the cluster ended at the same rows, perhaps for lack of memory. Use a smaller "
            f"--chunk. {GO_ON}"
        ) from None
    except ImportError as exc:
        raise ScoringError(f"The workers of the cluster need this project and its packages installed: {exc}.") from None
    return part
