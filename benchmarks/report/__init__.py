"""From a result file to a page that needs nothing else, and a table for the README."""

from pathlib import Path

from benchmarks.report.page import render
from benchmarks.report.summary import markdown
from benchmarks.report.verdict import Duel, duels
from benchmarks.results import Run


def write_report(run: Run, path: Path) -> tuple[Path, str]:
    """Write ``path``'s .html and .md; the page's path and the table."""
    table = markdown(run, path)
    if found := duels(run):
        table = f"{_beside(found)}\n\n{table}"
    path.with_suffix(".md").write_text(table + "\n")
    page = path.with_suffix(".html")
    page.write_text(render(run, path))
    return page, table


def _beside(found: list[Duel]) -> str:
    """Our service beside the tuned twin, as Markdown."""
    head = "| load | our service | the tuned FastAPI twin | ours / twin (95% interval) | verdict |"
    rows = [f"| {duel.load} | {duel.ours} | {duel.twin} | {duel.compared} | {duel.verdict} |" for duel in found]
    return "\n".join([head, "|---|---:|---:|---:|---|", *rows])
