"""``python -m benchmarks.rollouts simulate | swaps | transcripts``: each writes a file in ``benchmarks/results``."""

import json
from pathlib import Path
from typing import Any

import click

from benchmarks import environment
from benchmarks.results import FOLDER


@click.group()
def main() -> None:
    """Measure rollouts."""


@main.command()
@click.option("--rollouts", default=400, show_default=True, help="Of each case.")
@click.option("--seed", default=1, show_default=True)
def simulate(rollouts: int, seed: int) -> None:
    """How often a good version goes back, and a worse one arrives: rollout_errors.{json,md}."""
    from benchmarks.rollouts.simulation import report, run

    found = run(rollouts, seed)
    _write("rollout_errors", {"rollouts": rollouts, "seed": seed, "cases": found}, report(rollouts, found))


@main.command()
@click.option("--changes", default=100, show_default=True, help="Promotes, rollbacks and rollouts, a third of each.")
def swaps(changes: int) -> None:
    """Change versions under full load: rollout_swaps.{json,md}."""
    from benchmarks.rollouts.swaps import report, run

    found = run(changes)
    _write("rollout_swaps", found, report(found))


@main.command()
def transcripts() -> None:
    """What a rollout prints that arrives, and one that goes back: rollout_transcripts.md."""
    from benchmarks.rollouts.transcripts import record

    (FOLDER / "rollout_transcripts.md").write_text(record())


def _write(name: str, found: dict[str, Any], text: str) -> None:
    document = {"environment": environment.describe(), **found}
    (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    path: Path = FOLDER / f"{name}.md"
    path.write_text(text)
    click.echo(text)


if __name__ == "__main__":
    main()
