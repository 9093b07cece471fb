"""How the settings that name a file or a folder are read: with a look at what is there. See setting_readers.py."""

import os
import re
from base64 import b64decode
from contextlib import suppress
from pathlib import Path

from inference.regular_file import read_regular


def folder(text: str) -> Path:
    """A folder, or the name of one that is not there yet."""
    path = Path(text)
    with suppress(OSError):  # whoever uses a folder that cannot be looked at reports it
        if path.exists() and not path.is_dir():
            raise ValueError("must name a folder, and is a file")
    return path


def readable_file(text: str) -> Path | None:
    """A file that is there; empty means none."""
    if text and not (Path(text).is_file() and os.access(text, os.R_OK)):
        raise ValueError(f"must name a readable file; {text} is none. Make an empty one first if need be")
    return Path(text) if text else None


def trusted_keys(text: str) -> Path | None:
    """A PEM file, or a folder of ``.pem`` and ``.pub`` files, of EC public keys; empty means none."""
    if not text:
        return None
    path = Path(text)
    try:
        files = sorted(file for file in path.iterdir() if file.suffix in (".pem", ".pub")) if path.is_dir() else [path]
        content = [(file, read_regular(file, 2**20).decode("ascii", "replace")) for file in files]
    except OSError as exc:
        raise ValueError(f"must name a PEM file or a folder of them: {exc.filename}: {exc.strerror}") from None
    if not content:
        raise ValueError("must name a PEM file or a folder of them; this folder holds no .pem and no .pub file")
    for file, pem in content:
        if "PRIVATE KEY" in pem:
            raise ValueError(f"must hold public keys only, and {file} is a private one, which belongs on no server")
        found = re.findall(r"-----BEGIN PUBLIC KEY-----(.*?)-----END PUBLIC KEY-----", pem, re.DOTALL)
        if not found or not all(map(_is_ec_key, found)):
            raise ValueError(f"must hold EC public keys, and {file} is none. Make one with: openssl ec -pubout")
    return path


def _is_ec_key(text: str) -> bool:
    """Whether base64 is a SubjectPublicKeyInfo with the algorithm id-ecPublicKey (RFC 5480)."""
    try:
        return bytes.fromhex("06072a8648ce3d0201") in b64decode("".join(text.split()), validate=True)[:32]
    except ValueError:
        return False
