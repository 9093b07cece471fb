"""The command line: run (the default), report, compare, list."""

import dataclasses
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
from tqdm import tqdm

from benchmarks import environment
from benchmarks.claims import measure_claims
from benchmarks.compare import compare_runs
from benchmarks.lab import Lab, warm_up
from benchmarks.load.wrk import check_installed, version
from benchmarks.plan import Plan, make_plan
from benchmarks.report import write_report
from benchmarks.results import FOLDER, Run, newest
from benchmarks.rows import HERE, ROWS, Row
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import Server
from benchmarks.targets import measure_targets
from benchmarks.twins.loading import wanted_version
from benchmarks.workload import make_pool
from service.settings import Settings


def _names(_context: click.Context, _option: click.Parameter, text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="The main rows and scenarios, three rounds, under three minutes.")
@click.option("--minutes", type=float, default=None, help="Time to spend; 25 unless --quick.")
@click.option("--rounds", type=click.IntRange(1, 99), default=None, help="Alternating rounds; 5, or 3 with --quick.")
@click.option("--rows", default="", callback=_names, help="Servers, comma-separated; see list.")
@click.option("--scenarios", default="", callback=_names, help="Loads, comma-separated; see list.")
@click.option(
    "--artifact", type=click.Path(path_type=Path), default=None, help="An artifact's folder; else the stable."
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=None, help="The result file; else in benchmarks/results."
)
@click.pass_context
def main(
    context: click.Context,
    quick: bool,
    minutes: float | None,
    rounds: int | None,
    rows: tuple[str, ...],
    scenarios: tuple[str, ...],
    artifact: Path | None,
    out: Path | None,
) -> None:
    """Measure the Flask service against the FastAPI design, on this machine, with this model."""
    if context.invoked_subcommand:
        return
    check_installed()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped on the way out
    try:
        plan = make_plan(rows, scenarios, quick, minutes or (2.5 if quick else 25.0), rounds)
    except ValueError as fault:
        raise click.ClickException(str(fault)) from None
    folder = _artifact(artifact)
    run = _measure(plan, folder)
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


@main.command("compare")
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
def compare_command(before: Path, after: Path) -> None:
    """What changed between two result files, cell by cell."""
    click.echo(compare_runs(_read(before), _read(after)))


@main.command("list")
def list_command() -> None:
    """The rows and the scenarios, and which rows cannot run here."""
    click.echo("rows")
    for row in ROWS:
        missing = row.missing()
        click.echo(f"  {row.name:<22} {row.title}{f'  (skipped: {missing})' if missing else ''}")
    click.echo("scenarios")
    for scenario in SCENARIOS:
        click.echo(f"  {scenario.name:<22} {scenario.title}")


def _measure(plan: Plan, folder: Path) -> Run:
    click.echo(f"{len(plan.cells)} cells, {plan.rounds} rounds of {plan.seconds} s: about {plan.estimate / 60:.1f} min")
    pool = make_pool(folder, max(20_000, max(scenario.distinct for scenario, _ in plan.cells)))
    with tqdm(total=round(plan.estimate), unit="s", bar_format=BAR, file=sys.stderr) as bar:
        lab = Lab(folder, pool, plan.seconds, plan.rounds, plan.patience, lambda text: bar.write(text, file=sys.stderr))
        began = time.monotonic()

        def tick() -> None:
            bar.n = min(round(time.monotonic() - began), bar.total)
            bar.refresh()

        try:
            run = _run(plan, lab, tick)
            run.facts = measure_claims(lab, tick) | (measure_targets(lab, tick) if plan.extras else {})
            run.skipped = {name: reason.replace(f"{HERE.parent}/", "") for name, reason in lab.skipped.items()}
        finally:
            shutil.rmtree(lab.work, ignore_errors=True)
        bar.n = bar.total
    return run


def _run(plan: Plan, lab: Lab, tick: Callable[[], None]) -> Run:
    run = Run(
        {**environment.describe(), "wrk": version()},
        {"rounds": plan.rounds, "seconds": plan.seconds, "artifact": _facts(lab)},
        {row.name: _row_facts(row) for row in ROWS},
        {scenario.name: dataclasses.asdict(scenario) for scenario in SCENARIOS},
    )
    for workers in sorted({scenario.workers for scenario, _ in plan.cells}):
        rows = []
        for row in plan.rows(workers):
            if missing := row.missing():
                lab.skipped[row.name] = missing
                lab.say(f"{row.name} skipped: {missing}")
            else:
                rows.append(row)
        with lab.running(rows, workers) as servers:
            for server in servers:
                warm_up(lab, server)
                tick()
            _rounds(plan, lab, servers, workers, tick)
    run.measurements = lab.measurements
    return run


def _rounds(plan: Plan, lab: Lab, servers: list[Server], workers: int, tick: Callable[[], None]) -> None:
    by_name = {server.row.name: server for server in servers}
    for number in range(plan.rounds):
        for scenario in dict.fromkeys(scenario for scenario, _ in plan.cells if scenario.workers == workers):
            rows = [row for found, row in plan.cells if found is scenario and row.name in by_name]
            for row in rows if number % 2 == 0 else reversed(rows):
                lab.measure(scenario, by_name[row.name], number)
                tick()


def _show(run: Run, path: Path) -> None:
    page, table = write_report(run, path)
    click.echo(table)
    click.echo(f"raw results  {path}\nreport       {page}")


def _artifact(given: Path | None) -> Path:
    if given is not None:
        if not (given / "manifest.json").exists():
            raise click.ClickException(f"{given} is no artifact: it holds no manifest.json.")
        return given.resolve()
    settings = Settings.read(os.environ)
    return (settings.artifacts_dir / wanted_version(settings)).resolve()


def _read(path: Path) -> Run:
    try:
        return Run.read(path)
    except ValueError as fault:
        raise click.ClickException(str(fault)) from None


def _facts(lab: Lab) -> dict[str, object]:
    manifest = lab.pool.manifest
    graph = lab.artifact / "model.onnx"
    return {
        "version": manifest.version,
        "algorithm": manifest.algorithm,
        "engine": manifest.engine,
        "features": len(manifest.contract.features),
        "graph_bytes": graph.stat().st_size if graph.exists() else None,
        "sha256": manifest.sha256,
    }


def _row_facts(row: Row) -> dict[str, object]:
    command = " ".join(row.command).replace(f"{HERE.parent}/", "")
    return {"title": row.title, "family": row.family, "command": command, "dialect": row.dialect}


BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} s, {remaining} left"
