"""``python -m benchmarks.scaling`` prints the tables of docs/scaling.md; ``--write`` also puts them into the page."""

from pathlib import Path

import click

from benchmarks.scaling.tables import report

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
BEGIN, END = "<!-- python -m benchmarks.scaling -->\n", "<!-- end -->\n"


@click.command()
@click.option("--write", is_flag=True, help="Put the tables into docs/scaling.md.")
def main(write: bool) -> None:
    """Compute what large loads need from what the lab measured."""
    text = report()
    if write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
    click.echo(text)


if __name__ == "__main__":
    main()
