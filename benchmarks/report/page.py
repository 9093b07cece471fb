"""The page: one file, no script, nothing fetched."""

import re
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment, FileSystemLoader

from benchmarks.report.conclusion import conclusion, noise
from benchmarks.report.hypotheses import claims
from benchmarks.report.plots import plots
from benchmarks.report.summary import lines
from benchmarks.report.targets import NOT_MEASURED, targets
from benchmarks.results import Run
from benchmarks.statistics import figure, spread

TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)


def unbroken(text: str) -> str:
    """A number whose thousands are set apart stays on one line."""
    return re.sub(r"(?<=\d) (?=\d{3}\b)", "\N{NO-BREAK SPACE}", text)


TEMPLATES.filters["unbroken"] = unbroken


def render(run: Run, path: Path) -> str:
    """The whole page as HTML."""
    found = targets(run)
    return TEMPLATES.get_template("page.html.j2").render(
        run=run,
        name=path.name,
        conclusion=conclusion(run),
        noise=noise(run),
        lines=lines(run),
        plots=plots(run),
        claims=claims(run),
        targets=[target for target in found if target.found != NOT_MEASURED],
        unmeasured=[target.title for target in found if target.found == NOT_MEASURED],
        cells=_cells(run),
        figure=lambda value: "-" if value is None else unbroken(figure(value)),
    )


def _cells(run: Run) -> list[dict[str, Any]]:
    """Every scenario with the figures of its rows."""
    found = []
    for name, facts in run.scenarios.items():
        rows = []
        for row in run.rows_of(name):
            rates = run.values(name, row)
            rows.append(
                {
                    "title": run.rows[row]["title"],
                    "rate": median(rates),
                    "spread": spread(rates),
                    "p50": median(run.latency(name, row, 0.5)),
                    "p99": median(run.latency(name, row, 0.99)),
                    "cpu": sum(run.values(name, row, "server_cpu"))
                    / (sum(run.values(name, row, "requests")) or 1)
                    * 1000,
                    "bad": run.bad(name, row),
                }
            )
        if rows:
            found.append({"title": facts["title"], "kind": facts["kind"], "rows": rows})
    return found
