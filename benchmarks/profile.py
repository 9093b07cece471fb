"""Where a request's time goes, layer by layer: Flask as its tutorial writes it ("before") and this service ("after").

``python -m benchmarks.profile`` profiles both applications in this process on the same distinct rows and writes
``results/profile.json`` and ``profile.md``. Each layer's share of the profiler's time is given of the time that a call
takes without the profiler, which makes many small calls look dearer than they are.
"""

import cProfile
import importlib
import json
import os
import pstats
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from benchmarks.results import FOLDER
from benchmarks.twins.loading import wanted_version
from benchmarks.workload import make_pool
from benchmarks.wsgi_call import call
from service.app import create_app
from service.settings import Settings

CALLS, TRIES = 3000, 9
LAYERS: Mapping[str, tuple[str, ...]] = {
    "engine": ("onnxruntime", "inference/", "numpy"),
    "validation": ("marshmallow", "msgspec", "schemas/"),
    "records": ("service/records",),
    "log": ("service/log/",),
    "metrics": ("service/metrics/",),
    "JSON": ("orjson", "/json/", "_json"),
    "hooks and views": ("service/web", "service/models", "benchmarks/twins/plain_flask"),
    "Flask and Werkzeug": ("flask", "werkzeug", "blinker", "_contextvars", "/typing.py"),
}
"""A function belongs to the first layer with a mark that is in its file's path or its name; else to OTHER."""
OTHER = "Python's own functions, system calls"
OURS_BEFORE_FLASK = ("service/web/lean/",)


def main() -> None:
    """Measure, write, print."""
    with tempfile.TemporaryDirectory() as var:
        os.environ["VAR_DIR"] = var
        settings = Settings.read(os.environ)
        pool = make_pool(settings.artifacts_dir / wanted_version(settings), 512)
        bodies = [orjson.dumps(row) for row in pool.rows]
        stdout, out = os.dup(1), os.open(Path(var) / "log", os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1)  # the log goes to a file, as in service
        before = importlib.import_module("benchmarks.twins.plain_flask").app
        found = {"before": layers_of(before, bodies), "after": layers_of(create_app(settings), bodies)}
        os.dup2(stdout, 1)
    (FOLDER / "profile.json").write_text(json.dumps(found, indent=2) + "\n")
    text = table(found)
    (FOLDER / "profile.md").write_text(text)
    sys.stdout.write(text)


def layers_of(app: Callable[..., Any], bodies: list[bytes]) -> dict[str, float]:
    """Microseconds of CPU a request takes in each layer."""
    for body in bodies:
        call(app, body)
    whole = sorted(_timed(app, bodies) for _ in range(TRIES))[TRIES // 2]
    profiler = cProfile.Profile(time.process_time)
    profiler.enable()
    for place in range(CALLS):
        call(app, bodies[place % len(bodies)])
    profiler.disable()
    spent: dict[str, float] = defaultdict(float)
    statistics = pstats.Stats(profiler).stats  # type: ignore[attr-defined]  # not in its stubs
    for (file, _, name), (_, _, own, _, _) in statistics.items():
        if not file.endswith(("wsgi_call.py", "benchmarks/profile.py")):
            spent[layer_of(file, name)] += own
    total = sum(spent.values())
    return {name: round(whole * spent[name] / total, 1) for name in (*LAYERS, OTHER)} | {"whole call": round(whole, 1)}


def layer_of(file: str, name: str) -> str:
    """The layer of a function."""
    place = f"{file}:{name}".replace(os.sep, "/")
    if any(own in place for own in OURS_BEFORE_FLASK):
        return "Flask and Werkzeug"
    return next((layer for layer, marks in LAYERS.items() if any(mark in place for mark in marks)), OTHER)


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Markdown."""
    lines = ["| layer, us a request | before | after |", "|---|---:|---:|"]
    lines += [f"| {name} | {found['before'][name]:.1f} | {found['after'][name]:.1f} |" for name in found["before"]]
    return "\n".join(lines) + "\n"


def _timed(app: Callable[..., Any], bodies: list[bytes]) -> float:
    began = time.process_time()
    for place in range(CALLS):
        call(app, bodies[place % len(bodies)])
    return (time.process_time() - began) / CALLS * 1e6


if __name__ == "__main__":
    main()
