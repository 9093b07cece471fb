"""A process that signs or verifies one artifact with the library of OpenSSF model signing, and ends.

``python -m service.openssf`` takes one JSON object on standard input and answers one on standard output:
``{"do": "verify", "folder", "keys"}`` gives ``{"digest"}``, that of the signed manifest; ``{"do": "sign", "folder",
"key", "password"}`` gives ``{"signature"}``. ``{"error"}`` says in a sentence why not, ``{"missing"}`` which library.
"""

import base64
import json
import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stdout
from hashlib import sha256
from pathlib import Path
from typing import Any

from inference.manifest import DIGEST, MANIFEST, SIGNATURE
from inference.regular_file import DOCUMENT_BYTES, read_regular
from service.trusted_keys import keys_of

CURVES = "P-256, P-384 or P-521"


class RefusedError(Exception):
    """The artifact or the key; the message is a sentence."""


def verify(folder: Path, keys: Path) -> dict[str, str]:
    """The digest of the manifest of an artifact that one of the keys has signed, each file of it, and no other.

    Raises:
        RefusedError: it is not so.
    """
    files = _files(folder)
    content = _read(folder / SIGNATURE)
    with tempfile.TemporaryDirectory(prefix="verify-") as own:
        # What is verified is what is looked at below: nobody else writes to this folder.
        (signature := Path(own) / SIGNATURE).write_bytes(content)
        _verify_by_any(folder, signature, _public_keys(keys, Path(own)))
    signed = _signed_files(content)
    if strange := sorted(files - signed.keys()):
        raise RefusedError(f"{strange[0]} was not signed. Remove it, or sign the artifact again.")
    manifest = _read(folder / MANIFEST)
    if signed.get(MANIFEST) != sha256(manifest).hexdigest():
        raise RefusedError(f"{MANIFEST} is not as it was signed. Restore it, or sign the artifact again.")
    return {"digest": str(json.loads(manifest).get(DIGEST))}


def sign(folder: Path, key: Path, password: str | None) -> dict[str, str]:
    """The signature of all files of the folder.

    Raises:
        RefusedError: the folder or the key cannot be used.
    """
    import model_signing

    _files(folder)
    content = _read(key)
    if b"PRIVATE KEY" not in content:
        raise RefusedError(f"{key} holds no private key in PEM. Name the private one, not its public half.")
    with tempfile.TemporaryDirectory(prefix="sign-") as own:
        (copy := Path(own) / "key.pem").touch(0o600)
        copy.write_bytes(content)
        library: Any = model_signing
        try:
            signer = library.signing.Config().use_elliptic_key_signer(
                private_key=copy, password=None if password is None else password.encode()
            )
        except (ValueError, TypeError, AttributeError) as exc:
            raise RefusedError(_of_private_key(key, str(exc), password)) from None
        signature = Path(own) / SIGNATURE
        signer.set_hashing_config(_hashing(library)).sign(folder, signature)
        return {"signature": signature.read_text()}


def _of_private_key(key: Path, reason: str, password: str | None) -> str:
    if "not encrypted" in reason:
        return f"{key} has no password, and one was given. Leave the password out."
    if "encrypted" in reason and password is None:
        return f"{key} has a password. Give it: --password-file FILE"
    if "ncorrect password" in reason or "ad decrypt" in reason or password is not None:
        return f"{key} cannot be opened with this password."
    if "attribute 'curve'" in reason or "Unsupported key" in reason:
        return f"{key} is no EC key of {CURVES}. Make one: openssl ecparam -name prime256v1 -genkey -noout -out KEY"
    return f"{key} cannot be read as a private key in PEM."


def _verify_by_any(folder: Path, signature: Path, keys: list[Path]) -> None:
    import model_signing

    library: Any = model_signing
    reasons = []
    for key in keys:
        try:
            verifier = library.verifying.Config().use_elliptic_key_verifier(public_key=key)
            verifier.set_hashing_config(_hashing(library)).verify(folder, signature)
        except Exception as exc:  # the library raises its own, protobuf's, pydantic's and cryptography's
            reasons.append(str(exc))
        else:
            return
    if any(reason.startswith("Signature mismatch") for reason in reasons):  # signed, but not these files
        raise RefusedError(f"{_first_change(folder, signature)}. Restore the artifact, or sign it again.")
    if len(reasons) == 1 and "Unsupported key" in reasons[0]:
        raise RefusedError(f"the key of TRUSTED_KEYS is of another curve than {CURVES}.")
    raise RefusedError(f"{SIGNATURE} is of none of the keys of TRUSTED_KEYS, or damaged. Sign it with a trusted key.")


def _first_change(folder: Path, signature: Path) -> str:
    """What is not as it was signed, as a clause."""
    signed, found = _signed_files(signature.read_bytes()), _files(folder)
    for name in sorted(signed):
        if name not in found:
            return f"{name} is missing"
        if sha256((folder / name).read_bytes()).hexdigest() != signed[name]:
            return f"{name} is not as it was signed"
    return f"{next(iter(sorted(found - signed.keys())), 'a file')} was not signed"


def _hashing(library: Any) -> Any:
    """How files are hashed: each one whole, no link followed, nothing left out but the signature."""
    hashing = library.hashing.Config().use_file_serialization(hashing_algorithm="sha256")
    return hashing.set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)


def _public_keys(keys: Path, into: Path) -> list[Path]:
    """A file for each key of TRUSTED_KEYS."""
    try:
        found = keys_of(keys)
    except OSError as exc:
        raise RefusedError(f"TRUSTED_KEYS={keys} cannot be read: {exc.strerror}.") from None
    if not found:
        raise RefusedError(f"TRUSTED_KEYS={keys} holds no public key in PEM.")
    files = []
    for place, key in enumerate(found):
        files.append(into / f"{place}.pem")
        files[-1].write_text(f"{key}\n")
    return files


def _files(folder: Path) -> set[str]:
    """The files of an artifact but its signature. A link, a device or a pipe is none, and is refused."""
    found = set()
    for entry in sorted(folder.rglob("*")):
        name, mode = entry.relative_to(folder).as_posix(), entry.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise RefusedError(f"{name} is a symbolic link. Put the file itself in its place.")
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise RefusedError(f"{name} is no regular file. Remove it.")
        found.add(name)
    return found - {SIGNATURE}


def _signed_files(signature: bytes) -> Mapping[str, str]:
    """The SHA-256 of each file by its name, as a verified signature has them."""
    payload = json.loads(base64.b64decode(json.loads(signature)["dsseEnvelope"]["payload"]))
    resources = payload.get("predicate", {}).get("resources", [])
    return {one["name"]: one["digest"] for one in resources if one["algorithm"] == "sha256"}


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, DOCUMENT_BYTES)
    except OSError as exc:
        raise RefusedError(f"{path} cannot be read: {exc.strerror}.") from None


def main() -> None:
    """Answer the request on standard input."""
    request, answers = json.load(sys.stdin), os.dup(1)
    try:
        with redirect_stdout(sys.stderr):  # the library prints
            import model_signing  # noqa: F401  # its absence is an answer of its own

            folder = Path(request["folder"]).resolve()
            if request["do"] == "sign":
                answer = sign(folder, Path(request["key"]), request["password"])
            else:
                answer = verify(folder, Path(request["keys"]))
    except RefusedError as exc:
        answer = {"error": str(exc)}
    except ImportError as exc:
        answer = {"missing": str(exc)}
    os.write(answers, json.dumps(answer).encode())


if __name__ == "__main__":
    main()
