"""Columns to tensors: columns of one kind are made by one set of nodes, as many as there are."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from inference.engines.onnx import INPUT
from training.compiler.columns import (
    Coded,
    Column,
    Constant,
    Curve,
    Filled,
    Made,
    Missing,
    Product,
    Raw,
    Step,
    Table,
    Weighted,
    simplified,
)
from training.compiler.graph import Graph, Matrix


def matrix(graph: Graph, columns: Sequence[Column]) -> Matrix:
    """A tensor that holds ``columns``, in the cheapest order and perhaps among others."""
    columns = [simplified(column) for column in columns]
    groups: dict[Any, list[Any]] = {}
    for column in dict.fromkeys(columns):
        groups.setdefault(_kind(column), []).append(column)
    parts = [EMITTERS[type(group[0])](graph, group) for group in groups.values()]
    tensor, width, starts = graph.concat(parts)
    found = {
        column: start + position
        for group, part, start in zip(groups.values(), parts, starts, strict=True)
        for column, position in zip(group, part.positions, strict=True)
    }
    return Matrix(tensor, width, tuple(found[column] for column in columns))


def ordered(graph: Graph, columns: Sequence[Column]) -> str:
    """A tensor of exactly these columns in this order."""
    made = matrix(graph, columns)
    if made.positions == tuple(range(made.width)):
        return made.tensor
    return graph.gather(made.tensor, made.positions)


def _kind(column: Column) -> Any:
    """Columns of the same kind share their nodes."""
    match column:
        case Step(operation=operation):
            return Step, operation
        case Coded(inner, keys, values, default):
            return (Coded,) if len(keys) == 1 and keys[0] == keys[0] else (inner, keys, values, default)
        case Weighted(columns):
            return Weighted, columns
        case Made(tensor):
            return Made, tensor
    return type(column)


def _raw(graph: Graph, group: Sequence[Raw]) -> Matrix:
    return Matrix(INPUT, graph.features, tuple(column.index for column in group))


def _step(graph: Graph, group: Sequence[Step]) -> Matrix:
    inner = ordered(graph, [column.column for column in group])
    if group[0].operation == "Round":  # onnxruntime would remove two casts that met
        single = graph.gather(graph.cast(inner, TensorProto.FLOAT), range(len(group)))
        return _in_order(graph.cast(single, TensorProto.DOUBLE), group)
    operands = graph.constant([column.operand for column in group])
    return _in_order(graph.add(group[0].operation, [inner, operands]), group)


def _filled(graph: Graph, group: Sequence[Filled]) -> Matrix:
    inner = ordered(graph, [column.column for column in group])
    values = graph.constant([column.value for column in group])
    return _in_order(graph.add("Where", [graph.add("IsNaN", [inner]), values, inner]), group)


def _missing(graph: Graph, group: Sequence[Missing]) -> Matrix:
    null = graph.add("IsNaN", [ordered(graph, [column.column for column in group])])
    return _chosen(graph, null, [column.yes for column in group], [column.no for column in group])


def _constant(graph: Graph, group: Sequence[Constant]) -> Matrix:
    values = [column.value for column in group]
    null = graph.add("IsNaN", [graph.gather(INPUT, [0])])  # (n, 1): only the number of rows matters
    return _in_order(graph.add("Where", [null, graph.constant(values), graph.constant(values)]), group)


def _coded(graph: Graph, group: Sequence[Coded]) -> Matrix:
    inner = ordered(graph, [column.column for column in group])
    first = group[0]
    if len(first.keys) == 1 and first.keys[0] == first.keys[0]:
        equal = graph.add("Equal", [inner, graph.constant([column.keys[0] for column in group])])
        return _chosen(graph, equal, [column.values[0] for column in group], [column.default for column in group])
    keys = numpy_helper.from_array(np.array(first.keys), "keys")
    values = numpy_helper.from_array(np.array(first.values), "values")
    default = numpy_helper.from_array(np.array([first.default]), "default")
    tensor = graph.add("LabelEncoder", [inner], keys_tensor=keys, values_tensor=values, default_tensor=default)
    return _in_order(tensor, group)


def _table(graph: Graph, group: Sequence[Table]) -> Matrix:
    """All tables laid end to end; a code plus its table's start is its place there."""
    codes = graph.gather(INPUT, [column.source for column in group])
    if any(column.nullable for column in group):
        nulls = graph.constant([len(column.values) - 1 for column in group])
        codes = graph.add("Where", [graph.add("IsNaN", [codes]), nulls, codes])
    starts = np.cumsum([0] + [len(column.values) for column in group[:-1]])
    if len(group) > 1:
        codes = graph.add("Add", [codes, graph.constant(starts)])
    places = graph.cast(codes, TensorProto.INT64)
    values = graph.constant([value for column in group for value in column.values])
    return _in_order(graph.add("Gather", [values, places], axis=0), group)


def _product(graph: Graph, group: Sequence[Product]) -> Matrix:
    factors = [column.left for column in group] + [column.right for column in group]
    base = matrix(graph, factors)
    left, right = base.positions[: len(group)], base.positions[len(group) :]
    return _in_order(graph.add("Mul", [graph.gather(base.tensor, left), graph.gather(base.tensor, right)]), group)


def _curve(graph: Graph, group: Sequence[Curve]) -> Matrix:
    made = [graph.remember(column, partial(column.shape.emit, graph, column.column)) for column in group]
    return _in_order(made[0] if len(made) == 1 else graph.add("Concat", made, axis=1), group)


def _weighted(graph: Graph, group: Sequence[Weighted]) -> Matrix:
    inner = ordered(graph, group[0].columns)
    weights = np.array([column.weights for column in group]).T
    return _in_order(graph.add("MatMul", [inner, graph.constant(weights)]), group)


def _made(graph: Graph, group: Sequence[Made]) -> Matrix:
    return Matrix(group[0].tensor, group[0].width, tuple(column.position for column in group))


def _chosen(graph: Graph, condition: str, yes: list[float], no: list[float]) -> Matrix:
    if set(yes) == {1.0} and set(no) == {0.0}:
        return _in_order(graph.cast(condition, TensorProto.DOUBLE), yes)
    return _in_order(graph.add("Where", [condition, graph.constant(yes), graph.constant(no)]), yes)


def _in_order(tensor: str, group: Sequence[Any]) -> Matrix:
    return Matrix(tensor, len(group), tuple(range(len(group))))


EMITTERS: dict[type, Callable[[Graph, Sequence[Any]], Matrix]] = {
    Raw: _raw,
    Constant: _constant,
    Table: _table,
    Coded: _coded,
    Missing: _missing,
    Filled: _filled,
    Step: _step,
    Product: _product,
    Curve: _curve,
    Weighted: _weighted,
    Made: _made,
}
