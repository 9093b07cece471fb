"""OpenSSF model signatures of artifacts: ``model.sig``, made and verified by a short-lived process.

The library takes most of a second and some 50 MB to import, so no worker has it in memory: ``openssf`` runs it.
"""

import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from inference.artifact import read_verified
from inference.manifest import MANIFEST, SIGNATURE, ArtifactError, Manifest
from service.processes import NoAnswer, ask
from service.settings import Settings

SECONDS = 120.0
"""How long one verification may take, on a machine that is busy with other things."""
INSTALL = "pip install model-signing==1.1.1 pyopenssl"


class SigningError(RuntimeError):
    """An artifact cannot be signed with this key; the message says why and what to do."""


class UnverifiedError(ArtifactError):
    """The signature could not be verified in time; that says nothing about the artifact, so it is tried again."""


class SlowError(SigningError):
    """The process took too long, or could not be started."""


def check_signature(folder: Path, settings: Settings) -> str | None:
    """With TRUSTED_KEYS: refuse an artifact that none of these keys has signed as it is; nothing else of it is read.

    Returns the digest of the manifest that was signed: whoever reads the manifest later compares it, so that nothing
    can be exchanged in between. None where TRUSTED_KEYS is not set.

    Raises:
        ArtifactError: it must not be promoted or served.
    """
    if settings.trusted_keys is None:
        return None
    if not (folder / SIGNATURE).is_file():
        if not (folder / MANIFEST).is_file():
            raise ArtifactError(f"{folder} is not there. Train it, or name another version: flask models list")
        raise ArtifactError(
            f"{folder} has no {SIGNATURE}, and TRUSTED_KEYS is set. Sign it: flask models sign {folder.name} --key KEY"
        )
    try:
        answer = _ask({"do": "verify", "folder": str(folder), "keys": str(settings.trusted_keys)})
    except SigningError as exc:
        error = UnverifiedError if isinstance(exc, SlowError) else ArtifactError
        raise error(f"{folder / SIGNATURE} cannot be verified, and TRUSTED_KEYS is set: {exc}") from None
    if (reason := answer.get("error")) is not None:
        raise ArtifactError(f"{folder} is refused, since TRUSTED_KEYS is set: {reason}")
    return str(answer["digest"])


def read_trusted_manifest(folder: Path, settings: Settings) -> Manifest:
    """The manifest, after the signature was checked where TRUSTED_KEYS asks for one.

    Raises:
        ArtifactError: it must not be promoted or served.
    """
    signed = check_signature(folder, settings)
    manifest = Manifest.read(folder)
    if signed is not None and manifest.sha256 != signed:
        raise ArtifactError(f"{folder} is refused: it was exchanged while its signature was verified. Restore it.")
    return manifest


def sign(folder: Path, key: Path, password: str | None) -> None:
    """Sign the artifact as it is, whole; an older signature is replaced in one step.

    Raises:
        ArtifactError: the artifact is not whole, or holds a file that its manifest does not name.
        SigningError: the key cannot be used, or the signature cannot be written.
    """
    manifest = Manifest.read(folder)
    for name in manifest.files:
        read_verified(folder, manifest, name)
    known = {*manifest.files, MANIFEST, SIGNATURE}
    if strange := sorted(entry.name for entry in folder.iterdir() if entry.name not in known):
        raise ArtifactError(
            f"{folder / strange[0]} belongs to no artifact: its {MANIFEST} does not name it. Remove it."
        )
    request = {"do": "sign", "folder": str(folder), "key": str(key), "password": password}
    answer = _ask(request)
    if (reason := answer.get("error")) is not None:
        raise SigningError(reason)
    try:
        _put_beside(folder.resolve() / SIGNATURE, answer["signature"].encode())
    except OSError as exc:
        raise SigningError(f"{folder / SIGNATURE} cannot be written: {exc.strerror}.") from None


def _put_beside(path: Path, content: bytes) -> None:
    """Put the file in place from outside the artifact's folder: a load in between must meet no strange file there."""
    with tempfile.NamedTemporaryFile(prefix=".signing-", dir=path.parents[1], delete=False) as aside:
        aside.write(content)
    try:
        Path(aside.name).chmod(0o644)
        Path(aside.name).replace(path)
    except OSError:
        with suppress(OSError):
            Path(aside.name).unlink()
        raise


def _ask(request: dict[str, Any]) -> dict[str, Any]:
    """What the process answers.

    Raises:
        SigningError: it has no library, did not end in time, or died.
    """
    try:
        answer = ask("service.openssf", request, SECONDS)
    except subprocess.TimeoutExpired:
        raise SlowError(f"this took more than {SECONDS:.0f} s. Try again on a quieter machine or disk.") from None
    except OSError as exc:
        raise SlowError(f"no process can be started for it: {exc.strerror}.") from None
    except NoAnswer as exc:
        raise SigningError(f"the process that does it failed: {exc}.") from None
    if "missing" in answer:
        raise SigningError(
            f"the library of OpenSSF model signing is not installed ({answer['missing']}). Install it: {INSTALL}"
        )
    return answer
