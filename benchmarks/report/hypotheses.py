"""The hypotheses of the FastAPI design (docs/fastapi-design.md), each beside what was measured."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.results import Run
from benchmarks.statistics import figure, ratio


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What is assumed, and what was found: sentences, none where the run did not measure it."""

    text: str
    found: list[str]


def hypotheses(run: Run) -> list[Hypothesis]:
    """Those that this run measured."""
    made = (Hypothesis(text, find(run)) for text, find in HYPOTHESES)
    return [hypothesis for hypothesis in made if hypothesis.found]


def _load(run: Run) -> list[str]:
    sentences = []
    if found := run.ratio("one_row", "fastapi_design", "fastapi_design_loading"):
        sentences.append(
            f"The FastAPI design loads once: {found} the throughput of the same service loading on every request."
        )
    facts = run.facts.get("load", {})
    for engine in ("sklearn", "onnx"):
        if f"{engine}_load" in facts:
            load, predict = facts[f"{engine}_load"], facts[f"{engine}_predict"]
            sentences.append(
                f"{engine}: {load * 1000:.0f} ms to load, {predict * 1000:.3g} ms to predict: "
                f"loading each time is {figure((load + predict) / predict)}x slower."
            )
    return sentences


def _batch(run: Run) -> list[str]:
    sentences = []
    for target in ("fastapi_design", "tuned", "ours"):
        one, many = run.values("one_row", target), run.values("batch_100", target)
        if found := ratio([rate * 100 for rate in many], one):
            sentences.append(f"{run.targets[target]['title']}: {found} the rows/s in batches of 100.")
    return sentences


def _frameworks(run: Run) -> list[str]:
    sentences = []
    pairs = ("tuned", "tuned_one_write", "plain", "flask_plain", "fastapi_design")
    for a, b in (
        *(("ours", target) for target in pairs),
        ("flask_plain", "fastapi_design"),
        ("bare_wsgi", "bare_asgi"),
    ):
        if found := run.ratio("one_row", a, b):
            sentences.append(f"{run.targets[a]['title']} has {found} the throughput of {run.targets[b]['title']}.")
    return sentences


def _onnx(run: Run) -> list[str]:
    sentences = []
    if found := run.ratio("one_row", "ours", "ours_sklearn"):
        sentences.append(f"Over HTTP, one row a request: {found}.")
    facts = run.facts.get("engine", {})
    if "onnx" in facts and "sklearn" in facts:
        sizes = [f"{figure(facts['sklearn'][s] / facts['onnx'][s])}x at {figure(int(s))}" for s in facts["onnx"]]
        sentences.append(f"In process, by rows in a call: {', '.join(sizes)}.")
    return sentences


def _quantised(run: Run) -> list[str]:
    facts = run.facts.get("quantised", {})
    if "bytes" not in facts:
        return []
    before, after = facts["seconds"]
    large, small = (f"{size / 2**20:.2f}" for size in facts["bytes"])
    sizes = f"{large} MiB before, {small} after; {before * 1e6:.1f} us a row before, {after * 1e6:.1f} after."
    if not facts["changed"]:
        return [
            f"It does nothing to this graph: none of its operators changes ({', '.join(facts['operators'])}).",
            sizes,
        ]
    return [sizes, "Its answers may differ from the pipeline's: the service never quantises."]


def _cache(run: Run) -> list[str]:
    sentences = []
    for target in ("ours_cache_local", "ours_cache_redis"):
        for scenario, when in (("repeated", "the same 8 rows"), ("distinct", "targets that do not repeat")):
            if found := run.ratio(scenario, target, "ours"):
                sentences.append(f"{run.targets[target]['title'].rpartition(', ')[2]}, {when}: {found} of no cache.")
    return sentences


def _validation(run: Run) -> list[str]:
    sentences = []
    for name, title in (("one_row", "One row"), ("batch_1000", "1 000 rows")):
        facts = run.facts.get("validation", {}).get(name)
        if facts:
            parts = ", ".join(f"{kind} {figure(seconds * 1e6)} us" for kind, seconds in facts.items())
            sentences.append(f"{title}, from bytes: {parts}.")
    return sentences


HYPOTHESES: tuple[tuple[str, Callable[[Run], list[str]]], ...] = (
    ("Loading the model on every request is 100x slower", _load),
    ("A batch is 10x more efficient than 100 individual calls", _batch),
    ("FastAPI is fast, Flask is slow", _frameworks),
    ("ONNX Runtime gives faster inference", _onnx),
    ("Quantization reduces the model's size", _quantised),
    ("Cache predictions for common inputs; Redis for a distributed cache", _cache),
    ("Validation catches bad input (and what it costs)", _validation),
)
