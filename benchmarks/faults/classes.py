"""Every fault class in one table, which of them this machine can make, and how a commit draws some."""

import os
import random
import shutil

from benchmarks.faults import clients, processes, storage, stores, versions
from benchmarks.faults.definition import Fault
from benchmarks.faults.programs import postgres_programs

FAULTS: tuple[Fault, ...] = (*processes.FAULTS, *storage.FAULTS, *versions.FAULTS, *stores.FAULTS, *clients.FAULTS)
BY_NAME = {fault.name: fault for fault in FAULTS}


def missing(fault: Fault) -> str | None:
    """Why a fault cannot be made on this machine, or None."""
    for need in fault.needs:
        if need == "cc" and not any(map(shutil.which, ("cc", "gcc", "clang"))):
            return "a C compiler is not installed: apt-get install gcc"
        if need == "redis" and shutil.which("redis-server") is None:
            return "redis-server is not installed: apt-get install redis-server"
        if need == "postgres" and not os.access(postgres_programs() / "initdb", os.X_OK):
            return "PostgreSQL is not installed: apt-get install postgresql"
    return None


def drawn(count: int, commit: str) -> list[Fault]:
    """``count`` classes that this machine can make, drawn by a commit: each commit tries others."""
    possible = [fault for fault in FAULTS if missing(fault) is None]
    return random.Random(commit).sample(possible, min(count, len(possible)))
