"""What a user chooses: the options of the commands as values, and how the command line reads them."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from inference.contract import FEATURE_TYPES, Task
from inference.naming import VERSION
from training.csv_layout import Dialect

Command = Callable[..., Any]
FILE = click.Path(path_type=Path)
PARITY_ROWS, PARITY_ROWS_FULL = 100_000, 1_000_000


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How a model is fitted, tested and written, apart from its data.

    ``root``: the folder of artifacts. ``name``: of the artifact, None for the model's own. ``holdout``: a share of the
    rows. ``folds`` of a cross-validation and ``tries`` of a search: 0 for none. ``floors``: the least value of each
    metric, of an error the largest. ``parity_rows``: random rows that graph and pipeline are compared on.
    ``accept_unseen``: whether categories take values that training did not see, where the pipeline answers them.
    ``threshold``: the probability from which on a classifier of two classes predicts the second, None for the more
    probable class. ``balanced``: whether a rare class weighs as much as a common one.
    """

    root: Path
    seed: int = 42
    name: str | None = None
    holdout: float = 0.2
    folds: int = 0
    tries: int = 0
    floors: Mapping[str, float] = field(default_factory=dict)
    parity_rows: int = PARITY_ROWS
    card: bool = True
    accept_unseen: bool = False
    threshold: float | None = None
    balanced: bool = False


@dataclass(frozen=True, slots=True)
class TableOptions:
    """A table, its column ``target`` to predict, and what is declared of it; ``contract``: a file of overrides.

    ``types``: of columns, which win over that file. ``labels``: names of the classes, in the order of their codes.
    ``rows``: at most so many are read, drawn at random; None for all.
    """

    path: Path
    target: str
    dialect: Dialect = field(default_factory=Dialect)
    task: Task | None = None
    drop: tuple[str, ...] = ()
    contract: Path | None = None
    ranges_observed: bool = False
    types: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    rows: int | None = None


def of_csv() -> tuple[Callable[..., Any], ...]:
    """The options that say how a CSV is written."""
    return (
        click.option("--delimiter", default=",", show_default=True, callback=_read_delimiter, help="Of a CSV."),
        click.option("--decimal", default=".", show_default=True, callback=_read_decimal, help="Of a CSV: . or ,"),
        click.option("--encoding", default="utf-8-sig", show_default="utf-8", help="Of a CSV."),
        click.option("--missing", multiple=True, help="A further text of a CSV that means null."),
        click.option("--na", multiple=True, help="The only text of a CSV that means null; '' is an empty cell."),
        click.option("--no-na", is_flag=True, help="Of a CSV: nothing means null, not even an empty cell."),
        click.option("--header/--no-header", default=None, help="Of a CSV: whether its first line names the columns."),
        click.option("--index-column", is_flag=True, help="Of a CSV: leave out a first field that numbers the row."),
    )


def dialect_of(options: Mapping[str, Any]) -> Dialect:
    """The dialect that these options say.

    Raises:
        UsageError: two of them exclude each other.
    """
    if options["no_na"] and (options["na"] or options["missing"]):
        raise click.UsageError("--no-na says that nothing means null: it goes with neither --na nor --missing.")
    return Dialect(
        delimiter=options["delimiter"],
        decimal=options["decimal"],
        encoding=options["encoding"],
        missing=tuple(options["missing"]),
        na=() if options["no_na"] else tuple(options["na"]) or None,
        header=options["header"],
        index_column=options["index_column"],
    )


def csv_options(command: Command) -> Command:
    """The options of a command that reads a table by the contract of an artifact."""
    for option in reversed(of_csv()):
        command = option(command)
    return command


def of_contract() -> tuple[Callable[..., Any], ...]:
    """The options that say what a row may hold."""
    return (
        click.option("--contract", type=FILE, help="YAML or JSON that declares types, ranges, choices; wins."),
        click.option(
            "--type",
            "types",
            multiple=True,
            metavar="COLUMN=TYPE",
            callback=_read_types,
            help=f"Of a column: {', '.join(FEATURE_TYPES)}. May be repeated.",
        ),
        click.option(
            "--ranges",
            type=click.Choice(["declared", "observed"]),
            default="declared",
            show_default=True,
            help="Ranges to enforce: those of --contract only, or those seen in the data too.",
        ),
        click.option(
            "--unseen",
            type=click.Choice(["refuse", "accept"]),
            default="refuse",
            show_default=True,
            help="Categories that training did not see: 422, or answered where the pipeline itself does.",
        ),
        click.option("--labels", callback=_read_labels, metavar="A,B", help="What the classes 0, 1 ... mean."),
    )


def of_artifact() -> tuple[Callable[..., Any], ...]:
    """The options that say how the model is judged and written."""
    return (
        click.option(
            "--floor",
            "floors",
            multiple=True,
            metavar="METRIC=VALUE",
            callback=_read_floors,
            help="Refuse a model below it (of an error: above). May be repeated.",
        ),
        click.option(
            "--threshold",
            type=click.FloatRange(0, 1, min_open=True, max_open=True),
            help="Predict the second of two classes from this probability on, instead of the more probable one.",
        ),
        click.option("--name", callback=_check_name, help="Name of the artifact, before its number."),
        click.option("--full", is_flag=True, help="Compare the graph with the pipeline on 1 000 000 rows."),
        click.option(
            "--seed",
            default=42,
            show_default=True,
            type=click.IntRange(0, 2**32 - 1),
            help="Of every random draw: same seed, same model.",
        ),
        click.option("--register", metavar="NAME", help="Register it in the MLflow registry at MLFLOW_TRACKING_URI."),
        click.option("--alias", help="With --register: let this alias name the new version."),
        click.option("--card/--no-card", default=True, show_default=True, help="Draw the HTML model card."),
    )


def shared(command: Command) -> Command:
    """The options that training and packing share."""
    rows = click.option("--rows", type=click.IntRange(min=2), help="Read at most so many rows, drawn at random.")
    for option in reversed((*of_contract(), *of_artifact(), rows, *of_csv())):
        command = option(command)
    return command


def _read_floors(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> Mapping[str, float]:
    floors = {}
    for pair in pairs:
        name, _sign, value = pair.partition("=")
        try:
            floors[name.strip()] = float(value)
            if not math.isfinite(floors[name.strip()]):
                raise ValueError
        except ValueError:
            raise click.BadParameter(f"{pair!r} must look like accuracy=0.9") from None
    return floors


def _check_name(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    if name and not re.fullmatch(VERSION, f"{name}-1"):
        raise click.BadParameter("letters, digits, '_', '.' and '-' only, and not a '.' first")
    return name


def _read_decimal(_: click.Context, __: click.Parameter, text: str) -> str:
    if text not in (".", ","):
        raise click.BadParameter("'.' or ','")
    return text


def _read_delimiter(_: click.Context, __: click.Parameter, text: str) -> str:
    text = "\t" if text in ("\\t", "tab") else text
    if len(text) != 1 or text in '"\r\n':
        raise click.BadParameter("one character, or \\t; no quote")
    return text


def _read_types(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> Mapping[str, str]:
    types = {}
    for pair in pairs:
        column, sign, kind = pair.rpartition("=")
        if not sign or not column or kind not in FEATURE_TYPES:
            raise click.BadParameter(f"{pair!r} must look like COLUMN=TYPE, with one of {', '.join(FEATURE_TYPES)}")
        types[column] = kind
    return types


def _read_labels(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, ...]:
    labels = tuple(label.strip() for label in text.split(",")) if text is not None else ()
    if text is not None and (len(labels) < 2 or "" in labels or len(set(labels)) < len(labels)):
        raise click.BadParameter("two or more different texts with commas between, such as no,yes")
    return labels
