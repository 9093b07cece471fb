"""The run in words, made from its numbers, whoever wins; and how far to trust it."""

from statistics import median

from benchmarks.results import Run
from benchmarks.statistics import FEWEST, NOISY_SPREAD, Ratio, figure, ratio, spread

FOREIGN = 0.1
"""Share of a core taken by others during a measurement from which on it is called disturbed."""


def conclusion(run: Run) -> list[str]:
    """Sentences, the most important first."""
    told = [_moving(run), _design(run), _straw_man(run), _latency(run), _batches(run), _cost(run)]
    return [sentence for sentence in told if sentence]


def noise(run: Run) -> list[str]:
    """What disturbed the run; empty where nothing did."""
    told = []
    cells = {(m["scenario"], m["row"]) for m in run.measurements}
    wide = [(s, r) for s, r in sorted(cells) if len(v := run.values(s, r)) > 1 and spread(v) > NOISY_SPREAD]
    if wide:
        listed = ", ".join(f"{scenario}/{row}" for scenario, row in wide[:6]) + (" ..." if len(wide) > 6 else "")
        told.append(
            f"{len(wide)} of {len(cells)} cells spread by more than {NOISY_SPREAD:.0%} over their rounds: {listed}."
        )
    foreign = [m["foreign_cpu_share"] for m in run.measurements]
    if foreign and median(foreign) > FOREIGN:
        told.append(
            f"Other programs took {median(foreign):.2f} of a core while this was measured (the median): "
            "the machine was too busy to say much. Run it again on a quiet one."
        )
    late = [m["late_p99"] for m in run.measurements if "late_p99" in m]
    if late and median(late) > 1.0:
        told.append(
            f"The open loop itself was late by {median(late):.1f} ms (p99): its latencies are too high by that."
        )
    return told


def _moving(run: Run) -> str:
    found = run.ratio("one_row", "ours", "tuned")
    if found is None:
        return ""
    rates = " against ".join(figure(run.median("one_row", row) or 0) for row in ("ours", "tuned"))
    lead = f"One row a request: Flask under our gunicorn answers {rates} requests/s of the tuned FastAPI twin, {found}."
    if found.rounds < FEWEST:
        return lead
    if not found.significant:
        return (
            lead + " No significant difference: throughput is no reason to move from WSGI to ASGI here, nor against it."
        )
    if found.ratio > 1:
        return lead + " Moving to ASGI would cost throughput here."
    return lead + f" Moving to ASGI, tuned as here, would give {figure(1 / found.ratio)}x the throughput on one row."


def _design(run: Run) -> str:
    found, loaded = run.ratio("one_row", "ours", "as_designed"), run.ratio("one_row", "tuned", "as_designed")
    if found is None:
        return ""
    other = f" The same framework, tuned, is {_short(loaded)} its own design" if loaded else ""
    tail = f":{other.lower()}: the engine and the code around it decide, not the framework." if other else "."
    return f"Against the FastAPI service as the seed writes it, Flask is {found}{tail}"


def _straw_man(run: Run) -> str:
    found = run.ratio("one_row", "tuned", "plain")
    if found is None:
        return ""
    told = f"The tuned twin, with records, metrics and logs, is {found} as fast as a plain FastAPI app without any"
    if found.rounds < FEWEST:
        return f"{told}."
    good = found.ratio >= 1 or not found.significant
    return f"{told}: {'it is no straw man' if good else 'IT IS A STRAW MAN, do not use this comparison'}."


def _latency(run: Run) -> str:
    ours, tuned = (run.latency("open_70", row, 0.99) for row in ("ours", "tuned"))
    found = ratio(ours, tuned)
    if found is None:
        return ""
    return (
        f"At 70% of their own ceilings (open loop, from the intended instant) the 99th percentile is "
        f"{figure(median(ours))} ms for ours and {figure(median(tuned))} ms for the tuned twin, {found}."
    )


def _batches(run: Run) -> str:
    found = run.ratio("batch_1000", "ours", "tuned")
    if found is None:
        return ""
    rows = figure((run.median("batch_1000", "ours") or 0) * 1000)
    return f"In batches of 1 000, ours predicts {rows} rows/s, {found} of the tuned twin's."


def _cost(run: Run) -> str:
    from benchmarks.report.summary import cpu_million

    costs = {row: cpu_million(run, "one_row", row) for row in ("ours", "tuned", "as_designed")}
    told = [f"{run.rows[row]['title']} {figure(cost)}" for row, cost in costs.items() if cost]
    return f"CPU seconds for a million predictions, one a request: {'; '.join(told)}." if told else ""


def _short(found: Ratio) -> str:
    return f"{figure(found.ratio)}x"
