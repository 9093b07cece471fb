"""The comparison as text for a terminal, and as one HTML page that loads nothing."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from training.comparison import drawing
from training.comparison.measures import Comparison, Side
from training.evaluation import LESS_IS_BETTER

MOST_CLASSES = 12


def lines(found: Comparison) -> Iterator[str]:
    """The comparison, a line each."""
    first, second = found.sides
    yield f"A  {first.manifest.version}    B  {second.manifest.version}"
    yield f"{len(found.rows.matrices[0]):,} of {found.rows.read:,} rows: {found.rows.source}"
    for note in notes(found):
        yield f"Note: {note}"
    yield f"\n{'':<28}{'A':>12}{'B':>12}"
    for name, a, b, better in table(found):
        yield f"{name:<28}{a:>12}{b:>12}  {better}".rstrip()
    yield ""
    yield from sentences(found)


def table(found: Comparison) -> list[tuple[str, str, str, str]]:
    """Rows of a table: what, of A, of B, and whose is better."""
    first, second = found.sides
    rows = []
    if first.evaluation is not None and second.evaluation is not None:
        for name, a in first.evaluation.numbers.items():
            if (b := second.evaluation.numbers.get(name)) is not None:
                rows.append((name.replace("_", " "), f"{a:.4g}", f"{b:.4g}", _better(name in LESS_IS_BETTER, a, b)))
    if first.calibration is not None and second.calibration is not None:
        errors = first.calibration.expected_error, second.calibration.expected_error
        rows.append(("calibration error", f"{errors[0]:.4g}", f"{errors[1]:.4g}", _better(True, *errors)))
    rows.append(("one row, µs of computing", f"{first.one_row:,.0f}", f"{second.one_row:,.0f}", ""))
    rows.append(("a row of a batch, µs", f"{first.batch_row:,.2f}", f"{second.batch_row:,.2f}", ""))
    return rows


def sentences(found: Comparison) -> Iterator[str]:
    """What a reader takes home."""
    if found.regression:
        yield f"The numbers of A and B have a correlation of {found.agreement:.4f}."
    else:
        yield f"A and B give {found.agreement:.2%} of the rows the same label."
    if found.distances is not None:
        what = "Their numbers" if found.regression else "Their probabilities"
        middle, far = np.median(found.distances), np.quantile(found.distances, 0.99)
        yield f"{what} are {middle:.3g} apart in the median, {far:.3g} in the farthest hundredth of the rows."
    if (apart := found.difference) is not None:
        name = "mean absolute error" if apart.metric == "mae" else apart.metric
        shown = f"B minus A in {name}: {apart.value:+.4g}, 95 % interval {apart.low:+.4g} to {apart.high:+.4g}"
        verdict = {True: "B is better", False: "A is better", None: "so few rows cannot tell which is better"}
        same = apart.low == apart.high == 0
        yield f"B and A have the same {name} on every row." if same else f"{shown}: {verdict[apart.better]}."


def notes(found: Comparison) -> Iterator[str]:
    """What limits the comparison."""
    for name, side, refused in zip("AB", found.sides, found.rows.refused, strict=True):
        if refused:
            yield f"{name} ({side.manifest.version}) refuses {refused:,} of the rows, which are left out."
    if not found.labelled:
        yield "the truth of no row is known, so there are no metrics: only what the versions answer is compared."
    elif found.labelled < len(found.rows.matrices[0]):
        yield f"the truth is known of {found.labelled:,} rows, and the metrics are of these."
    if found.sides[0].manifest.classes != found.sides[1].manifest.classes:
        yield "the versions have other classes: probabilities are not compared, metrics are of the classes of both."


def render(found: Comparison) -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("training"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("comparison.html").render(
        sides=found.sides,
        rows=found.rows,
        count=len(found.rows.matrices[0]),
        table=table(found),
        sentences=list(sentences(found)),
        notes=list(notes(found)),
        plots=list(_plots(found)),
        confusion=None if found.regression else _confusion(*found.sides),
    )


def _better(less: bool, a: float, b: float) -> str:
    if a == b:
        return "same"
    return "A" if (a < b) == less else "B"


def _plots(found: Comparison) -> Iterator[tuple[str, str]]:
    first, second = found.sides
    if found.regression:
        numbers = [np.asarray(side.answers.predictions, dtype=np.float64) for side in found.sides]
        yield "What B predicts against A", drawing.scatter(numbers[0], numbers[1])
    if first.calibration is not None and second.calibration is not None:
        yield "Calibration", drawing.calibration([first.calibration, second.calibration])
    if found.distances is not None:
        label = "difference, relative" if found.regression else "largest difference of a probability"
        yield "How far A and B are apart", drawing.histogram(found.distances, label)
    yield (
        "Computing time of one row",
        drawing.bars([("A, one row", first.one_row), ("B, one row", second.one_row)], "µs"),
    )
    batch = [("A, in a batch", first.batch_row), ("B, in a batch", second.batch_row)]
    yield "Computing time of a row in a batch", drawing.bars(batch, "µs")


def _confusion(first: Side, second: Side) -> dict[str, Any] | None:
    """Counts of rows by A's label (row) and B's label (column); None for many classes."""
    columns = list(second.manifest.classes)
    names = list(first.manifest.classes)
    if max(len(names), len(columns)) > MOST_CLASSES or first.answers.chosen is None or second.answers.chosen is None:
        return None
    counts = np.zeros((len(names), len(columns)), dtype=np.int64)
    np.add.at(counts, (first.answers.chosen, second.answers.chosen), 1)
    shares = counts / max(int(counts.sum()), 1)
    rows = [
        (name, [(int(count), round(float(share), 4)) for count, share in zip(line, part, strict=True)])
        for name, line, part in zip(names, counts, shares, strict=True)
    ]
    return {"columns": columns, "rows": rows}
