"""``python -m training.compiler.report``: how each family's graph compares with its pipeline, on real data sets.

Writes ``benchmarks/results/compiler.json`` and a table of it, ``compiler.md``. Times are medians of one thread, taken
in turns, so that their ratio holds where their absolute values are noise.
"""

import argparse
import json
import platform
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sklearn import ensemble, linear_model, naive_bayes, neural_network, svm, tree
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from inference.contract import Task
from inference.engines.onnx import OnnxEngine
from inference.engines.sklearn import SklearnEngine
from training import default_model
from training.compiler import NotCompilable, compile_pipeline
from training.compiler.sample_tables import DATASETS
from training.dataset import Dataset
from training.families import FAMILIES
from training.parity import check, with_limits
from training.preprocessing import make_pipeline

RESULTS = Path("benchmarks/results")
LIBRARIES = ("scikit-learn", "onnxruntime", "onnx", "numpy")
COLUMNS = (
    "data set",
    "family",
    "rows",
    "flips",
    "largest difference",
    "graph 1 row",
    "sklearn 1 row",
    "graph 1 000 rows",
)
BATCHES = ((1, 10), (1000, 2))
"""Rows at once, and how many turns."""
OTHERS = {"lightgbm": ("LGBMClassifier", "LGBMRegressor"), "xgboost": ("XGBClassifier", "XGBRegressor")}
PACKED_ON = ("mixed", "diabetes")
CALLS = 5


def compare(name: str, family: str, pipeline: Any, dataset: Dataset, rows: int) -> dict[str, Any]:
    """One line of the table: fit, compile, run the parity gate, time both."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coded = family == "xgboost" and dataset.classes  # it takes no texts as labels
        target = np.unique(dataset.target, return_inverse=True)[1] if coded else dataset.target
        pipeline.fit(dataset.frame, target)
        line: dict[str, Any] = {"dataset": name, "family": family}
        contract = with_limits(pipeline, dataset.contract, dataset.dtypes)
        try:
            graph = compile_pipeline(pipeline, contract, dataset.dtypes)
        except NotCompilable as exc:
            return line | {"reason": str(exc)}
        engine = OnnxEngine(graph, dataset.classes)
        reference = SklearnEngine(pipeline, contract, dataset.dtypes, dataset.classes)
        line |= asdict(check(pipeline, engine, contract, dataset.dtypes, rows)) | {"graph_bytes": len(graph)}
        draw = np.random.default_rng(0)
        for count, times in BATCHES:
            matrix = dataset.matrix[draw.integers(0, len(dataset), count)]
            calls = partial(engine.predict, matrix), partial(reference.predict, matrix)
            line[f"graph_{count}_us"], line[f"sklearn_{count}_us"] = _microseconds(calls, times)
    return line


def _microseconds(calls: tuple[Callable[[], object], ...], times: int) -> list[float]:
    """The median microseconds of a call of each, by turns of a few calls, so that a turn finds its own caches warm."""
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(times):
        for call, found in zip(calls, taken, strict=True):
            for _ in range(CALLS):
                started = time.perf_counter()
                call()
                found.append((time.perf_counter() - started) * 1e6)
    return [round(median(found), 1) for found in taken]


def _others(task: Task) -> dict[str, Any]:
    """An estimator of each other library that is installed."""
    found = {}
    for library, (classifier, regressor) in OTHERS.items():
        if find_spec(library) is not None:
            kind = getattr(import_module(library), classifier if task == "classification" else regressor)
            found[library] = kind(
                n_estimators=100, n_jobs=1, random_state=0, verbosity=-1 if library == "lightgbm" else 0
            )
    return found


def _packed(task: Task) -> dict[str, Any]:
    """Estimators that only ``pack`` brings, over scaled columns."""
    classes = task == "classification"
    line: Any = linear_model.LogisticRegression(max_iter=2000) if classes else linear_model.Ridge()
    leaf: Any = tree.DecisionTreeClassifier(max_depth=6) if classes else tree.DecisionTreeRegressor(max_depth=6)
    vote: Any = ensemble.VotingClassifier if classes else ensemble.VotingRegressor
    net: Any = neural_network.MLPClassifier if classes else neural_network.MLPRegressor
    shared = {
        "voting": vote([("line", line), ("tree", leaf)], **({"voting": "soft"} if classes else {})),
        "bagging": (ensemble.BaggingClassifier if classes else ensemble.BaggingRegressor)(random_state=0),
        "adaboost": (ensemble.AdaBoostClassifier if classes else ensemble.AdaBoostRegressor)(random_state=0),
        "net": net(hidden_layer_sizes=(32,), random_state=0),
    }
    if not classes:
        return shared | {"log target": TransformedTargetRegressor(line, func=np.log1p, inverse_func=np.expm1)}
    return shared | {
        "calibrated": CalibratedClassifierCV(svm.LinearSVC(), cv=3),
        "bayes": naive_bayes.GaussianNB(),
        "stochastic": linear_model.SGDClassifier(loss="log_loss", random_state=0),
    }


def table(lines: list[dict[str, Any]]) -> str:
    """The lines in Markdown."""
    heads = [*COLUMNS, "sklearn 1 000 rows"]
    rows = [heads, ["---"] * 2 + ["---:"] * (len(heads) - 2)]
    for line in lines:
        first = [line["dataset"], line["family"]]
        if "rows" not in line:
            rows.append([*first, line["reason"], *[""] * (len(heads) - 3)])
            continue
        times = [line[f"{engine}_{count}_us"] for count, _ in BATCHES for engine in ("graph", "sklearn")]
        units = [*(f"{value:,.0f} us" for value in times[:2]), *(f"{value / 1000:,.2f} ms" for value in times[2:])]
        rows.append([*first, f"{line['rows']:,}", str(line["flips"]), f"{line['largest_difference']:.1e}", *units])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    """Write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows", type=int, default=20_000, help="random rows of each comparison, beside threshold rows"
    )
    parser.add_argument("--default-rows", type=int, default=1_000_000, help="the same for the default model")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    work: list[tuple[str, str, Any, Dataset, int]] = []
    default = default_model.make_dataset(0)
    work.append(("default", "random_forest", default_model.make_pipeline(0), default, options.default_rows))
    for name, load in DATASETS.items():
        dataset = load()
        task: Task = dataset.contract.task
        for family in FAMILIES.values():
            if task in family.estimators:
                pipeline = make_pipeline(dataset.contract, family.make(task, 0), family.needs)
                work.append((name, family.name, pipeline, dataset, options.rows))
        for library, model in _others(task).items():
            work.append((name, library, make_pipeline(dataset.contract, model, "complete"), dataset, options.rows))
        for packed, model in _packed(task).items() if name in PACKED_ON else ():
            work.append((name, packed, make_pipeline(dataset.contract, model, "scaled"), dataset, options.rows))
    with threadpool_limits(1):
        lines = [compare(*job) for job in tqdm(work, unit="model")]
    options.output.mkdir(parents=True, exist_ok=True)
    libraries = {library: version(library) for library in LIBRARIES}
    document = {"python": platform.python_version(), "libraries": libraries, "lines": lines}
    (options.output / "compiler.json").write_text(json.dumps(document, indent=1) + "\n")
    (options.output / "compiler.md").write_text(table(lines))
    tqdm.write(table(lines))


if __name__ == "__main__":
    main()
