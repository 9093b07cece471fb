"""``flask models``: what there is, and which version serves."""

import os
from dataclasses import replace
from datetime import datetime

import click

from inference.contract import contract_diff
from inference.manifest import ArtifactError, Manifest
from inference.naming import is_version
from inference.routing import Routing, RoutingError, write_routing
from service.cli.sign import sign
from service.cli.verify import compare, verify
from service.models.repository import Repository
from service.models.signature import read_trusted_manifest
from service.settings import Settings


@click.group("models")
def models_group() -> None:
    """See the artifacts, and choose which of them serve."""


@models_group.command("list")
def list_models() -> None:
    """List every version, newest first, with its role."""
    repository = Repository(Settings.read(os.environ))
    routing = _routing(repository)
    rows = sorted((_row(repository, version, routing) for version in repository.versions()), reverse=True)
    if not rows and repository.override.startswith("MODEL_URI"):
        raise click.ClickException(f"{repository.override} is not on this host yet. A server fetches it at its start.")
    if not rows:
        raise click.ClickException(f"{repository.root} holds no artifact. Make one with: python -m training")
    widths = [max(len(row[column]) for row in rows) for column in range(1, 5)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row[1:], widths, strict=True)).rstrip())
    if repository.override:
        click.echo(f"{repository.override} names the model to serve; routing.json is not followed.")


@models_group.command("promote")
@click.argument("version")
@click.option("--canary", type=click.FloatRange(0, 1, min_open=True), help="Give it this share of the requests only.")
@click.option("--shadow", is_flag=True, help="Let it predict as well, for its records; its answers are not sent.")
@click.option("--keep", is_flag=True, help="Only keep it loaded, for ?model_version=.")
def promote(version: str, canary: float | None, shadow: bool, keep: bool) -> None:
    """Make VERSION the stable one; running workers follow within a second, without a restart."""
    if sum([canary is not None, shadow, keep]) > 1:
        raise click.UsageError("--canary, --shadow and --keep exclude each other.")
    settings = Settings.read(os.environ)
    repository = _routed_repository(version, "promoted")
    try:
        if not is_version(version):
            raise ArtifactError("it is no version's name. See: flask models list")
        manifest = read_trusted_manifest(repository.folder(version), settings)
    except ArtifactError as exc:
        raise click.ClickException(f"{version} was not promoted: {exc}") from None
    routing = _routing(repository)
    if routing is None and (canary is not None or shadow or keep):
        raise click.ClickException("Which version is stable is not known. Promote that one first, without an option.")
    before = routing
    routing = routing or Routing(version)
    if canary is not None:
        routing = replace(routing, canary=version, share=canary)
    elif shadow:
        routing = replace(routing, shadow=version)
    elif keep:
        routing = replace(routing, keep=tuple(dict.fromkeys((*routing.keep, version))))
    else:
        routing = routing.promoted(version)
    if before is not None and not keep:
        _warn_of_changes(repository, before.stable, manifest)
    write_routing(repository.root, routing)
    click.echo(f"{version} is now {_role(version, routing)}.")


@models_group.command("retire")
@click.argument("version")
def retire(version: str) -> None:
    """Take VERSION out of canary, shadow and keep; the stable version stays."""
    repository = _routed_repository(version, "retired")
    routing = _routing(repository)
    if routing is None or version not in routing.wanted:
        raise click.ClickException(f"{version} is in no role. See: flask models list")
    if version == routing.stable:
        raise click.ClickException(f"{version} is the stable version. Promote another one first.")
    write_routing(repository.root, routing.retired(version))
    click.echo(f"{version} is in no role any more.")


def _routed_repository(version: str, done: str) -> Repository:
    """The repository, where routing.json decides what serves; a change to it would have no effect elsewhere."""
    repository = Repository(Settings.read(os.environ))
    if repository.override:
        name = repository.override.partition("=")[0]
        raise click.ClickException(
            f"{version} was not {done}: {repository.override} names the model to serve and routing.json is not "
            f"followed, so unset {name} first, or set it to another model."
        )
    return repository


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


def _routing(repository: Repository) -> Routing | None:
    try:
        return repository.routing()
    except RoutingError as exc:
        click.echo(f"Warning: {exc}", err=True)
        return None


def _row(repository: Repository, version: str, routing: Routing | None) -> tuple[str, str, str, str, str]:
    """When it was created, to sort by, and the cells of its line."""
    try:
        manifest = Manifest.read(repository.folder(version))
    except ArtifactError as exc:
        return "", version, "broken", str(exc), ""
    measured = manifest.metrics.get(manifest.metric)
    quality = f"{manifest.metric} {measured:.4f}" if isinstance(measured, float) else manifest.metric
    created = datetime.fromisoformat(manifest.created).strftime("%Y-%m-%d %H:%M")
    return manifest.created, version, _role(version, routing), quality, f"{manifest.engine}  {created}"


def _role(version: str, routing: Routing | None) -> str:
    return ", ".join(routing.roles(version) if routing is not None else ()) or "-"


for command in (sign, verify, compare):
    models_group.add_command(command)
