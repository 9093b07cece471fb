"""What changed between two runs, cell by cell."""

from statistics import median

from benchmarks.results import Run
from benchmarks.statistics import FEWEST, Ratio, figure, unpaired_ratio


def compare_runs(before: Run, after: Run) -> str:
    """A Markdown table: rate before, after, their ratio, and whether it is more than noise; then what else differs."""
    lines = ["| scenario | target | before | after | ratio | |", "|---|---|---:|---:|---:|---|"]
    for scenario in after.scenarios:
        for target in after.targets_of(scenario):
            old, new = before.values(scenario, target), after.values(scenario, target)
            found = unpaired_ratio(new, old)
            if found is None:
                continue
            lines.append(
                f"| {scenario} | {target} | {figure(median(old))} | {figure(median(new))} "
                f"| {found.ratio:.2f}x | {_verdict(found)} |"
            )
    if len(lines) == 2:
        lines = ["The two runs have no cell in common."]
    return "\n".join([*lines, "", *_differences(before, after)])


def _verdict(found: Ratio) -> str:
    if found.rounds < FEWEST:
        return "cannot tell: too few rounds"
    if not found.significant:
        return "cannot tell"
    return "faster" if found.ratio > 1 else "slower"


def _differences(before: Run, after: Run) -> list[str]:
    """Machine, versions and model where they differ: then the ratios do not measure the code alone."""
    changed = []
    for name in ("cpu", "cores", "kernel", "python", "commit"):
        old, new = before.environment.get(name), after.environment.get(name)
        if old != new:
            changed.append(f"{name}: {old} -> {new}")
    old, new = before.environment.get("libraries", {}), after.environment.get("libraries", {})
    changed += [
        f"{name}: {old.get(name)} -> {new.get(name)}" for name in sorted(old | new) if old.get(name) != new.get(name)
    ]
    if before.plan["artifact"] != after.plan["artifact"]:
        changed.append(
            f"model: {before.plan['artifact']['version']} -> {after.plan['artifact']['version']}, not the same"
        )
    return changed
