"""A plan carried out: servers up, warmed up, measured round after round; then claims and targets."""

import dataclasses
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from benchmarks import environment
from benchmarks.hypotheses import measure_claims
from benchmarks.lab import Lab
from benchmarks.load.wrk import version
from benchmarks.plan import Plan
from benchmarks.readiness import warm_up
from benchmarks.results import Run
from benchmarks.rows import HERE, ROWS, Row
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import Server
from benchmarks.targets import measure_targets
from benchmarks.workload import make_pool

BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} s, {remaining} left"


def carry_out(plan: Plan, folder: Path) -> Run:
    """Everything that the plan asks for, on the artifact in ``folder``, with a progress bar."""
    pool = make_pool(folder, max(20_000, max(scenario.distinct for scenario, _ in plan.cells)))
    total = round(plan.estimate)
    with tqdm(total=total, unit="s", bar_format=BAR, file=sys.stderr) as bar:
        lab = Lab(folder, pool, plan.seconds, plan.rounds, plan.patience, lambda text: bar.write(text, file=sys.stderr))
        began = time.monotonic()

        def tick() -> None:
            bar.n = min(round(time.monotonic() - began), total)
            bar.refresh()

        try:
            run = _run(plan, lab, tick)
            run.facts = measure_claims(lab, tick) | (measure_targets(lab, tick) if plan.extras else {})
            run.facts["engine_alone"] = lab.engine_alone
            run.skipped = {name: reason.replace(f"{HERE.parent}/", "") for name, reason in lab.skipped.items()}
        finally:
            shutil.rmtree(lab.work, ignore_errors=True)
        bar.n = total
    return run


def _run(plan: Plan, lab: Lab, tick: Callable[[], None]) -> Run:
    run = Run(
        {**environment.describe(), "wrk": version()},
        {"rounds": plan.rounds, "seconds": plan.seconds, "artifact": _facts(lab)},
        {row.name: _row_facts(row) for row in ROWS},
        {scenario.name: dataclasses.asdict(scenario) for scenario in SCENARIOS},
    )
    lab.skipped.update(plan.left_out)
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
                warm_up(server, lab.pool)
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
    words = [*(f"{name}={value}" for name, value in row.environment.items()), *row.command]
    command = " ".join(words).replace(f"{HERE.parent}/", "")
    return {"title": row.title, "family": row.family, "command": command, "dialect": row.dialect}
