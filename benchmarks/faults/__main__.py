"""The command line: all the faults, those that are named, or some that are drawn by a commit."""

import json
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from benchmarks import environment
from benchmarks.command import artifact_folder
from benchmarks.faults.classes import BY_NAME, FAULTS, drawn, missing
from benchmarks.faults.definition import Fault
from benchmarks.faults.table import markdown
from benchmarks.faults.trial import Account, run_trial
from benchmarks.results import FOLDER
from benchmarks.workload import make_pool


@click.command()
@click.argument("names", nargs=-1)
@click.option("--list", "listed", is_flag=True, help="The classes, and which of them cannot be made here.")
@click.option("--draw", type=click.IntRange(1, 99), default=None, help="So many classes, drawn by the commit.")
@click.option("--commit", default=None, help="For --draw; this tree's where not given.")
@click.option("--seed", type=int, default=None, help="Of the first fault; the next ones follow. Drawn if not given.")
@click.option(
    "--join",
    "joined",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="Write one table of these results, and run nothing; of a class that is in several, the last one counts.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=FOLDER / "faults.json", help="The result; .md beside it."
)
def main(
    names: tuple[str, ...],
    listed: bool,
    draw: int | None,
    commit: str | None,
    seed: int | None,
    joined: tuple[Path, ...],
    out: Path,
) -> None:
    """Break the running service under a checked load; the status is 1 where a promise did not hold."""
    if listed:
        for fault in FAULTS:
            reason = missing(fault)
            click.echo(f"  {fault.name:<20} {fault.title}{f'  (skipped: {reason})' if reason else ''}")
        return
    if unknown := [name for name in names if name not in BY_NAME]:
        raise click.ClickException(f"There is no fault named {', '.join(unknown)}; there are {', '.join(BY_NAME)}.")
    place = environment.describe()
    if joined:
        places = [json.loads(path.read_text())["environment"] for path in joined]
        commits = ", ".join(dict.fromkeys(place["commit"] for place in places))
        click.echo(_write(out, _join(joined), {}, places[-1] | {"commit": commits}))
        return
    chosen = [BY_NAME[name] for name in names] or (drawn(draw, commit or str(place["commit"])) if draw else [*FAULTS])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the services are stopped on the way out
    skipped = {fault.name: reason for fault in chosen if (reason := missing(fault))}
    accounts: list[Account] = []
    for account in _run([fault for fault in chosen if fault.name not in skipped], seed):
        accounts.append(account)
        table = _write(out, accounts, skipped, place)  # after each: a run that is stopped has its table
        click.echo(f"{account.name}: {account.right} of {account.sent} right, {_verdict(account)}", err=True)
    if accounts:
        click.echo(table)
    sys.exit(any(account.broken for account in accounts))


def _run(chosen: list[Fault], seed: int | None) -> Iterator[Account]:
    first = random.randrange(1_000_000) if seed is None else seed
    folder = artifact_folder(None)
    pool = make_pool(folder, 2000, first)
    for number, fault in enumerate(chosen):
        yield run_trial(fault, folder, pool, first + number)


def _join(paths: tuple[Path, ...]) -> list[Account]:
    """The accounts of several results, in the order of the table of classes."""
    found = {
        account["name"]: Account(**account | {"broken": tuple(account["broken"])})
        for path in paths
        for account in json.loads(path.read_text())["faults"]
    }
    return [found[name] for name in BY_NAME if name in found]


def _write(out: Path, accounts: list[Account], skipped: dict[str, str], place: dict[str, Any]) -> str:
    out.parent.mkdir(parents=True, exist_ok=True)
    found = {"environment": place, "skipped": skipped, "faults": [account.to_json() for account in accounts]}
    out.write_text(json.dumps(found, indent=1) + "\n")
    table = markdown(accounts, skipped, place)
    out.with_suffix(".md").write_text(table + "\n")
    return table


def _verdict(account: Account) -> str:
    return f"BROKEN: {'; '.join(account.broken)}" if account.broken else "held"


if __name__ == "__main__":
    main()
