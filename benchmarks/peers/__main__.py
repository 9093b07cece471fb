"""Make the virtual environments of the peers: ``python -m benchmarks.peers [mlserver mlflow litserve bentoml]``."""

import subprocess
import sys
import venv
from importlib import metadata

from benchmarks.rows import PEERS

PINS = {
    "mlserver": ("mlserver==1.7.1", "mlserver-sklearn==1.7.1"),
    "mlflow": ("mlflow==3.17.0",),
    "litserve": ("litserve==0.2.19",),
    "bentoml": ("bentoml==1.4.39",),
}
SAME = ("scikit-learn", "numpy", "pandas", "joblib")
"""Of the versions that are here: a pickle must be read by what wrote it."""


def main(wanted: list[str]) -> int:
    """Make those that were named, or the two of the issue; one that cannot be made does not stop the others."""
    unknown = set(wanted) - set(PINS)
    if unknown:
        sys.exit(f"Error: unknown peers {', '.join(sorted(unknown))}; there are {', '.join(PINS)}.")
    failed = 0
    for peer in wanted or ("mlserver", "mlflow"):
        home = PEERS / peer
        print(f"{peer}: installing {' '.join(PINS[peer])} into {home}", flush=True)
        venv.create(home, with_pip=True, clear=False)
        pip = (str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        same = [f"{name}=={metadata.version(name)}" for name in SAME]
        for attempt in ([*PINS[peer], *same], [*PINS[peer], same[0]], [*PINS[peer]]):
            if subprocess.run([*pip, *attempt], check=False).returncode == 0:
                print(f"{peer}: ready, with {', '.join(attempt)}")
                break
        else:
            print(f"{peer}: could not be installed here; its row will be skipped", file=sys.stderr)
            failed += 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
