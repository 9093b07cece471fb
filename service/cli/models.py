"""``flask models``: what there is, and which version serves."""

import os
from dataclasses import replace
from datetime import datetime

import click

from inference.artifact import versions
from inference.manifest import ArtifactError, Manifest
from inference.naming import is_version
from inference.routing import Routing, RoutingError, read_routing, write_routing
from service.models.succession import changes
from service.settings import Settings


@click.group("models")
def models_group() -> None:
    """See the artifacts, and choose which of them serve."""


@models_group.command("list")
def list_models() -> None:
    """List every version, newest first, with its role."""
    settings = Settings.read(os.environ)
    routing = _routing(settings)
    rows = sorted((_row(settings, version, routing) for version in versions(settings.artifacts_dir)), reverse=True)
    if not rows:
        raise click.ClickException(f"{settings.artifacts_dir} holds no artifact. Make one with: python -m training")
    widths = [max(len(row[column]) for row in rows) for column in range(1, 5)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row[1:], widths, strict=True)).rstrip())
    if settings.model_version:
        click.echo(f"MODEL_VERSION pins {settings.model_version}; routing.json is not followed.")


@models_group.command("promote")
@click.argument("version")
@click.option("--canary", type=click.FloatRange(0, 1, min_open=True), help="Give it this share of the requests only.")
@click.option("--shadow", is_flag=True, help="Let it answer unheard, for its records.")
@click.option("--keep", is_flag=True, help="Only keep it loaded, for ?model_version=.")
def promote(version: str, canary: float | None, shadow: bool, keep: bool) -> None:
    """Make VERSION the stable one; running workers follow within a second, without a restart."""
    if sum([canary is not None, shadow, keep]) > 1:
        raise click.UsageError("--canary, --shadow and --keep exclude each other.")
    settings = Settings.read(os.environ)
    try:
        if not is_version(version):
            raise ArtifactError("it is no version's name. See: flask models list")
        manifest = Manifest.read(settings.artifacts_dir / version)
    except ArtifactError as exc:
        raise click.ClickException(f"{version} was not promoted: {exc}") from None
    routing = _routing(settings)
    if routing is None and (canary is not None or shadow or keep):
        raise click.ClickException("Which version is stable is not known. Promote that one first, without an option.")
    routing = routing or Routing(version)
    if canary is not None:
        routing = replace(routing, canary=version, share=canary)
    elif shadow:
        routing = replace(routing, shadow=version)
    elif keep:
        routing = replace(routing, keep=tuple(dict.fromkeys((*routing.keep, version))))
    else:
        was_canary = routing.canary == version
        routing = replace(
            routing,
            stable=version,
            canary=None if was_canary else routing.canary,
            share=0.0 if was_canary else routing.share,
            shadow=None if routing.shadow == version else routing.shadow,
        )
    if not keep:
        _warn_of_changes(settings, manifest)
    write_routing(settings.artifacts_dir, routing)
    click.echo(f"{version} is now {_role(version, routing)}.")


@models_group.command("retire")
@click.argument("version")
def retire(version: str) -> None:
    """Take VERSION out of canary, shadow and keep; the stable version stays."""
    settings = Settings.read(os.environ)
    routing = _routing(settings)
    if routing is None or version not in routing.wanted:
        raise click.ClickException(f"{version} is in no role. See: flask models list")
    if version == routing.stable:
        raise click.ClickException(f"{version} is the stable version. Promote another one first.")
    leaves = routing.canary == version
    routing = replace(
        routing,
        canary=None if leaves else routing.canary,
        share=0.0 if leaves else routing.share,
        shadow=None if routing.shadow == version else routing.shadow,
        keep=tuple(kept for kept in routing.keep if kept != version),
    )
    write_routing(settings.artifacts_dir, routing)
    click.echo(f"{version} is in no role any more.")


def _warn_of_changes(settings: Settings, after: Manifest) -> None:
    """Tell what clients of the version that is stable now will notice."""
    try:
        routing = read_routing(settings.artifacts_dir)
        before = Manifest.read(settings.artifacts_dir / routing.stable) if routing else after
    except (RoutingError, ArtifactError):
        return
    if found := changes(before.contract, after.contract):
        click.echo(
            f"Warning: {after.version} takes other rows than {before.version}: {'; '.join(found)}. "
            "What clients send now it refuses with 422.",
            err=True,
        )


def _routing(settings: Settings) -> Routing | None:
    try:
        return read_routing(settings.artifacts_dir)
    except RoutingError as exc:
        click.echo(f"Warning: {exc}", err=True)
        return None


def _row(settings: Settings, version: str, routing: Routing | None) -> tuple[str, str, str, str, str]:
    try:
        manifest = Manifest.read(settings.artifacts_dir / version)
    except ArtifactError as exc:
        return "", version, "broken", str(exc), ""
    measured = manifest.metrics.get(manifest.metric)
    quality = f"{manifest.metric} {measured:.4f}" if isinstance(measured, float) else manifest.metric
    created = datetime.fromisoformat(manifest.created).strftime("%Y-%m-%d %H:%M")
    return manifest.created, version, _role(version, routing), quality, f"{manifest.engine}  {created}"


def _role(version: str, routing: Routing | None) -> str:
    if routing is None:
        return "-"
    roles = [
        ("stable", version == routing.stable),
        (f"canary {routing.share:.0%}", version == routing.canary),
        ("shadow", version == routing.shadow),
        ("kept", version in routing.keep),
    ]
    return ", ".join(name for name, holds in roles if holds) or "-"
