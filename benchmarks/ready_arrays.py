"""The engine in this process on ready-made arrays, on the servers' core: the least that a batch can cost."""

import os
from itertools import cycle

import numpy as np

from benchmarks.cores import server_cores
from benchmarks.timing import seconds_of
from benchmarks.workload import Pool

DISTINCT = 8
"""Arrays used in turn: the processor's branch predictor would learn a single one."""


def batches_a_second(pool: Pool, size: int) -> float:
    """How many batches of ``size`` rows the engine answers in a second."""
    rows = len(pool.matrix)
    places = [np.arange(start, start + size) % rows for start in range(0, DISTINCT * size, size)]
    arrays = cycle([pool.matrix[place] for place in places])
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if before:
        os.sched_setaffinity(0, server_cores(1))
    try:
        return 1 / seconds_of(lambda: pool.engine.predict(next(arrays)), least=DISTINCT)
    finally:
        if before:
            os.sched_setaffinity(0, before)
