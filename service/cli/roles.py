"""``flask models promote``, ``retire``, ``rollback`` and ``history``: which version has which role, and since when."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace

import click

from inference.contract import contract_diff
from inference.manifest import ArtifactError, Manifest
from inference.naming import is_version
from inference.routing import Routing
from inference.routing_history import previous_stable, read_changes
from service.cli.listing import print_table, routing_or_warn
from service.models.repository import Repository
from service.routing_changes import change_routing
from service.settings import Settings
from service.signature import read_trusted_manifest

why_option = click.option("--why", default="", help="A reason, for: flask models history")


@click.command("promote")
@click.argument("version")
@click.option("--canary", type=click.FloatRange(0, 1, min_open=True), help="Give it this share of the requests only.")
@click.option("--shadow", is_flag=True, help="Let it predict as well, for its records; its answers are not sent.")
@click.option("--keep", is_flag=True, help="Only keep it loaded, for ?model_version=.")
@why_option
def promote(version: str, canary: float | None, shadow: bool, keep: bool, why: str) -> None:
    """Make VERSION the stable one; running workers follow within a second, without a restart."""
    if sum([canary is not None, shadow, keep]) > 1:
        raise click.UsageError("--canary, --shadow and --keep exclude each other.")
    settings = Settings.read(os.environ)
    repository = routed_repository(f"{version} was not promoted")
    manifest = check_artifact(repository, version, settings, f"{version} was not promoted")
    before = routing_or_warn(repository)

    def change(routing: Routing | None) -> Routing:
        if routing is None and (canary is not None or shadow or keep):
            raise click.ClickException(
                "Which version is stable is not known. Promote that one first, without an option."
            )
        routing = routing or Routing(version)
        if canary is not None:
            return replace(routing, canary=version, share=canary)
        if shadow:
            return replace(routing, shadow=version)
        if keep:
            return replace(routing, keep=tuple(dict.fromkeys((*routing.keep, version))))
        return routing.promoted(version)

    options = f" --canary {canary:g}" if canary is not None else " --shadow" if shadow else " --keep" if keep else ""
    if before is not None and not keep:
        _warn_of_changes(repository, before.stable, manifest)
    _, routing = change_or_fail(repository, change, f"promote {version}{options}", why)
    click.echo(f"{version} is now {', '.join(routing.roles(version))}.")


@click.command("retire")
@click.argument("version")
@why_option
def retire(version: str, why: str) -> None:
    """Take VERSION out of canary, shadow and keep; the stable version stays."""
    repository = routed_repository(f"{version} was not retired")

    def change(routing: Routing | None) -> Routing:
        if routing is None or version not in routing.wanted:
            raise click.ClickException(f"{version} is in no role. See: flask models list")
        if version == routing.stable:
            raise click.ClickException(f"{version} is the stable version. Promote another one first.")
        return routing.retired(version)

    change_or_fail(repository, change, f"retire {version}", why)
    click.echo(f"{version} is in no role any more.")


@click.command("rollback")
@why_option
def rollback(why: str) -> None:
    """Undo the newest version's way into the traffic.

    A canary is taken out, and the stable version stays. Without a canary the version that was stable before becomes it
    again; once more leads further back.
    """
    settings = Settings.read(os.environ)
    repository = routed_repository("Nothing was rolled back")
    done: list[str] = []

    def change(routing: Routing | None) -> Routing:
        if routing is None:
            raise click.ClickException("Which version is stable is not known. Promote one: flask models promote")
        if routing.canary is not None:
            done.append(f"{routing.canary} is no canary any more. {routing.stable} stays the stable version.")
            return replace(routing, canary=None, share=0.0)
        changes, _ = read_changes(repository.root)
        version = previous_stable(changes, routing.stable)
        if version is None:
            raise click.ClickException(
                f"No stable version before {routing.stable} is known. Name one: flask models promote VERSION"
            )
        check_artifact(repository, version, settings, f"{version}, which was stable before {routing.stable}, cannot be")
        done.append(f"{version} is now stable, in the place of {routing.stable}.")
        return routing.promoted(version)

    change_or_fail(repository, change, "rollback", why)
    click.echo(done[0])


@click.command("history")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="So many changes, the newest.")
@click.option("--json", "as_json", is_flag=True, help="For programs: all facts, a JSON object a line.")
def history(last: int, as_json: bool) -> None:
    """Show who changed which version serves, when, by which command, and why; the newest change comes last."""
    repository = Repository(Settings.read(os.environ))
    try:
        changes, broken = read_changes(repository.root)
    except OSError as exc:
        raise click.ClickException(f"{exc.filename} cannot be read: {exc.strerror}.") from None
    if broken:
        click.echo(f"Warning: {broken} lines of history.jsonl cannot be read and are passed over.", err=True)
    shown = changes[-last:]
    if as_json:
        for change in shown:
            click.echo(json.dumps(asdict(change), ensure_ascii=False))
    elif not changes:
        click.echo("No change is recorded yet.")
    else:
        rows = [(_minute(one.time), one.who, one.what, one.why or "-") for one in shown]
        print_table(("WHEN (UTC)", "WHO", "WHAT", "WHY"), rows, (1, 2, 3))


def check_artifact(repository: Repository, version: str, settings: Settings, refused: str) -> Manifest:
    """The manifest of a version that may serve.

    Raises:
        ClickException: it may not; the message begins with ``refused``.
    """
    try:
        if not is_version(version):
            raise ArtifactError("it is no version's name. See: flask models list")
        return read_trusted_manifest(repository.folder(version), settings)
    except ArtifactError as exc:
        raise click.ClickException(f"{refused}: {exc}") from None


def routed_repository(refused: str) -> Repository:
    """The repository, where routing.json decides what serves; a change to it would have no effect elsewhere."""
    repository = Repository(Settings.read(os.environ))
    if repository.override:
        name = repository.override.partition("=")[0]
        raise click.ClickException(
            f"{refused}: {repository.override} names the model to serve and routing.json is not followed, so unset "
            f"{name} first, or set it to another model."
        )
    return repository


def change_or_fail(
    repository: Repository, change: Callable[[Routing | None], Routing], what: str, why: str
) -> tuple[Routing, Routing]:
    """Change the routing; the one before and the one after.

    Raises:
        ClickException: a file cannot be written.
    """
    try:
        before, after = change_routing(repository.root, change, what, why)
    except OSError as exc:
        raise click.ClickException(f"{exc.filename or repository.root} cannot be written: {exc.strerror}.") from None
    return before or after, after


def _warn_of_changes(repository: Repository, stable: str, after: Manifest) -> None:
    """Print what clients of the version that is stable now will notice."""
    try:
        before = Manifest.read(repository.folder(stable))
    except ArtifactError:
        return
    if found := contract_diff(before.contract, after.contract):
        click.echo(
            f"Warning: {after.version} takes other rows than {before.version}: {'; '.join(found)}. "
            "What clients send now it refuses with 422.",
            err=True,
        )


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")
