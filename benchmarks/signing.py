"""What a signature costs when an artifact is loaded: CPU time and memory, with TRUSTED_KEYS and without, in turns.

``python -m benchmarks.signing`` writes ``results/signing.json`` and ``signing.md``.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.environment import describe
from benchmarks.results import FOLDER
from benchmarks.twins.loading import wanted_version
from service.models.model import load
from service.models.repository import Repository
from service.settings import Settings
from service.signature import sign

ROUNDS = 5


def main() -> None:
    """Measure, write, print."""
    settings = Settings.read(os.environ)
    version = wanted_version(settings)
    with tempfile.TemporaryDirectory() as own:
        folder = Path(own) / version
        shutil.copytree(Repository(settings).folder(version), folder)
        key, public = _key(Path(own))
        sign(folder, key, None)
        trusting = Settings.read({**os.environ, "TRUSTED_KEYS": str(public)})
        plain: list[float] = []
        signed: list[float] = []
        for _ in range(ROUNDS):
            plain.append(_cpu_ms(folder, settings))
            signed.append(_cpu_ms(folder, trusting))
        megabytes = _megabytes()
        size = sum(file.stat().st_size for file in folder.iterdir())
    found = {
        "version": version,
        "megabytes_of_artifact": round(size / 1e6, 1),
        "rounds": ROUNDS,
        "cpu_ms_unsigned": plain,
        "cpu_ms_signed": signed,
        "megabytes_of_process": round(megabytes, 1),
        "environment": describe(),
    }
    (FOLDER / "signing.json").write_text(json.dumps(found, indent=2, default=str) + "\n")
    before, after = statistics.median(plain), statistics.median(signed)
    text = (
        "# What a signature costs at a load\n\n"
        "Made by `python -m benchmarks.signing`: CPU time of the worker and of the process that verifies, medians of "
        f"{ROUNDS} loads of {version} ({found['megabytes_of_artifact']} MB) in turns.\n\n"
        "| load | CPU, ms |\n|---|---|\n"
        f"| without `TRUSTED_KEYS` | {before:.0f} |\n| with it | {after:.0f} |\n\n"
        f"So a signature costs {after - before:.0f} ms of computing at each load of each worker. The process that "
        f"verifies takes {megabytes:.0f} MB while it runs, and ends. The worker takes no more memory, and a request "
        "costs nothing more.\n"
    )
    (FOLDER / "signing.md").write_text(text)
    print(text)


def _cpu_ms(folder: Path, settings: Settings) -> float:
    """CPU time of one load, of this process and of the one that it starts, in milliseconds."""
    before = _children(), time.process_time()
    load(folder, settings)
    return (_children() - before[0] + time.process_time() - before[1]) * 1000


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _megabytes() -> float:
    """The most memory of a process that has imported the library, as the kernel counts it since the program began."""
    code = "import model_signing; print(open('/proc/self/status').read())"
    status = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def _key(folder: Path) -> tuple[Path, Path]:
    made = ec.generate_private_key(ec.SECP256R1())
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "key.pem").write_bytes(private)
    (folder / "trusted.pem").write_bytes(public)
    return folder / "key.pem", folder / "trusted.pem"


if __name__ == "__main__":
    main()
