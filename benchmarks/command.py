"""The command line: run (the default), report, compare, list."""

import os
import secrets
import signal
import sys
import time
from pathlib import Path

import click

from benchmarks.compare import compare_runs
from benchmarks.load import wrk
from benchmarks.plan import make_plan
from benchmarks.report import write_report
from benchmarks.report.plots import throughput_plot
from benchmarks.results import FOLDER, Run, newest
from benchmarks.run import carry_out
from benchmarks.scenarios import SCENARIOS
from benchmarks.targets import TARGETS
from benchmarks.twins.loading import wanted_version
from service.settings import Settings


def _names(_context: click.Context, _option: click.Parameter, text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="The main targets and scenarios, three rounds, under three minutes.")
@click.option("--minutes", type=float, default=None, help="Time to spend; 25 unless --quick.")
@click.option("--rounds", type=click.IntRange(1, 99), default=None, help="Alternating rounds; 5, or 3 with --quick.")
@click.option("--targets", "--rows", default="", callback=_names, help="Servers under test, comma-separated; see list.")
@click.option("--scenarios", default="", callback=_names, help="Loads, comma-separated; see list.")
@click.option(
    "--artifact", type=click.Path(path_type=Path), default=None, help="An artifact's folder; else the stable."
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=None, help="The result file; else in benchmarks/results."
)
@click.option("--seed", type=int, default=None, help="Of rows, their order and header names; drawn if not given.")
@click.pass_context
def main(
    context: click.Context,
    quick: bool,
    minutes: float | None,
    rounds: int | None,
    targets: tuple[str, ...],
    scenarios: tuple[str, ...],
    artifact: Path | None,
    out: Path | None,
    seed: int | None,
) -> None:
    """Measure the Flask service against the FastAPI design, on this machine, with this model."""
    if context.invoked_subcommand:
        return
    try:
        plan = make_plan(targets, scenarios, quick, minutes or (2.5 if quick else 25.0), rounds)
    except ValueError as exc:
        raise click.ClickException(str(exc)) from None
    folder = artifact_folder(artifact)
    if reason := wrk.missing():
        raise click.ClickException(reason)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers are stopped on the way out
    click.echo(f"{len(plan.cells)} cells, {plan.rounds} rounds of {plan.seconds} s: about {plan.estimate / 60:.1f} min")
    run = carry_out(plan, folder, secrets.randbelow(1_000_000) if seed is None else seed)
    path = out or FOLDER / f"{'quick' if quick else 'run'}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    run.save(path)
    _show(run, path)


@main.command("report")
@click.argument("result", type=click.Path(path_type=Path), required=False)
def report_command(result: Path | None) -> None:
    """Compute the page and the tables anew from RESULT, else from the newest one."""
    path = result or newest()
    if path is None:
        raise click.ClickException("There is no result yet: run python -m benchmarks first.")
    _show(_read(path), path)


@main.command("plot")
@click.argument("result", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def plot_command(result: Path, out: Path) -> None:
    """Draw the requests a second of RESULT, one row a request, as the SVG file OUT."""
    if (svg := throughput_plot(_read(result))) is None:
        raise click.ClickException(f"{result} has no measurement of one row a request.")
    out.write_text(svg)


@main.command("compare")
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
def compare_command(before: Path, after: Path) -> None:
    """What changed between two result files, cell by cell."""
    click.echo(compare_runs(_read(before), _read(after)))


@main.command("list")
def list_command() -> None:
    """The targets and the scenarios, and which targets cannot run here."""
    click.echo("targets")
    for target in TARGETS:
        missing = target.missing()
        click.echo(f"  {target.name:<22} {target.title}{f'  (skipped: {missing})' if missing else ''}")
    click.echo("scenarios")
    for scenario in SCENARIOS:
        click.echo(f"  {scenario.name:<22} {scenario.title}")


def _show(run: Run, path: Path) -> None:
    page, table = write_report(run, path)
    click.echo(table)
    click.echo(f"raw results  {path}\nreport       {page}")


def artifact_folder(given: Path | None) -> Path:
    """The artifact that was named, else the stable one of ARTIFACTS_DIR."""
    if given is not None:
        if not (given / "manifest.json").exists():
            raise click.ClickException(f"{given} is no artifact: it holds no manifest.json.")
        return given.resolve()
    settings = Settings.read(os.environ)
    return (settings.artifacts_dir / wanted_version(settings)).resolve()


def _read(path: Path) -> Run:
    try:
        return Run.read(path)
    except ValueError as exc:
        raise click.ClickException(str(exc)) from None
