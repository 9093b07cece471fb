"""Make the virtual environments of what is compared: ``python -m benchmarks.peers [NAME ...]``, all without a name."""

import subprocess
import sys
import venv
from importlib import metadata

from benchmarks.targets import PEERS

SAME = ("scikit-learn", "numpy", "pandas", "joblib")
"""Of the versions that are here: a pickle must be read by what wrote it."""
PINS: dict[str, tuple[str, ...]] = {
    "mlserver": ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop==0.21.0"),  # newer ones break its worker pool
    "mlflow": ("mlflow==3.17.0",),
    "litserve": ("litserve==0.2.19",),
    "bentoml": ("bentoml==1.4.39",),
    "mod_wsgi": ("mod_wsgi==6.1.1",),
}
UNPICKLES_NOTHING = ("mod_wsgi",)
NEEDS = {"mod_wsgi": "it is built against Apache: apt-get install apache2 apache2-dev"}


def main(wanted: list[str]) -> int:
    """Make those that were named; one that cannot be made does not stop the others. Returns how many failed."""
    if unknown := set(wanted) - set(PINS):
        sys.exit(f"Error: unknown peers {', '.join(sorted(unknown))}; there are {', '.join(PINS)}.")
    return sum(not _make(peer) for peer in wanted or PINS)


def _make(peer: str) -> bool:
    home = PEERS / peer
    same = () if peer in UNPICKLES_NOTHING else tuple(f"{name}=={metadata.version(name)}" for name in SAME)
    packages = (*PINS[peer], *same)
    print(f"{peer}: installing {' '.join(packages)} into {home}", flush=True)
    venv.create(home, with_pip=True)
    pip = (str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    if subprocess.run([*pip, *packages], check=False).returncode:
        why = f" ({NEEDS[peer]})" if peer in NEEDS else ""
        print(f"{peer}: could not be installed here{why}; its row will be skipped", file=sys.stderr)
        return False
    print(f"{peer}: ready")
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
