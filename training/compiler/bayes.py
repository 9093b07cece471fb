"""Gaussian naive Bayes."""

import numpy as np
from sklearn.naive_bayes import GaussianNB

from training.compiler.block import Block, NotCompilable
from training.compiler.graph import Graph
from training.compiler.handlers import estimator
from training.compiler.matrices import ordered
from training.compiler.outputs import multiclass


@estimator(GaussianNB)
def gaussian(step: GaussianNB, block: Block, graph: Graph) -> None:
    """The log of each class's prior and of its normal densities, added; probabilities by softmax."""
    block.doubles(step)
    if len(step.classes_) < 2:
        raise NotCompilable(step, "it was fitted on one class only.")
    rows = graph.add("Unsqueeze", [ordered(graph, block.columns), graph.constant([1], np.int64)])  # (n, 1, columns)
    away = graph.add("Sub", [rows, graph.constant(step.theta_)])
    terms = graph.add("Div", [graph.add("Mul", [away, away]), graph.constant(step.var_)])
    total = graph.add("ReduceSum", [terms, graph.constant([2], np.int64)], keepdims=0)
    start = np.log(step.class_prior_) - 0.5 * np.log(2.0 * np.pi * step.var_).sum(axis=1)
    half = graph.add("Mul", [total, graph.constant(0.5)])
    multiclass(graph, graph.add("Sub", [graph.constant(start), half]))
