"""TRUSTED_KEYS: the public keys that artifacts must be signed with. Read at the start, and again at each load."""

import re
from base64 import b64decode
from pathlib import Path

from inference.regular_file import read_regular

PUBLIC_KEY = r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----"
KEY_BYTES = 2**20


def key_files(path: Path) -> list[Path]:
    """The file itself, or those of a folder that may hold keys, sorted.

    Raises:
        OSError: the folder cannot be read.
    """
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix in (".pem", ".pub"))


def keys_of(path: Path) -> list[str]:
    """The keys in PEM.

    Raises:
        OSError: a file cannot be read.
    """
    texts = [read_regular(file, KEY_BYTES).decode("ascii", "replace") for file in key_files(path)]
    return [key for text in texts for key in re.findall(PUBLIC_KEY, text, re.DOTALL)]


def state_of_keys(path: Path | None) -> object:
    """It changes whenever a key comes, goes or changes; None without keys."""
    if path is None:
        return None
    try:
        return [(file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in key_files(path)]
    except OSError as exc:
        return exc.strerror


def trusted_keys(text: str) -> Path | None:
    """A PEM file, or a folder of ``.pem`` and ``.pub`` files, of EC public keys; empty means none."""
    if not text:
        return None
    path = Path(text)
    try:
        content = [(file, read_regular(file, KEY_BYTES).decode("ascii", "replace")) for file in key_files(path)]
    except OSError as exc:
        raise ValueError(f"must name a PEM file or a folder of them: {exc.filename}: {exc.strerror}") from None
    if not content:
        raise ValueError("must name a PEM file or a folder of them; this folder holds no .pem and no .pub file")
    for file, pem in content:
        if "PRIVATE KEY" in pem:
            raise ValueError(f"must hold public keys only, and {file} is a private one, which belongs on no server")
        found = re.findall(PUBLIC_KEY, pem, re.DOTALL)
        if not found or not all(map(_is_ec_key, found)):
            raise ValueError(f"must hold EC public keys, and {file} is none. Make one with: openssl ec -pubout")
    return path


def _is_ec_key(pem: str) -> bool:
    """Whether it is a SubjectPublicKeyInfo with the algorithm id-ecPublicKey (RFC 5480)."""
    text = pem.removeprefix("-----BEGIN PUBLIC KEY-----").removesuffix("-----END PUBLIC KEY-----")
    try:
        return bytes.fromhex("06072a8648ce3d0201") in b64decode("".join(text.split()), validate=True)[:32]
    except ValueError:
        return False
