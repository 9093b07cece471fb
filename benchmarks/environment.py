"""Where a result was measured: processor, cores, kernel (major.minor), versions, commit."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.targets import PEERS

LIBRARIES = (
    *("flask", "werkzeug", "gunicorn", "marshmallow", "orjson", "onnxruntime", "numpy", "scikit-learn", "pandas"),
    *("fastapi", "starlette", "pydantic", "uvicorn", "uvloop", "httptools", "gevent", "waitress", "granian", "pyuwsgi"),
    *("gunicorn_h1c", "fastpysgi", "bjoern-binary"),
)


def describe() -> dict[str, Any]:
    """Everything that may explain a number."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "system": platform.system(),
        "python": sys.version.split()[0],
        "libraries": {name: version for name in LIBRARIES if (version := _version(name))} | _peers(),
        "commit": _commit(),
    }


def _cpu() -> str:
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _peers() -> dict[str, str]:
    """Versions of the peers, which have their own virtual environments."""
    found = {}
    for folder in sorted(PEERS.glob("*/lib/python*/site-packages")):
        name = folder.relative_to(PEERS).parts[0]
        for installed in metadata.distributions(name=name, path=[str(folder)]):
            found[name] = installed.version
    return found


def _commit() -> str | None:
    root = Path(__file__).parent.parent
    found = subprocess.run(
        ["git", "-C", str(root), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or None
