"""What the terminal is told: steps, warnings, and at the end the summary with the next command."""

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from inference.manifest import Manifest
from training.engine_choice import Choice
from training.fitting import Fitted

ADDRESS = "http://127.0.0.1:8000"
LONGEST_ROW = 600
"""Characters of an example that is still shown in full."""


class Console:
    """Says each thing once and keeps the warnings for the card."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def step(self, told: str) -> None:
        """What is being done now."""
        click.echo(f"  {told}", err=True)

    def hear(self, message: Warning | str, *_: Any, **__: Any) -> None:
        """A library's warning, as ``warnings.showwarning`` hands it over: its first line, in our own form."""
        self.warn(str(message).strip().splitlines()[0])

    def warn(self, told: str) -> None:
        """Something the user should look at; training goes on."""
        if told not in self.warnings:
            self.warnings.append(told)
            click.secho(f"Warning: {told}", fg="yellow", err=True)


def describe_contract(fitted: Fitted) -> str:
    """One line on what goes in."""
    kinds = [feature.type for feature in fitted.seen.contract.features]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    nullable = sum(feature.nullable for feature in fitted.seen.contract.features)
    return f"{len(kinds)} features ({counted}{f'; {nullable} nullable' if nullable else ''})"


def summary(
    root: Path, manifest: Manifest, fitted: Fitted, baseline: Mapping[str, Any], choice: Choice, *, routed: bool
) -> None:
    """The real numbers, and what to type next."""
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


def _typed(command: str) -> str:
    """How to type a command of this environment: by its path, unless the environment is activated or none at all."""
    if sys.prefix == sys.base_prefix or os.environ.get("VIRTUAL_ENV") == sys.prefix:
        return command
    path = Path(sys.prefix) / "bin" / command
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def tell_cost(choice: Choice, ms: float) -> None:
    """Served by scikit-learn: say why, and what that costs."""
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
    return f"onnx, a graph of {shown}; same answers as the pipeline on {choice.parity.get('rows', 0):,} rows"


def _metrics(fitted: Fitted, baseline: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    numbers = [(name, value) for name, value in fitted.metrics.items() if isinstance(value, float)]
    return [
        (name.replace("_", " "), f"{value:.4g}" + (f"  (baseline {baseline[name]:.4g})" if name in baseline else ""))
        for name, value in numbers
    ]
