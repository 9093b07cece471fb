"""Where the microseconds of one /predict go: each stage alone, on distinct rows, in CPU time of one process.

``python -m benchmarks.budget`` writes ``results/budget.json`` and ``budget.md``. A stage in a tight loop has warmer
caches than in a live worker, so the stages are a lower bound; the whole application call is given beside them, and the
whole request by a lab run.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson

from benchmarks.results import FOLDER
from benchmarks.twins.loading import wanted_version
from benchmarks.workload import make_pool
from benchmarks.wsgi_call import call
from service import log, metrics
from service.app import create_app
from service.records import recorder
from service.records.recorder import Recorder
from service.settings import Settings

DISTINCT, CALLS, TRIES = 512, 3000, 9


def measure(work: Callable[[int], object]) -> float:
    """Microseconds of CPU a call takes: the median of a few loops."""
    taken = []
    for _ in range(TRIES):
        began = time.process_time()
        for place in range(CALLS):
            work(place % DISTINCT)
        taken.append((time.process_time() - began) / CALLS * 1e6)
    return sorted(taken)[TRIES // 2]


def main() -> None:
    """Measure, write, print."""
    with tempfile.TemporaryDirectory() as var:
        settings = Settings.read({**os.environ, "VAR_DIR": var})
        stdout, out = os.dup(1), os.open(Path(var) / "log", os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1)  # the log goes to a file, as in service
        stages = _stages(settings)
        os.dup2(stdout, 1)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "budget.json").write_text(json.dumps(stages, indent=2) + "\n")
    lines = ["| stage | us |", "|---|---:|", *(f"| {name} | {spent:.1f} |" for name, spent in stages.items())]
    (FOLDER / "budget.md").write_text("\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


def _stages(settings: Settings) -> dict[str, float]:
    folder = settings.artifacts_dir / wanted_version(settings)
    pool = make_pool(folder, DISTINCT * 2)
    bodies = [orjson.dumps(row) for row in pool.rows[:DISTINCT]]
    app = create_app(settings)
    metrics.open_metrics(settings)
    records = Recorder(settings)
    records.open()
    whole = measure(lambda place: call(app, bodies[place]))  # starts the load of the model, and warms all up
    model = app.models.now.choose(None)[0]
    matrices = [pool.matrix[place : place + 1] for place in range(DISTINCT)]
    made = recorded(app, bodies)
    line = {"request_id": "x" * 36, "model_version": model.version, "prediction": 1, "rows": 1, "latency_ms": 0.123}
    answer = {
        "prediction": 1,
        "probability": 0.93,
        "model_version": model.version,
        "timestamp": "x" * 24,
        "id": "x" * 36,
    }
    alone = {
        "parse and validate, in one pass": measure(lambda place: model.reader.row(bodies[place])),
        "predict": measure(lambda place: model.engine.predict(matrices[place])),
        "serialise": measure(lambda place: app.response_class.ready(orjson.dumps(answer))),
        "record": measure(lambda place: records.append(made[place])),
        "log": measure(lambda place: log.info_many(("prediction_made", line), ("request", line))),
        "metrics": measure(lambda place: _count(model.version)),
    }
    recorder.close_all()
    return alone | {
        "Flask, hooks and views (the rest)": whole - sum(alone.values()),
        "the application's whole call": whole,
    }


def _count(version: str) -> None:
    metrics.began()
    metrics.phases(version, "stable", 1e-6, 2e-5, 1e-6)
    metrics.prediction(version, [1], False)
    metrics.answered("/predict", "POST", 200, 1e-4)


def recorded(app: Any, bodies: list[bytes]) -> list[Any]:
    """The records that the service itself made of these requests."""
    found: list[Any] = []
    with patch.object(Recorder, "append", found.append):
        for body in bodies:
            call(app, body)
    return found


if __name__ == "__main__":
    main()
