"""``flask models sign``: sign an artifact for servers that trust this key."""

import os
import sys
from pathlib import Path

import click

from inference.manifest import SIGNATURE, ArtifactError
from inference.naming import is_version
from inference.regular_file import read_regular
from service.models.repository import Repository
from service.settings import Settings
from service.signature import SigningError
from service.signature import sign as sign_artifact


@click.command("sign")
@click.argument("version")
@click.option(
    "--key", type=click.Path(path_type=Path), required=True, help="PEM file of an EC private key (P-256, P-384, P-521)."
)
@click.option("--password-file", type=click.Path(path_type=Path), help="File with the key's password.")
def sign(version: str, key: Path, password_file: Path | None) -> None:
    """Sign VERSION with an EC private key; servers with TRUSTED_KEYS serve nothing else.

    The signature, model.sig, follows OpenSSF model signing. Signing again replaces it.
    """
    repository = Repository(Settings.read({**os.environ, "TRUSTED_KEYS": ""}))
    try:
        if not is_version(version):
            raise ArtifactError("it is no version's name. See: flask models list")
        sign_artifact(repository.folder(version), key, _password(key, password_file))
    except (ArtifactError, SigningError) as exc:
        raise click.ClickException(f"{version} was not signed: {exc}") from None
    click.echo(f"{version} is signed: {repository.folder(version) / SIGNATURE}")


def _password(key: Path, file: Path | None) -> str | None:
    """The key's password: the first line of the file, or typed where there is a terminal; None where it needs none."""
    try:
        if file is not None:
            return read_regular(file, 2**16).decode().splitlines()[0]
        encrypted = b"ENCRYPTED" in read_regular(key, 2**20)
    except (OSError, ValueError, IndexError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "its first line is no password"
        raise SigningError(f"{file or key} cannot be read: {reason}.") from None
    if encrypted and sys.stdin.isatty():
        typed: str = click.prompt(f"Password of {key}", hide_input=True, err=True)
        return typed
    return None
