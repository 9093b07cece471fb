"""``flask models list``, and the tables of ``flask models``, which fit the width of the terminal."""

import json
import os
import shutil
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from inference.manifest import ArtifactError, Manifest
from inference.routing import Routing, RoutingError
from service.models.repository import Repository
from service.settings import Settings

HEADER = ("VERSION", "ROLE", "TASK", "TARGET", "DATA", "DATE", "METRIC")
_SHRINK = (2, 3, 4)
_LEAST, _GAP = 6, "  "


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs: an array with every fact in full.")
def list_models(as_json: bool) -> None:
    """List every version, newest first, with its role, what it predicts, from what it was made, and its main metric."""
    repository = Repository(Settings.read(os.environ))
    routing = routing_or_warn(repository)
    facts = sorted((_facts(repository, name, routing) for name in repository.versions()), key=_age, reverse=True)
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    if not facts and repository.override.startswith("MODEL_URI"):
        raise click.ClickException(f"{repository.override} is not on this host yet. A server fetches it at its start.")
    if not facts:
        raise click.ClickException(f"{repository.root} holds no artifact. Make one with: python -m training")
    print_table(HEADER, [_cells(one) for one in facts if not one["broken"]], _SHRINK)
    for one in facts:
        if one["broken"]:
            click.echo(f"{one['version']} ({_roles(one)}) is broken: {one['broken']}")
    if repository.override:
        click.echo(f"{repository.override} names the model to serve; routing.json is not followed.")


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], shrink: Sequence[int] = ()) -> None:
    """Print rows under a header. Where they are wider than the terminal, the columns ``shrink`` lose their ends."""
    if not rows:
        return
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    room = shutil.get_terminal_size().columns - len(_GAP) * (len(header) - 1)
    while sum(widths) > room and (wide := [column for column in shrink if widths[column] > _LEAST]):
        widths[max(wide, key=widths.__getitem__)] -= 1
    for row in (header, *rows):
        cells = [_cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo(_GAP.join(cells).rstrip())


def routing_or_warn(repository: Repository) -> Routing | None:
    """The routing; None, with a warning, where its file cannot be used."""
    try:
        return repository.routing()
    except RoutingError as exc:
        click.echo(f"Warning: {exc}", err=True)
        return None


def _facts(repository: Repository, version: str, routing: Routing | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "version": version,
        "roles": list(routing.roles(version)) if routing is not None else [],
        "broken": None,
    }
    try:
        manifest = Manifest.read(repository.folder(version))
    except ArtifactError as exc:
        return facts | {"broken": str(exc)}
    contract, measured = manifest.contract, manifest.metrics.get(manifest.metric)
    return facts | {
        "task": contract.task,
        "target": contract.target,
        "data": str(manifest.training.get("source", "")),
        "created": manifest.created,
        "metric": manifest.metric,
        "value": measured if isinstance(measured, int | float) else None,
        "algorithm": manifest.algorithm,
        "engine": manifest.engine,
    }


def _cells(facts: dict[str, Any]) -> tuple[str, ...]:
    measured = facts["value"]
    quality = facts["metric"] if measured is None else f"{facts['metric']} {measured:.4g}"
    date = datetime.fromisoformat(facts["created"]).strftime("%Y-%m-%d")
    return facts["version"], _roles(facts), facts["task"], str(facts["target"]), facts["data"], date, quality


def _roles(facts: dict[str, Any]) -> str:
    return ", ".join(facts["roles"]) or "-"


def _age(facts: dict[str, Any]) -> tuple[str, str]:
    return facts.get("created", ""), facts["version"]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
