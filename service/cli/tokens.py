"""``flask tokens``: create a token of a client; list the clients."""

import os
from pathlib import Path

import click

from service.access.tokens import NAME, SCOPES, line_of, new_token, read_tokens
from service.settings import Settings


@click.group("tokens")
def tokens_group() -> None:
    """Tokens of the clients that API_TOKENS_FILE lets in."""


@tokens_group.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(sorted(SCOPES)), help="Only this; else everything.")
def create_token(name: str, scopes: tuple[str, ...]) -> None:
    """Print a fresh token for NAME, once, and add its hash to API_TOKENS_FILE.

    The token alone goes to standard output. Running servers take it within a second. To replace a token, create a
    second one under the same name, then delete the old line.
    """
    if not NAME.fullmatch(name):
        raise click.ClickException("NAME must be 1 to 64 letters, digits, dots, dashes or underscores.")
    path = Settings.read(os.environ).api_tokens_file
    token = new_token()
    line = line_of(name, token, frozenset(scopes) or SCOPES)
    if path is None:
        click.echo(f"API_TOKENS_FILE is not set. Put this line into a file and name the file there:\n{line}", err=True)
    else:
        _append(path, line)
        click.echo(f"Added {name} to {path}. The token is shown this once:", err=True)
    click.echo(token)


@tokens_group.command("list")
def list_tokens() -> None:
    """Print each client with its scopes and the first digits of its token's hash."""
    path = Settings.read(os.environ).api_tokens_file
    if path is None:
        raise click.ClickException("API_TOKENS_FILE is not set: the service asks for no token.")
    for client in read_tokens(path):
        click.echo(f"{client.name}\t{','.join(sorted(client.scopes))}\t{client.digest.hex()[:12]}")


def _append(path: Path, line: str) -> None:
    """Add a line in one write, so that a server never reads half of it."""
    read_tokens(path)  # a malformed file is refused before anything is added to it
    text = path.read_text("utf-8")
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(("" if not text or text.endswith("\n") else "\n") + line + "\n")
    except OSError as exc:
        raise click.ClickException(f"{path} cannot be written ({exc.strerror}); nothing was created.") from None
