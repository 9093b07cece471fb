"""The terminal: steps and warnings on standard error, and at the end a summary with the next command."""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from inference.manifest import Manifest
from training.decisions import Decision, table_of
from training.engine_choice import Choice
from training.evaluation import Evaluation
from training.fitting import Fitted

ADDRESS = "http://127.0.0.1:8000"
LONGEST_ROW = 600
"""Characters of an example that is still shown in full."""


class Console:
    """Prints steps and warnings, each warning once; ``warnings`` collects them for the model card.

    ``decisions``: what was decided about each column of the table, for the summary.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.decisions: list[Decision] = []

    def step(self, message: str) -> None:
        """Print what is being done now."""
        click.echo(f"  {message}", err=True)

    def show_library_warning(self, message: Warning | str, *_: Any, **__: Any) -> None:
        """Print the first line of a library's warning; takes the arguments of ``warnings.showwarning``."""
        self.warn(str(message).strip().splitlines()[0])

    def warn(self, message: str) -> None:
        """Print something that the user should look at; training goes on."""
        if message not in self.warnings:
            self.warnings.append(message)
            click.secho(f"Warning: {message}", fg="yellow", err=True)


def describe_contract(fitted: Fitted) -> str:
    """One line on the model's input, such as ``5 features (4 number, 1 integer)``."""
    kinds = [feature.type for feature in fitted.seen.contract.features]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    nullable = sum(feature.nullable for feature in fitted.seen.contract.features)
    return f"{len(kinds)} features ({counted}{f'; {nullable} nullable' if nullable else ''})"


def print_summary(
    root: Path,
    manifest: Manifest,
    fitted: Fitted,
    baseline: Evaluation,
    choice: Choice,
    decisions: Sequence[Decision],
    *,
    routed: bool,
) -> None:
    """Print each column, the metrics beside those of the baseline, how the model is served, and the next command."""
    if decisions:
        click.secho("\ncolumns", bold=True)
        for line in table_of(manifest.contract, decisions):
            click.echo(f"  {line}")
    folder = root / manifest.version
    rows = [
        ("task", f"{manifest.contract.task} of {manifest.contract.target!r} from {describe_contract(fitted)}"),
        *_metrics(fitted, baseline),
        ("measured on", _rows(fitted)),
        ("engine", _engine(choice)),
    ]
    if "card.html" in manifest.files:
        rows.append(("model card", str(folder / "card.html")))
    click.secho(f"\n{folder}", bold=True)
    for name, value in rows:
        click.echo(f"  {name:<18} {value}")
    if routed:
        click.echo(f"\nIt is the stable version. Serve it:\n  {_typed('gunicorn')} wsgi:app")
    else:
        click.echo(f"\nTo serve it in place of the present one:\n  {_typed('flask')} models promote {manifest.version}")
    row = json.dumps(manifest.contract.example, ensure_ascii=False)
    if len(row) <= LONGEST_ROW:
        quoted = shlex.quote(row)
        click.echo(f"and ask it:\n  curl -s {ADDRESS}/predict -H 'Content-Type: application/json' -d {quoted}")
    else:
        click.echo(f"and ask it: {ADDRESS}/apidocs/ has a row to send.")
    _ask_from_pandas()


def _ask_from_pandas() -> None:
    click.echo(
        f"or, of a pandas frame df without the target:\n  requests.post('{ADDRESS}/predict/batch', json={{'instances': "
        "df.astype(object).where(df.notna(), None).to_dict('records')})"
    )


def _typed(command: str) -> str:
    """How to type a command of this environment: by its path, unless the environment is activated or none at all."""
    if sys.prefix == sys.base_prefix or os.environ.get("VIRTUAL_ENV") == sys.prefix:
        return command
    path = Path(sys.prefix) / "bin" / command
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def print_engine_cost(choice: Choice, ms: float) -> None:
    """Print why scikit-learn serves the model and what that costs: ``ms`` milliseconds a row."""
    click.secho(
        f"\nThis model is served by scikit-learn itself, not by a compiled graph: {choice.reason}\n"
        f"Its answers are right; the price: {ms:.1f} ms of computing a row here, where a graph needs well under 1 ms, "
        "and scikit-learn and pandas in the memory of every worker (over 100 MB).",
        fg="yellow",
        err=True,
    )


def _rows(fitted: Fitted) -> str:
    if fitted.elsewhere:
        return f"the {len(fitted.seen):,} rows of the sample; fitted elsewhere"
    return f"{len(fitted.holdout):,} rows; fitted on {len(fitted.seen):,} in {fitted.seconds:.1f} s"


def _engine(choice: Choice) -> str:
    if choice.engine == "sklearn":
        return "sklearn (slow; see above)"
    size = len(choice.graph or b"")
    shown = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
    return (
        f"onnx, a graph of {shown}; same answers as the pipeline on {choice.parity.rows if choice.parity else 0:,} rows"
    )


def _metrics(fitted: Fitted, baseline: Evaluation) -> Sequence[tuple[str, str]]:
    guess = baseline.numbers
    return [
        (name.replace("_", " "), f"{value:.4g}" + (f"  (baseline {guess[name]:.4g})" if name in guess else ""))
        for name, value in fitted.evaluation.numbers.items()
    ]
