"""Steps made of steps, and those that change nothing."""

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils._indexing import _get_column_indices

from training.compiler.block import Block, NotCompilable, cells
from training.compiler.columns import Column
from training.compiler.handlers import composite, serving, transformed, walk


@composite(Pipeline)
def pipeline(step: Pipeline, block: Block) -> Block:
    """One after the other."""
    for inner in serving(step.steps):
        block = walk(inner, block)
    return block


@composite(ColumnTransformer)
def column_transformer(step: ColumnTransformer, block: Block) -> Block:
    """Each branch on its columns, side by side in the order they were fitted in; the rest dropped or passed."""
    if step.transformer_weights:
        raise NotCompilable(step, "transformer_weights are not compiled.")
    columns: list[Column] = []
    for _, inner, chosen in step.transformers_:
        indices = list(_get_column_indices(block.data, chosen))
        if (isinstance(inner, str) and inner == "drop") or not indices:
            continue
        branch = Block(
            [block.columns[index] for index in indices], _safe_indexing(block.data, chosen, axis=1), block.probe
        )
        columns += walk(inner, branch).columns
    return _joined(step, block, columns)


@composite(FeatureUnion)
def feature_union(step: FeatureUnion, block: Block) -> Block:
    """Each member on all columns, side by side."""
    if step.transformer_weights:
        raise NotCompilable(step, "transformer_weights are not compiled.")
    members = [inner for _, inner in step.transformer_list if not (isinstance(inner, str) and inner == "drop")]
    return _joined(step, block, [column for inner in members for column in walk(inner, block).columns])


def _joined(step: Any, block: Block, columns: list[Column]) -> Block:
    after = transformed(step, block.data)
    if cells(after).shape[1] != len(columns):
        raise NotCompilable(step, f"it makes {cells(after).shape[1]} columns where {len(columns)} were expected.")
    return Block(columns, after, block.probe)
