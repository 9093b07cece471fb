"""``flask models prune``: old artifacts are removed; what routing names never is."""

import shutil
from pathlib import Path

import click

from inference.artifact import versions
from inference.manifest import ArtifactError, Manifest
from inference.routing import RoutingError, read_routing
from inference.routing_history import previous_stable, read_changes
from service.cli.roles import routed_repository
from service.locks import locked
from service.routing_changes import LOCK, record_change

REMOVED = ".removed-"
"""How the name of a folder begins that is being removed: it is no version's, so nobody loads half of an artifact."""


@click.command("prune")
@click.option("--keep", required=True, type=click.IntRange(0), help="So many versions stay besides those in a role.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
def prune(keep: int, dry_run: bool) -> None:
    """Remove all but the newest --keep of the versions that have no role.

    The stable version, the canary, the shadow, kept versions and the version that `rollback` would lead to stay in any
    case. Broken artifacts and those of a newer release are not touched: nobody knows how old they are.
    """
    root = routed_repository("Nothing was removed").root
    try:
        with locked(root / LOCK):  # nobody promotes meanwhile what is removed here
            removed, left = _choose(root, keep)
            if not dry_run:
                for version in removed:
                    _remove(root, version)
                if removed:
                    routing = read_routing(root)
                    record_change(root, routing, routing, f"prune --keep {keep}", f"removed {', '.join(removed)}")
    except (OSError, RoutingError) as exc:
        reason = f"{exc.filename}: {exc.strerror}" if isinstance(exc, OSError) else str(exc)
        raise click.ClickException(f"Not all was removed: {reason}") from None
    for version in removed:
        click.echo(f"{'would remove' if dry_run else 'removed'} {version}")
    for version, why in left.items():
        click.echo(f"kept {version}: {why}")
    if not removed:
        click.echo("Nothing to remove.")


def _choose(root: Path, keep: int) -> tuple[list[str], dict[str, str]]:
    """The versions to remove, oldest first, and those that stay, each with the reason.

    Raises:
        RoutingError: which versions have a role is not known, so none may be removed.
    """
    routing = read_routing(root)
    if routing is None:
        return [], {}
    changes, _ = read_changes(root)
    before = previous_stable(changes, routing.stable)
    free: list[tuple[str, str]] = []
    left: dict[str, str] = {}
    for version in versions(root):
        if roles := routing.roles(version):
            left[version] = ", ".join(roles)
        elif version == before:
            left[version] = "rollback leads to it"
        else:
            try:
                free.append((Manifest.read(root / version).created, version))
            except ArtifactError as exc:
                left[version] = f"broken: {exc}"
    free.sort(reverse=True)
    left |= {version: f"among the newest {keep}" for _, version in free[:keep]}
    return [version for _, version in reversed(free[keep:])], left


def _remove(root: Path, version: str) -> None:
    """Rename it first: what a killed prune leaves is no artifact to anybody, and the next prune removes it."""
    (root / version).rename(root / f"{REMOVED}{version}")
    for rest in root.glob(f"{REMOVED}*"):
        shutil.rmtree(rest)
