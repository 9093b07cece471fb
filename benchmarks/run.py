"""Carry out a plan: start and warm up the servers, measure round after round, then hypotheses and goals."""

import dataclasses
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from benchmarks import environment
from benchmarks.goals import measure_goals
from benchmarks.hypotheses import measure_hypotheses
from benchmarks.lab import Lab
from benchmarks.load.wrk import version
from benchmarks.plan import Plan
from benchmarks.readiness import warm_up
from benchmarks.results import Run
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import Server
from benchmarks.targets import HERE, TARGETS, Target
from benchmarks.workload import make_pool

BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} s, {remaining} left"


def carry_out(plan: Plan, folder: Path, seed: int) -> Run:
    """Measure the whole plan with the artifact in ``folder``, with a progress bar; ``seed`` makes the load."""
    pool = make_pool(folder, max(20_000, max(scenario.distinct for scenario, _ in plan.cells)), seed)
    total = round(plan.estimate)
    with tqdm(total=total, unit="s", bar_format=BAR, file=sys.stderr) as bar:
        lab = Lab(folder, pool, plan.seconds, plan.rounds, plan.patience, lambda text: bar.write(text, file=sys.stderr))
        began = time.monotonic()

        def tick() -> None:
            bar.n = min(round(time.monotonic() - began), total)
            bar.refresh()

        try:
            run = _run(plan, lab, tick)
            run.facts = measure_hypotheses(lab, tick) | (measure_goals(lab, tick) if plan.extras else {})
            run.facts["engine_alone"] = lab.engine_alone
            run.skipped = {name: reason.replace(f"{HERE.parent}/", "") for name, reason in lab.skipped.items()}
        finally:
            shutil.rmtree(lab.work, ignore_errors=True)
        bar.n = total
    return run


def _run(plan: Plan, lab: Lab, tick: Callable[[], None]) -> Run:
    run = Run(
        {**environment.describe(), "wrk": version()},
        {"rounds": plan.rounds, "seconds": plan.seconds, "seed": lab.pool.seed, "artifact": _facts(lab)},
        {target.name: _target_facts(target) for target in TARGETS},
        {scenario.name: dataclasses.asdict(scenario) for scenario in SCENARIOS},
    )
    lab.skipped.update(plan.left_out)
    for workers in sorted({scenario.workers for scenario, _ in plan.cells}):
        targets = []
        for target in plan.targets(workers):
            if missing := target.missing():
                lab.skipped[target.name] = missing
                lab.say(f"{target.name} skipped: {missing}")
            else:
                targets.append(target)
        with lab.running(targets, workers) as servers:
            for server in servers:
                warm_up(server, lab.pool)
                tick()
            _rounds(plan, lab, servers, workers, tick)
    run.measurements = lab.measurements
    return run


def _rounds(plan: Plan, lab: Lab, servers: list[Server], workers: int, tick: Callable[[], None]) -> None:
    by_name = {server.target.name: server for server in servers}
    for number in range(plan.rounds):
        for scenario in dict.fromkeys(scenario for scenario, _ in plan.cells if scenario.workers == workers):
            targets = [target for found, target in plan.cells if found is scenario and target.name in by_name]
            for target in targets if number % 2 == 0 else reversed(targets):
                lab.measure(scenario, by_name[target.name], number)
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


def _target_facts(target: Target) -> dict[str, object]:
    words = [*(f"{name}={value}" for name, value in target.environment.items()), *target.command]
    command = " ".join(words).replace(f"{HERE.parent}/", "")
    return {
        "title": target.title,
        "family": target.family,
        "command": command,
        "protocol": target.protocol,
        "lacks": target.lacks,
    }
