"""The goals of this service in numbers, each with what was measured."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.results import Run
from benchmarks.statistics import figure, ratio

TWO = 2
NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Goal:
    """``reached`` is None where it was not measured, is only reported, or where the interval holds the goal."""

    title: str
    goal: str
    found: str
    reached: bool | None


def goals(run: Run) -> list[Goal]:
    """All of them, measured or not."""
    return [made for build in GOALS for made in build(run)]


def _times(run: Run, title: str, scenario: str, against: str, least: float | None) -> Goal:
    found = run.ratio(scenario, "ours", against)
    goal = "reported" if least is None else f"at least {figure(least)}x"
    if found is None:
        return Goal(title, goal, NOT_MEASURED, None)
    return Goal(title, goal, str(found), None if least is None else found.at_least(least))


def _one_row(run: Run) -> list[Goal]:
    found = [
        _times(run, "One row, against the FastAPI design", "one_row", "fastapi_design", 60),
        _times(run, "One row, against the tuned FastAPI twin (stretch 1.2x)", "one_row", "tuned", 1.0),
        _times(run, "The same, uvicorn changed to send once, as our worker does", "one_row", "tuned_one_write", None),
        _times(run, "The same, headers with names that nobody knows", "one_row_unknown_headers", "tuned", 1.0),
        _times(
            run, "The same, a gateway's headers (traceparent, X-Request-ID)", "one_row_unique_headers", "tuned", None
        ),
        _times(run, "The same, a crowd of users with cookies and tokens", "one_row_crowd", "tuned", None),
        _times(run, "One row, against a bare WSGI app under the same worker", "one_row", "bare_wsgi", None),
    ]
    ours, tuned = (run.latency("open_70", target, 0.99) for target in ("ours", "tuned"))
    difference = ratio(ours, tuned)
    text = f"{figure(median(ours))} ms against {figure(median(tuned))} ms, {difference}" if difference else NOT_MEASURED
    better = ratio(tuned, ours)  # turned round: a smaller latency is the better one
    reached = better.at_least(1.0) if better else None
    found.append(Goal("p99 at 70% of its own ceiling, open loop", "no worse than tuned", text, reached))
    return found


def _batches(run: Run) -> list[Goal]:
    found = []
    for size in (1000, 10_000):
        share, rate = run.share_of_engine(f"batch_{size}"), run.median(f"batch_{size}", "ours")
        text = NOT_MEASURED
        if share is not None and rate is not None:
            text = (
                f"{figure(rate * size)} rows/s, {share.ratio:.2f} of the engine ({share.low:.2f} to {share.high:.2f})"
            )
        goal = "at least 0.8 of the engine on ready arrays"
        found.append(Goal(f"Batches of {figure(size)} rows", goal, text, share.at_least(0.8) if share else None))
    found.append(
        _times(run, "Batches of 1 000 rows, against the FastAPI design's loop", "batch_1000", "fastapi_design", 1000)
    )
    cheaper = run.ratio("batch_100", "ours", "ours", "one_row")
    title = "100 rows in one batch, against 100 single calls"
    text = f"{figure(cheaper.ratio * 100)}x cheaper" if cheaper else NOT_MEASURED
    found.append(Goal(title, "at least 20x cheaper", text, cheaper.at_least(0.2) if cheaper else None))
    return found


def _validation(run: Run) -> list[Goal]:
    cost, rate = run.facts.get("validation", {}).get("batch_1000"), run.median("batch_1000", "ours")
    share = (cost["ours"] - cost["parse"]) * rate if cost and rate else None
    text = NOT_MEASURED if share is None else f"{share:.0%} of the batch, over parsing it into dicts unchecked"
    refused = run.ratio("invalid_1000", "ours", "ours", "batch_1000")
    worst = f"{figure(1 / refused.ratio)}x the time of a good one" if refused else NOT_MEASURED
    return [
        Goal("Validation of a valid batch of 1 000", "under 10% of it", text, None if share is None else share < 0.1),
        Goal(
            "A batch of 1 000 in which every row is wrong",
            "within 3x",
            worst,
            refused.at_least(1 / 3) if refused else None,
        ),
    ]


def _memory(run: Run) -> list[Goal]:
    found = run.facts.get("memory", {})
    sizes, uptime = found.get("pss_mib", {}), found.get("uptime")
    if "3" not in sizes:
        return [Goal("Memory", "at most 30 MiB a worker, 150 MiB with two", NOT_MEASURED, None)]
    more = (sizes["3"] - sizes["1"]) / TWO
    grown = uptime["pss_mib"] / sizes["1"] - 1
    swap = run.facts.get("swap", {}).get("pss_mib")
    left = None if swap is None else swap[1] / swap[0] - 1
    return [
        Goal("Memory of one more worker (PSS)", "at most 30 MiB", f"{more:.0f} MiB", more <= 30),
        Goal(
            "Memory of the service with two workers (PSS)",
            "at most 150 MiB",
            f"{sizes['2']:.0f} MiB",
            sizes["2"] <= 150,
        ),
        Goal(
            f"Memory after {figure(uptime['requests'])} more requests",
            "no growth over 2%",
            f"{grown:+.1%}",
            grown <= 0.02,
        ),
        Goal(
            "Memory that six swaps leave behind",
            "none (within 5%)",
            NOT_MEASURED if left is None else f"{left:+.1%}",
            None if left is None else left <= 0.05,
        ),
    ]


def _starts(run: Run) -> list[Goal]:
    cold, swap = (run.facts.get(name, {}).get("seconds") for name in ("cold_start", "swap"))
    found = []
    title = "Cold start, two workers, to the first 200 from /predict"
    text = f"{median(cold):.2f} s" if cold else NOT_MEASURED
    found.append(Goal(title, "at most 1.5 s", text, median(cold) <= 1.5 if cold else None))
    title = "A swapped-in version, from routing.json's rename to its first answer"
    text = f"{median(swap):.2f} s" if swap else NOT_MEASURED
    goal = "0.5 s, and 0.5 s until the change is noticed"
    return [*found, Goal(title, goal, text, median(swap) <= 1.0 if swap else None)]


def _growth(run: Run) -> list[Goal]:
    times = {size: 1 / rate for size in (10, 1000, 10_000) if (rate := run.median(f"batch_{size}", "ours"))}
    text, flat = NOT_MEASURED, None
    if len(times) == 3:
        early, late = (times[1000] - times[10]) / 990, (times[10_000] - times[1000]) / 9000
        flat = abs(late / early - 1) <= 0.1
        text = f"{early * 1e6:.2f} us a further row up to 1 000, {late * 1e6:.2f} us up to 10 000"
    found = [Goal("Cost of a further row", "flat within 10%", text, flat)]
    return [*found, _two_workers(run), _versions(run)]


def _two_workers(run: Run) -> Goal:
    """Both share two cores with the client, whose own CPU time is taken out of what they could have had."""
    title, goal = "Two workers on two cores, against one on one", "at least 1.8x, client accounted for"
    found = run.ratio("two_workers", "ours", "ours", "one_row")
    if found is None:
        return Goal(title, goal, NOT_MEASURED, None)
    client = median(m.client_cpu / m.seconds for m in run.cell("two_workers", "ours"))
    share = TWO / (TWO - client)
    text = f"{found.ratio * share:.2f}x (the client took {client:.2f} of a core)"
    return Goal(title, goal, text, found.at_least(1.8 / share))


def _versions(run: Run) -> Goal:
    rates = run.facts.get("versions", {}).get("rates")
    found = ratio(rates["6"], rates["1"]) if rates else None
    title = "One row with six versions loaded, against one"
    return Goal(title, "no slower", str(found) if found else NOT_MEASURED, found.at_least(1.0) if found else None)


GOALS: tuple[Callable[[Run], list[Goal]], ...] = (_one_row, _batches, _validation, _memory, _starts, _growth)
