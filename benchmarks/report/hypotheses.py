"""The seed document's claims, each beside what was measured."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.results import Run
from benchmarks.statistics import figure, ratio


@dataclass(frozen=True, slots=True)
class Claim:
    """What the seed says, and what was found; ``found``, a sentence each, is empty where the run did not measure it."""

    said: str
    found: list[str]


def claims(run: Run) -> list[Claim]:
    """Those that this run can speak to."""
    made = (Claim(said, find(run)) for said, find in CLAIMS)
    return [claim for claim in made if claim.found]


def _load(run: Run) -> list[str]:
    told = []
    if found := run.ratio("one_row", "as_designed", "as_designed_loading"):
        told.append(f"The seed's own service is {found} as fast as the same service loading per request.")
    facts = run.facts.get("load", {})
    for engine in ("sklearn", "onnx"):
        if f"{engine}_load" in facts:
            load, predict = facts[f"{engine}_load"], facts[f"{engine}_predict"]
            told.append(
                f"{engine}: {load * 1000:.0f} ms to load, {predict * 1000:.3g} ms to predict: "
                f"loading each time is {figure((load + predict) / predict)}x slower."
            )
    return told


def _batch(run: Run) -> list[str]:
    told = []
    for row in ("as_designed", "tuned", "ours"):
        one, many = run.values("one_row", row), run.values("batch_100", row)
        if found := ratio([rate * 100 for rate in many], one):
            told.append(f"{run.rows[row]['title']}: {figure(found.ratio)}x the rows a second in batches of 100.")
    return told


def _frameworks(run: Run) -> list[str]:
    told = []
    pairs = ("tuned", "tuned_one_write", "plain", "flask_plain", "as_designed")
    for a, b in (*(("ours", row) for row in pairs), ("flask_plain", "as_designed"), ("bare_wsgi", "bare_asgi")):
        if found := run.ratio("one_row", a, b):
            told.append(f"{run.rows[a]['title']} is {found} as fast as {run.rows[b]['title']}.")
    return told


def _onnx(run: Run) -> list[str]:
    told = []
    if found := run.ratio("one_row", "ours", "ours_sklearn"):
        told.append(f"Over HTTP, one row: {found}.")
    facts = run.facts.get("engine", {})
    if "onnx" in facts and "sklearn" in facts:
        sizes = [f"{figure(facts['sklearn'][s] / facts['onnx'][s])}x at {figure(int(s))}" for s in facts["onnx"]]
        told.append(f"In process, by rows a call: {', '.join(sizes)}.")
    return told


def _quantised(run: Run) -> list[str]:
    facts = run.facts.get("quantised", {})
    if "bytes" not in facts:
        return []
    before, after = facts["seconds"]
    large, small = (f"{size / 2**20:.2f}" for size in facts["bytes"])
    sizes = f"{large} MiB before, {small} after; {before * 1e6:.1f} us a row before, {after * 1e6:.1f} after."
    if not facts["changed"]:
        return [
            f"Means nothing for this graph: it changes none of its operators ({', '.join(facts['operators'])}).",
            sizes,
        ]
    return [sizes, "Whether its answers are still the pipeline's is another question: the service never quantises."]


def _cache(run: Run) -> list[str]:
    told = []
    for row in ("ours_cache_local", "ours_cache_redis"):
        for scenario, when in (("repeated", "the same 8 rows"), ("distinct", "rows that do not repeat")):
            if found := run.ratio(scenario, row, "ours"):
                told.append(f"{run.rows[row]['title'].rpartition(', ')[2]}, {when}: {found} of no cache.")
    return told


def _validation(run: Run) -> list[str]:
    told = []
    for name, title in (("one_row", "One row"), ("batch_1000", "1 000 rows")):
        facts = run.facts.get("validation", {}).get(name)
        if facts:
            parts = ", ".join(f"{kind} {figure(seconds * 1e6)} us" for kind, seconds in facts.items())
            told.append(f"{title}, from bytes: {parts}.")
    return told


CLAIMS: tuple[tuple[str, Callable[[Run], list[str]]], ...] = (
    ("Loading the model on every request is 100x slower", _load),
    ("A batch is 10x more efficient than 100 individual calls", _batch),
    ("FastAPI is fast, Flask is slow", _frameworks),
    ("ONNX Runtime gives faster inference", _onnx),
    ("Quantization reduces the model's size", _quantised),
    ("Cache predictions for common inputs; Redis for a distributed cache", _cache),
    ("Validation catches bad input (what does it cost?)", _validation),
)
