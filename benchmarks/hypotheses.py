"""Hypotheses of the FastAPI design that need no server: loading, engines, a quantised graph, validation. In seconds."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from benchmarks.lab import Lab
from benchmarks.timing import seconds_of
from benchmarks.twins.schema import batch_adapter, row_adapter
from benchmarks.workload import wrong
from inference import artifact
from inference.engines.base import EngineError
from inference.manifest import ArtifactError
from schemas.errors import InvalidInput
from schemas.reader import Reader

SIZES = (1, 10, 100, 1000, 10_000)


def measure_hypotheses(lab: Lab, tick: Callable[[], None]) -> dict[str, Any]:
    """The figures of each hypothesis by name; ``error`` holds the reason where it cannot be measured here."""
    found = {}
    for name, measure in (("load", _load), ("engine", _engine), ("quantised", _quantised), ("validation", _validation)):
        try:
            found[name] = measure(lab)
        except (ArtifactError, EngineError, ImportError) as exc:
            found[name] = {"error": str(exc)}
        tick()
    return found


def _load(lab: Lab) -> dict[str, float]:
    """Loading the artifact against one prediction by what was loaded, for both engines."""
    row = lab.pool.matrix[:1]
    found = {}
    for name in sorted({lab.pool.manifest.engine, "sklearn"}):
        engine = artifact.build_engine(lab.artifact, lab.pool.manifest, name)
        found[f"{name}_load"] = seconds_of(partial(artifact.build_engine, lab.artifact, lab.pool.manifest, name))
        found[f"{name}_predict"] = seconds_of(partial(engine.predict, row))
    return found


def _engine(lab: Lab) -> dict[str, dict[str, float]]:
    """Ready-made matrices of several sizes through each engine."""
    found: dict[str, dict[str, float]] = {}
    for name in sorted({lab.pool.manifest.engine, "sklearn"}):
        engine = artifact.build_engine(lab.artifact, lab.pool.manifest, name)
        matrix = lab.pool.matrix
        found[name] = {str(size): seconds_of(partial(engine.predict, matrix[:size])) for size in SIZES}
    return found


def _quantised(lab: Lab) -> dict[str, Any]:
    """Dynamic quantisation: which nodes it changes, and what that gives."""
    import logging

    import onnx
    from onnxruntime.quantization import quantize_dynamic

    from inference.engines.onnx import OnnxEngine

    if lab.pool.manifest.engine != "onnx":
        return {"error": "this artifact has no graph"}
    original = lab.artifact / artifact.GRAPH
    with tempfile.TemporaryDirectory() as folder:
        smaller = Path(folder) / "quantised.onnx"
        logging.disable(logging.WARNING)  # it advises a preparation that is useless for a graph of trees
        quantize_dynamic(original, smaller)
        logging.disable(logging.NOTSET)
        kinds = [[node.op_type for node in onnx.load(path).graph.node] for path in (original, smaller)]
        engines = [OnnxEngine(path, lab.pool.manifest.classes) for path in (original, smaller)]
        row = lab.pool.matrix[:1]
        return {
            "operators": sorted(set(kinds[0])),
            "changed": sorted(kinds[0]) != sorted(kinds[1]),
            "bytes": [original.stat().st_size, smaller.stat().st_size],
            "seconds": [seconds_of(partial(engine.predict, row)) for engine in engines],
        }


def _validation(lab: Lab) -> dict[str, dict[str, float]]:
    """A body's bytes to checked values: ours (fast path, Marshmallow alone) and the tuned twin's pydantic."""
    contract = lab.pool.contract
    reader = Reader(contract, 10_000)
    marshmallow_row, marshmallow_batch = reader.row_schema(), reader.batch_schema()
    row, batch = row_adapter(contract).validator, batch_adapter(contract).validator
    rows = lab.pool.rows[:1000]
    one, many = orjson.dumps(rows[0]), orjson.dumps({"instances": rows})
    bad = orjson.dumps({"instances": [wrong(row) for row in rows]})
    return {
        "one_row": {
            "parse": seconds_of(lambda: orjson.loads(one)),
            "ours": seconds_of(lambda: reader.row(one)),
            "marshmallow": seconds_of(lambda: marshmallow_row.load(orjson.loads(one))),
            "pydantic": seconds_of(lambda: row.validate_python(orjson.loads(one), strict=True)),
        },
        "batch_1000": {
            "parse": seconds_of(lambda: orjson.loads(many)),
            "ours": seconds_of(lambda: reader.batch(many)),
            "marshmallow": seconds_of(lambda: marshmallow_batch.load(orjson.loads(many))),
            "pydantic": seconds_of(lambda: batch.validate_python(orjson.loads(many), strict=True)),
        },
        "batch_1000_wrong": {
            "parse": seconds_of(lambda: orjson.loads(bad)),
            "ours": seconds_of(lambda: _refused(lambda: reader.batch(bad))),
            "pydantic": seconds_of(lambda: _refused(lambda: batch.validate_python(orjson.loads(bad), strict=True))),
        },
    }


def _refused(call: Callable[[], object]) -> None:
    try:
        call()
    except InvalidInput:
        return
    except ValidationError as exc:
        exc.errors(include_url=False, include_context=False, include_input=False)
