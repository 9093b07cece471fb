"""The command line: ``python -m training`` and ``python -m training pack``. Exit codes: 0 done, 1 refused, 2 usage."""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from inference.manifest import Manifest
from service.settings import Settings
from training.comparison.cli import compare
from training.console import Console
from training.families import FAMILIES
from training.fitted_elsewhere import pack_file
from training.options import FILE, PARITY_ROWS, PARITY_ROWS_FULL, TableOptions, TrainingOptions, dialect_of, shared
from training.registered import registered
from training.registry import check_registry, register, register_command
from training.sources import train_default, train_table
from training.verification import verify

NEED_DATA: Mapping[str, str] = {
    **{name: name for name in ("task", "drop", "contract", "ranges", "unseen", "labels", "rows")},
    **{name: name.replace("_", "-") for name in ("delimiter", "decimal", "encoding", "missing", "na", "no_na")},
    **{"types": "type", "header": "header", "index_column": "index-column"},
}
"""Options of a table by the names of their parameters."""
NOT_GIVEN = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
HELP = """Train a model and write it as an artifact that the service can serve.

Without --data: the example model, in seconds. With it: your own table.

\b
  python -m training
  python -m training --data customers.csv --target churned
  python -m training --data houses.parquet --target price --model hist_gradient_boosting --cv 5
  python -m training pack pipeline.joblib --data sample.csv --target churned
"""


@click.group(help=HELP, invoke_without_command=True, context_settings={"max_content_width": 100})
@click.option("--data", type=FILE, help="CSV or Parquet to learn from; without it the example data set.")
@click.option("--target", help="The column to predict.")
@click.option("--task", type=click.Choice(["classification", "regression"]), help="Else told from the target.")
@click.option(
    "--model",
    type=click.Choice(list(FAMILIES)),
    default="random_forest",
    show_default=True,
    metavar="FAMILY",
    help=f"One of {', '.join(FAMILIES)}.",
)
@click.option("--drop", multiple=True, metavar="COLUMN", help="Leave a column out. May be repeated.")
@click.option(
    "--holdout",
    default=0.2,
    show_default=True,
    type=click.FloatRange(0.01, 0.9),
    help="Share of the rows that the model is measured on.",
)
@click.option("--cv", default=0, type=click.IntRange(0, 50), metavar="N", help="Cross-validate with N folds too.")
@click.option(
    "--class-weight",
    type=click.Choice(["balanced"]),
    help="Let a rare class weigh as much as a common one in the fit.",
)
@click.option("--search", default=0, type=click.IntRange(0, 10_000), metavar="N", help="Try N settings first.")
@shared
@click.pass_context
def cli(context: click.Context, /, **options: Any) -> None:
    """Train, unless a subcommand is named."""
    given = [name for name in options if context.get_parameter_source(name) not in NOT_GIVEN]
    if context.invoked_subcommand:
        if given:
            raise click.UsageError(f"the options of {context.invoked_subcommand} stand after its name: --{given[0]}.")
        return
    if (options["data"] is None) != (options["target"] is None):
        raise click.UsageError("--data and --target go together: the table, and the column of it to predict.")
    if not options["data"] and (lost := [name for name in given if name in NEED_DATA]):
        raise click.UsageError(f"--{NEED_DATA[lost[0]]} needs --data: the example data set has its own contract.")
    if options["cv"] == 1:
        raise click.UsageError("--cv needs at least 2 folds.")
    _check_registry(options)
    if options["data"]:
        manifest = train_table(_table_options(options), options["model"], _training_options(options), _console())
    else:
        manifest = train_default(options["model"], _training_options(options), _console())
    _register(manifest, options)


@cli.command()
@click.argument("pipeline", type=FILE)
@click.option("--data", type=FILE, required=True, help="CSV or Parquet with rows like those it was fitted on.")
@click.option("--target", required=True, help="The column that it predicts.")
@shared
def pack(pipeline: Path, **options: Any) -> None:
    """Make an artifact of a fitted scikit-learn Pipeline over a DataFrame.

    Reading a pickle runs its code: pack only what is yours.
    """
    _check_registry(options)
    _register(pack_file(pipeline, _table_options(options), _training_options(options), _console()), options)


def _check_registry(options: Mapping[str, Any]) -> None:
    if options["register"] is None and options["alias"] is not None:
        raise click.UsageError("--alias goes with --register: give both.")
    if options["register"] is not None:
        check_registry(options["register"], options["alias"])


def _register(manifest: Manifest, options: Mapping[str, Any]) -> None:
    if options["register"] is not None:
        root = Settings.read(os.environ).artifacts_dir
        register(root / manifest.version, manifest, options["register"], options["alias"])


for command in (verify, compare, registered, register_command):
    cli.add_command(command)


def _console() -> Console:
    """The terminal, which also gets, once each, the warnings of the libraries (a fit that did not converge)."""
    console = Console()
    warnings.showwarning = console.show_library_warning
    return console


def _training_options(options: Mapping[str, Any]) -> TrainingOptions:
    return TrainingOptions(
        root=Settings.read(os.environ).artifacts_dir,
        seed=options["seed"],
        name=options["name"],
        holdout=options.get("holdout", 0.2),
        folds=options.get("cv", 0),
        tries=options.get("search", 0),
        floors=options["floors"],
        parity_rows=PARITY_ROWS_FULL if options["full"] else PARITY_ROWS,
        card=options["card"],
        accept_unseen=options["unseen"] == "accept",
        threshold=options["threshold"],
        balanced=options.get("class_weight") == "balanced",
    )


def _table_options(options: Mapping[str, Any]) -> TableOptions:
    return TableOptions(
        path=options["data"],
        target=options["target"],
        dialect=dialect_of(options),
        task=options.get("task"),
        drop=options.get("drop", ()),
        contract=options["contract"],
        ranges_observed=options["ranges"] == "observed",
        types=options["types"],
        labels=options["labels"],
        rows=options["rows"],
    )
