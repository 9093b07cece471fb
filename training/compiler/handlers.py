"""The handler of each class of step: the function that compiles it."""

import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TypeVar

from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline

from training.compiler.block import Block, NotCompilable, cells
from training.compiler.columns import Column
from training.compiler.graph import Graph

Transformer = Callable[[Any, Block, Any], list[Column]]
"""(fitted step, its input, its own result on the probe) -> the columns of its result."""
Composite = Callable[[Any, Block], Block]
"""(fitted step made of steps, its input) -> its result."""
Estimator = Callable[[Any, Block, Graph], None]
"""(fitted estimator, its input, the graph that gets its outputs)."""

OPTIONAL = ("lightgbm", "xgboost")
"""Libraries whose estimators have a module of their own, which is imported when one is met."""
T = TypeVar("T")
TRANSFORMERS: dict[type, Transformer] = {}
COMPOSITES: dict[type, Composite] = {}
ESTIMATORS: dict[type, Estimator] = {}


def transformer(*classes: type) -> Callable[[Transformer], Transformer]:
    """Register a function for steps of exactly these classes: a subclass may compute otherwise."""
    return _registration(TRANSFORMERS, classes)


def composite(*classes: type) -> Callable[[Composite], Composite]:
    """Register a function for steps made of steps."""
    return _registration(COMPOSITES, classes)


def estimator(*classes: type) -> Callable[[Estimator], Estimator]:
    """Register a function for last steps."""
    return _registration(ESTIMATORS, classes)


def _registration(table: dict[type, T], classes: tuple[type, ...]) -> Callable[[T], T]:
    def register(function: T) -> T:
        table.update(dict.fromkeys(classes, function))
        return function

    return register


def walk(step: Any, block: Block) -> Block:
    """What a fitted transformer makes of a block.

    Raises:
        NotCompilable: it is of no known class, set in a way that is not compiled, or fails on valid rows.
    """
    if (isinstance(step, str) and step == "passthrough") or step is None:
        return block
    whole = COMPOSITES.get(Pipeline if _is_pipeline(step) else type(step))
    if whole is not None:
        return whole(step, block)
    function = TRANSFORMERS.get(type(step))
    if function is None:
        raise NotCompilable(step, "this step is not among those that the compiler knows.")
    after = transformed(step, block.data)
    columns = function(step, block, after)
    if len(columns) != cells(after).shape[1]:
        raise NotCompilable(step, f"it makes {cells(after).shape[1]} columns where {len(columns)} were expected.")
    return Block(columns, after, block.probe)


def serving(steps: Sequence[tuple[str, Any]]) -> list[Any]:
    """The steps that do something to rows at prediction: samplers, as imbalanced-learn has them, only do at the fit."""
    return [step for _, step in steps if not hasattr(step, "fit_resample") or hasattr(step, "transform")]


def _is_pipeline(step: Any) -> bool:
    """scikit-learn's own, or imbalanced-learn's, which differs from it at the fit only."""
    return isinstance(step, Pipeline) and type(step).__module__ in ("sklearn.pipeline", "imblearn.pipeline")


def answer(step: Any, block: Block, graph: Graph) -> None:
    """Add the outputs of a fitted estimator, or of the Pipeline or finished search that it is the last step of.

    Raises:
        NotCompilable: see ``walk``.
    """
    while _is_pipeline(step) or isinstance(step, BaseSearchCV):
        if isinstance(step, BaseSearchCV):
            step = getattr(step, "best_estimator_", None)
            continue
        for inner in serving(step.steps[:-1]):
            block = walk(inner, block)
        step = step.steps[-1][1]
    library = type(step).__module__.split(".")[0]
    if library in OPTIONAL:
        import_module(f"training.compiler.{library}")
    function = ESTIMATORS.get(type(step))
    if function is None:
        raise NotCompilable(step, "this estimator is not among those that the compiler knows.")
    function(step, block, graph)


def part(step: Any, block: Block, graph: Graph) -> dict[str, str]:
    """The outputs of an estimator that is a part of another, as tensors by name."""
    outside, graph.part = graph.part, {}
    try:
        answer(step, block, graph)
        return graph.part
    finally:
        graph.part = outside


def transformed(step: Any, rows: Any) -> Any:
    """The fitted step's own result on a few valid rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of unknown categories: the contract's concern, not the compiler's
        try:
            return step.transform(rows)
        except Exception as exc:
            raise NotCompilable(step, f"it fails on a valid row: {str(exc).splitlines()[0]}") from exc
