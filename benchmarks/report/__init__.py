"""From a result file to a page that needs nothing else, and a table for the README."""

from pathlib import Path

from benchmarks.report.page import render
from benchmarks.report.summary import markdown
from benchmarks.results import Run


def write_report(run: Run, path: Path) -> tuple[Path, str]:
    """Write ``path``'s .html and .md; the page's path and the table."""
    table = markdown(run, path)
    path.with_suffix(".md").write_text(table + "\n")
    page = path.with_suffix(".html")
    page.write_text(render(run, path))
    return page, table
