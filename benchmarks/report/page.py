"""The page: one file, no script, nothing fetched."""

import re
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment, FileSystemLoader

from benchmarks.report.conclusion import conclusion, noise
from benchmarks.report.goals import NOT_MEASURED, goals
from benchmarks.report.hypotheses import hypotheses
from benchmarks.report.plots import plots
from benchmarks.report.summary import lines
from benchmarks.report.verdict import answer, duels
from benchmarks.results import Run
from benchmarks.statistics import figure, spread

TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)


def unbroken(text: str) -> str:
    """Put a space that does not break into numbers such as 12 400."""
    return re.sub(r"(?<=\d) (?=\d{3}\b)", "\N{NO-BREAK SPACE}", text)


TEMPLATES.filters["unbroken"] = unbroken


def render(run: Run, path: Path) -> str:
    """The whole page as HTML."""
    found = goals(run)
    return TEMPLATES.get_template("page.html.j2").render(
        run=run,
        name=path.name,
        answer=answer(run),
        duels=duels(run),
        lacks={name: facts["lacks"] for name, facts in run.targets.items() if facts.get("lacks")},
        conclusion=conclusion(run),
        noise=noise(run),
        lines=lines(run),
        plots=plots(run),
        hypotheses=hypotheses(run),
        goals=[goal for goal in found if goal.found != NOT_MEASURED],
        unmeasured=[goal.title for goal in found if goal.found == NOT_MEASURED],
        cells=_cells(run),
        figure=lambda value: "-" if value is None else unbroken(figure(value)),
    )


def _cells(run: Run) -> list[dict[str, Any]]:
    """Every scenario with the figures of its targets."""
    found = []
    for name, facts in run.scenarios.items():
        targets = []
        for target in run.targets_of(name):
            rates = run.values(name, target)
            targets.append(
                {
                    "title": run.targets[target]["title"],
                    "rate": median(rates),
                    "spread": spread(rates),
                    "p50": median(run.latency(name, target, 0.5)),
                    "p99": median(run.latency(name, target, 0.99)),
                    "cpu": sum(run.values(name, target, "server_cpu"))
                    / (sum(run.values(name, target, "requests")) or 1)
                    * 1000,
                    "bad": run.bad(name, target),
                }
            )
        if targets:
            found.append({"title": facts["title"], "kind": facts["kind"], "targets": targets})
    return found
