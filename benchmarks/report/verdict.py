"""The first screen of the page: our service beside the tuned twin, load by load, each with a verdict in words."""

from dataclasses import dataclass
from statistics import median

from benchmarks.report.summary import cpu_million
from benchmarks.results import Run
from benchmarks.statistics import FEWEST, Ratio, figure, ratio

OURS, TWIN = "ours", "tuned"
LOADS = (
    ("one_row", "One row; every request has the same headers"),
    ("one_row_unknown_headers", "One row; headers that no server can know, new in each request"),
    ("one_row_crowd", "One row; a crowd of users with cookies and tokens"),
    ("one_row_unique_headers", "One row; a gateway's headers, new in each request"),
    ("batch_1000", "Batches of 1 000 rows"),
)
CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Duel:
    """One load: the medians of both as text with their unit, how they compare, and the verdict."""

    load: str
    ours: str
    twin: str
    compared: str
    verdict: str


def duels(run: Run) -> list[Duel]:
    """Those that the run measured on both."""
    found = [_rates(run, scenario, load) for scenario, load in LOADS]
    return [duel for duel in (*found, _latency(run), _cost(run)) if duel]


def answer(run: Run) -> str:
    """Whether to leave Flask for FastAPI, in a sentence; empty where the run does not compare them."""
    found = {duel.load: duel.verdict for duel in duels(run)}
    words = [found[load] for _, load in LOADS[:2] if load in found]
    if not words:
        return ""
    if all(word == "ours is faster" for word in words):
        return "No: this service answers more requests a second than the same service on a tuned FastAPI."
    if all(word == "the twin is faster" for word in words):
        return "For throughput, yes: the same service on a tuned FastAPI answers more requests a second."
    if all(word.startswith(CANNOT_TELL) for word in words):
        return "This run cannot tell: the difference is within the noise, or the rounds are too few."
    return "It depends on the clients: the rows below differ."


def _rates(run: Run, scenario: str, load: str) -> Duel | None:
    found = run.ratio(scenario, OURS, TWIN)
    if found is None:
        return None
    ours, twin = (f"{figure(run.median(scenario, target) or 0)} requests/s" for target in (OURS, TWIN))
    return Duel(load, ours, twin, str(found), _verdict(found, "ours is faster", "the twin is faster"))


def _latency(run: Run) -> Duel | None:
    ours, twin = (run.latency("open_70", target, 0.99) for target in (OURS, TWIN))
    found = ratio(ours, twin)
    if found is None:
        return None
    one, other = (f"{figure(median(values))} ms" for values in (ours, twin))
    load = "99th percentile of latency, each at 70% of its own ceiling"
    return Duel(load, one, other, str(found), _verdict(found, "the twin is faster", "ours is faster"))


def _cost(run: Run) -> Duel | None:
    costs = [
        [m.server_cpu / m.requests * 1e6 for m in run.cell("one_row", target) if m.requests] for target in (OURS, TWIN)
    ]
    found = ratio(*costs)
    if found is None:
        return None
    one, other = (f"{figure(cpu_million(run, 'one_row', target) or 0)} s" for target in (OURS, TWIN))
    verdict = _verdict(found, "the twin is cheaper", "ours is cheaper")
    return Duel("CPU time of a million predictions, one a request", one, other, str(found), verdict)


def _verdict(found: Ratio, more: str, less: str) -> str:
    if found.rounds < FEWEST:
        return f"{CANNOT_TELL}: too few rounds"
    if not found.significant:
        return CANNOT_TELL
    return more if found.ratio > 1 else less
