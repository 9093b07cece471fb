"""The result of a run in words, made from its numbers; and how far to trust it."""

from dataclasses import dataclass
from statistics import median

from benchmarks.report.summary import cpu_million
from benchmarks.results import Run
from benchmarks.statistics import FEWEST, NOISY_SPREAD, figure, ratio, spread

NAMES = {"ours": "ours", "tuned": "the tuned twin", "fastapi_design": "the FastAPI design"}
FOREIGN = 0.1
"""Share of a core that other programs took: from here on a measurement counts as disturbed."""


STRAW = {
    True: "it is no straw man",
    False: "IT IS A STRAW MAN, do not use this comparison",
    None: "this run cannot tell whether it is a straw man",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """A topic in a few words, and what was found."""

    topic: str
    text: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.text}"


def conclusion(run: Run) -> list[Statement]:
    """The most important statement first; those that the run did not measure are left out."""
    made = [_moving(run), _design(run), _straw_man(run), _latency(run), _batches(run), _cost(run)]
    return [statement for statement in made if statement]


def noise(run: Run) -> list[str]:
    """What disturbed the run; empty where nothing did."""
    warnings = []
    cells = {(m.scenario, m.target) for m in run.measurements}
    wide = [(s, r) for s, r in sorted(cells) if len(v := run.values(s, r)) > 1 and spread(v) > NOISY_SPREAD]
    if wide:
        listed = ", ".join(f"{scenario}/{target}" for scenario, target in wide[:6]) + (" ..." if len(wide) > 6 else "")
        warnings.append(
            f"In {len(wide)} of {len(cells)} cells the rounds differ by more than {NOISY_SPREAD:.0%}: {listed}."
        )
    foreign = [m.foreign_cpu_share for m in run.measurements]
    if foreign and median(foreign) > FOREIGN:
        warnings.append(
            f"Other programs took {median(foreign):.2f} of a core during the measurements (median). "
            "The machine was too busy for reliable numbers: repeat the run on a quiet one."
        )
    late = [m.late_p99 for m in run.measurements if m.late_p99 is not None]
    if late and median(late) > 1.0:
        warnings.append(
            f"The open loop's own client was late by {median(late):.1f} ms (p99): its latencies are too high by that."
        )
    return warnings


def _moving(run: Run) -> Statement | None:
    found = run.ratio("one_row", "ours", "tuned")
    if found is None:
        return None
    ours, tuned = (figure(run.median("one_row", target) or 0) for target in ("ours", "tuned"))
    lead = f"Our service answers {ours} requests/s, the tuned FastAPI twin {tuned}: {found}."
    if found.rounds < FEWEST:
        verdict = ""
    elif not found.significant:
        verdict = " This run cannot tell whether ASGI would be faster or slower here."
    elif found.ratio > 1:
        verdict = " Moving to ASGI would cost throughput here."
    else:
        verdict = f" Moving to ASGI, tuned as here, would give {figure(1 / found.ratio)}x the throughput."
    changed = run.ratio("one_row", "ours", "tuned_one_write")
    more = (
        f" Against a uvicorn that is changed to send head and body at once, as our worker does: {changed}."
        if changed
        else ""
    )
    return Statement("One row a request", lead + verdict + more)


def _design(run: Run) -> Statement | None:
    ours, tuned = run.ratio("one_row", "ours", "fastapi_design"), run.ratio("one_row", "tuned", "fastapi_design")
    if ours is None:
        return None
    text = f"Our service has {ours} the throughput of the FastAPI design"
    if tuned:
        text += f", the tuned twin {tuned}"
        if ours.at_least(2) and tuned.at_least(2):
            text += ": the engine and the code around it decide, not the framework"
    return Statement("The FastAPI design", f"{text}.")


def _straw_man(run: Run) -> Statement | None:
    found = run.ratio("one_row", "tuned", "plain")
    if found is None:
        return None
    text = f"With records, metrics and logs it has {found} the throughput of a plain FastAPI app without any"
    if found.rounds >= FEWEST:
        text += f": {STRAW[found.at_least(1.0)]}"
    return Statement("The tuned twin", f"{text}.")


def _latency(run: Run) -> Statement | None:
    ours, tuned = (run.latency("open_70", target, 0.99) for target in ("ours", "tuned"))
    found = ratio(ours, tuned)
    if found is None:
        return None
    text = f"{figure(median(ours))} ms for our service, {figure(median(tuned))} ms for the tuned twin, {found}."
    return Statement("99th percentile of latency, each at 70% of its ceiling", text)


def _batches(run: Run) -> Statement | None:
    found = run.ratio("batch_1000", "ours", "tuned")
    if found is None:
        return None
    targets = figure((run.median("batch_1000", "ours") or 0) * 1000)
    return Statement("Batches of 1 000", f"Ours {targets} rows/s, {found} of the tuned twin's.")


def _cost(run: Run) -> Statement | None:
    costs = {target: cpu_million(run, "one_row", target) for target in ("ours", "tuned", "fastapi_design")}
    texts = [f"{figure(cost)} s {title}" for target, title in NAMES.items() if (cost := costs[target])]
    return Statement("CPU time of a million predictions, one a request", f"{', '.join(texts)}.") if texts else None
