"""What a change of the data does to the model: ``python -m deploy.github.data_change``.

One row of five, drawn by its content, is held out of both trainings. The version of the new data must pass the gates of
training, and must not be clearly worse on the rows held out of the new data than the version of the old.

Exit codes: 0 it may be merged; 1 refused, and why; 2 usage.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import click

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
HOLDOUT = 5
ROOT = Path(__file__).parents[2]


@click.command()
@click.option("--before", type=FILE, help="The CSV before the change; without it nothing is compared.")
@click.option("--after", type=FILE, required=True, help="The CSV after the change.")
@click.option("--target", required=True, help="The column to predict.")
@click.option("--artifacts", type=click.Path(path_type=Path), required=True, help="Folder for the two versions.")
@click.option("--comment", type=click.Path(path_type=Path), required=True, help="File for the verdict, in Markdown.")
@click.argument("training", nargs=-1)
def main(
    before: Path | None, after: Path, target: str, artifacts: Path, comment: Path, training: tuple[str, ...]
) -> None:
    """Train on the data before and after a change and compare. Arguments after -- go to python -m training."""
    artifacts.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="data-change-") as own:
        refused, table = _judge(before, after, target, artifacts.resolve(), Path(own), training)
    verdict = f"**Refused**: {refused}" if refused else "The model of the new data may be merged."
    comment.write_text(f"## The model, trained on the changed data\n\n{verdict}\n\n```\n{table.strip()}\n```\n")
    click.echo(comment.read_text())
    if refused:
        raise click.exceptions.Exit(1)


def _judge(
    before: Path | None, after: Path, target: str, artifacts: Path, own: Path, more: Sequence[str]
) -> tuple[str, str]:
    """Why it is refused, or nothing; and what was measured, as text."""
    learn, held = own / "after.csv", own / "held_out.csv"
    if not _split(after, learn, held):
        return f"{after.name} has too few rows to hold some out.", ""
    trained = _train(learn, target, "after", artifacts, more)
    if trained.returncode:
        return "training does not publish a model of the new data.", trained.stderr or trained.stdout
    if before is None:
        return "", trained.stdout
    old = own / "before.csv"
    _split(before, old, own / "unused.csv")
    base = _train(old, target, "before", artifacts, more)
    if base.returncode:
        return "", f"The data before the change train no model, so there is nothing to compare with.\n{base.stderr}"
    said = _run(artifacts, "flask", "models", "compare", "before-1", "after-1", "--data", str(held))
    if said.returncode:
        return "the two versions cannot be compared.", said.stderr or said.stdout
    result = own / "comparison.json"
    folders = (str(artifacts / "before-1"), str(artifacts / "after-1"))
    measured = _run(artifacts, "training", "compare", *folders, "--data", str(held), "--json", str(result))
    if measured.returncode:
        return "the two versions cannot be compared.", measured.stderr or measured.stdout
    found = json.loads(result.read_text())["difference"]
    if found is not None and found["better"] is False:
        interval = f"{found['value']:+.4g}, 95 % interval {found['low']:+.4g} to {found['high']:+.4g}"
        return f"it is clearly worse in {found['metric']} ({interval}) on the rows held out.", said.stdout
    return "", said.stdout


def is_held_out(row: Sequence[str]) -> bool:
    """Whether no training may see this row: by its content, so the same rows before and after the change."""
    return int.from_bytes(sha256("\x1f".join(row).encode()).digest()[:4], "big") % HOLDOUT == 0


def _split(table: Path, learn: Path, held: Path) -> bool:
    """Write the rows to learn from and those held out; whether there are both."""
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        parts: tuple[list[list[str]], list[list[str]]] = ([], [])
        for row in rows:
            parts[is_held_out(row)].append(row)
    for path, some in zip((learn, held), parts, strict=True):
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *some])
    return all(parts)


def _train(
    table: Path, target: str, name: str, artifacts: Path, more: Sequence[str]
) -> subprocess.CompletedProcess[str]:
    return _run(artifacts, "training", "--data", str(table), "--target", target, "--name", name, *more)


def _run(artifacts: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of this project, with these artifacts."""
    return subprocess.run(  # noqa: S603 - our own modules
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ | {"ARTIFACTS_DIR": str(artifacts)},
        capture_output=True,
        text=True,
    )


if __name__ == "__main__":
    main()
