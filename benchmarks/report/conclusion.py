"""The run in words, made from its numbers, whoever wins; and how far to trust it."""

from dataclasses import dataclass
from statistics import median

from benchmarks.report.summary import cpu_million
from benchmarks.results import Run
from benchmarks.statistics import FEWEST, NOISY_SPREAD, figure, ratio, spread

NAMES = {"ours": "ours", "tuned": "the tuned twin", "as_designed": "the design as written"}
FOREIGN = 0.1
"""Share of a core taken by others during a measurement from which on it is called disturbed."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What it is about, in a few words, and what was found."""

    topic: str
    text: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.text}"


def conclusion(run: Run) -> list[Statement]:
    """The most important first; what the run did not measure is left out."""
    told = [_moving(run), _design(run), _straw_man(run), _latency(run), _batches(run), _cost(run)]
    return [statement for statement in told if statement]


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


def _moving(run: Run) -> Statement | None:
    found = run.ratio("one_row", "ours", "tuned")
    if found is None:
        return None
    ours, tuned = (figure(run.median("one_row", row) or 0) for row in ("ours", "tuned"))
    lead = f"Ours {ours} requests/s, the tuned FastAPI twin {tuned}: {found}."
    if found.rounds < FEWEST:
        verdict = ""
    elif not found.significant:
        verdict = " Throughput is no reason to move from WSGI to ASGI here, nor against it."
    elif found.ratio > 1:
        verdict = " Moving to ASGI would cost throughput here."
    else:
        verdict = f" Moving to ASGI, tuned as here, would give {figure(1 / found.ratio)}x the throughput."
    changed = run.ratio("one_row", "ours", "tuned_one_write")
    more = (
        f" Against a uvicorn changed to send head and body at once, as our worker does: {changed}." if changed else ""
    )
    return Statement("One row a request", lead + verdict + more)


def _design(run: Run) -> Statement | None:
    ours, tuned = run.ratio("one_row", "ours", "as_designed"), run.ratio("one_row", "tuned", "as_designed")
    if ours is None:
        return None
    told = f"Ours is {ours} as fast as the FastAPI service as the seed writes it"
    if tuned:
        told += f", the tuned twin {figure(tuned.ratio)}x: the engine and the code around it decide, not the framework"
    return Statement("The design", f"{told}.")


def _straw_man(run: Run) -> Statement | None:
    found = run.ratio("one_row", "tuned", "plain")
    if found is None:
        return None
    told = f"With records, metrics and logs it is {found} as fast as a plain FastAPI app without any"
    if found.rounds >= FEWEST:
        good = found.ratio >= 1 or not found.significant
        told += f": {'it is no straw man' if good else 'IT IS A STRAW MAN, do not use this comparison'}"
    return Statement("The tuned twin", f"{told}.")


def _latency(run: Run) -> Statement | None:
    ours, tuned = (run.latency("open_70", row, 0.99) for row in ("ours", "tuned"))
    found = ratio(ours, tuned)
    if found is None:
        return None
    told = f"{figure(median(ours))} ms for ours, {figure(median(tuned))} ms for the tuned twin, {found}."
    return Statement("99th percentile at 70% of each one's ceiling", told)


def _batches(run: Run) -> Statement | None:
    found = run.ratio("batch_1000", "ours", "tuned")
    if found is None:
        return None
    rows = figure((run.median("batch_1000", "ours") or 0) * 1000)
    return Statement("Batches of 1 000", f"Ours {rows} rows/s, {found} of the tuned twin's.")


def _cost(run: Run) -> Statement | None:
    costs = {row: cpu_million(run, "one_row", row) for row in ("ours", "tuned", "as_designed")}
    told = [f"{figure(cost)} s {title}" for row, title in NAMES.items() if (cost := costs[row])]
    return Statement("CPU of a million predictions, one a request", f"{', '.join(told)}.") if told else None
