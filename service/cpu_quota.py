"""How many processors this process may use: its affinity, and the share that a container's limit leaves of them.

A container with a limit of two CPUs on a host of 64 sees 64 processors; a worker for each of them would take the memory
of 64 and the turn of two. Linux says the limit in the control group's files, of version 2 or 1.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def cores(mount: Path = MOUNT, own_groups: Path = OWN_GROUPS) -> int:
    """Processors, at least 1; a limit that is no whole number is rounded up, so that none of it is left unused."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([available, *map(math.ceil, _limits(mount, own_groups))]))


def _limits(mount: Path, own_groups: Path) -> Iterator[float]:
    """The limit of this process's group and of each group above it, in processors."""
    for folder in _folders(mount, own_groups):
        version_1 = _numbers(folder / "cpu.cfs_quota_us") + _numbers(folder / "cpu.cfs_period_us")
        match _numbers(folder / "cpu.max") or version_1:
            case (quota, period) if quota > 0 and period > 0:  # version 1 writes -1 for no limit
                yield quota / period


def _folders(mount: Path, own_groups: Path) -> Iterator[Path]:
    """Where the files may lie. A container sees its own group at the root, a unit of systemd its path below it."""
    try:
        lines = own_groups.read_text().splitlines()
    except OSError:
        lines = ["0::/"]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        for base in (mount / "cpu", mount / "cpu,cpuacct") if controllers else (mount,):
            group = base / path.strip("/")
            yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(base))


def _numbers(path: Path) -> tuple[float, ...]:
    """The numbers in a file; none where it is missing or says that there is no limit (``max``)."""
    try:
        return tuple(float(word) for word in path.read_text().split())
    except (OSError, ValueError):
        return ()
