"""The pipeline as one compiled ONNX graph. Neither scikit-learn nor pandas is imported here."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import inference.engines.no_telemetry  # noqa: F401  # before onnxruntime, for what it sets

# isort: split
import numpy as np
import onnxruntime as ort

from inference.engines.base import Answers, EngineError, Label, classified
from inference.features import Matrix
from inference.open_columns import OpenMatrix, for_graph

INPUT = "rows"
"""A graph takes ``rows`` float64 (n, features) and gives a subset of ``probabilities`` float64 (n, classes), ``label``
int64 (n,), an index into the classes, where it is not the first most probable, and ``value`` float64 (n,)."""


class OneRow:
    """A graph bound to memory of our own for one row: it takes a third less than a run that allocates its values.

    For one thread alone.
    """

    def __init__(self, session: ort.InferenceSession, outputs: Sequence[str], width: int) -> None:
        self._session = session
        self._row = np.zeros((1, width))
        self._found = [np.ascontiguousarray(values) for values in session.run(outputs, {INPUT: self._row})]
        self._binding = session.io_binding()
        self._binding.bind_input(INPUT, "cpu", 0, np.float64, self._row.shape, self._row.ctypes.data)
        for name, values in zip(outputs, self._found, strict=True):
            self._binding.bind_output(name, "cpu", 0, values.dtype.type, values.shape, values.ctypes.data)

    def run(self, row: Matrix) -> list[Any]:
        """The outputs for a matrix of shape (1, features)."""
        self._row[:] = row
        self._session.run_with_iobinding(self._binding)
        return [values.copy() for values in self._found]


class OnnxEngine:
    """Runs ``model.onnx`` in the calling thread."""

    name = "onnx"

    def __init__(self, graph: bytes | Path, classes: Sequence[Label] = ()) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # a third of the memory, no slower on one thread
        options.log_severity_level = 3
        source = graph if isinstance(graph, bytes) else str(graph)
        try:
            self._session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as exc:  # onnxruntime's exceptions share no public base class
            raise EngineError(f"onnxruntime refuses the graph: {str(exc).splitlines()[0]}") from exc
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._classes = tuple(classes)
        self._own = threading.local()

    def predict(self, matrix: Matrix) -> Answers:
        """See Engine."""
        if type(matrix) is OpenMatrix:
            matrix = for_graph(matrix)
        if len(matrix) == 1:
            values = self._one_row(matrix.shape[1]).run(matrix)
        else:
            values = self._session.run(self._outputs, {INPUT: matrix})
        found = dict(zip(self._outputs, values, strict=True))
        if "value" in found:
            return Answers(found["value"].tolist(), None, None)
        return classified(self._classes, found.get("probabilities"), found.get("label"))

    def _one_row(self, width: int) -> OneRow:
        found: OneRow | None = getattr(self._own, "one_row", None)
        if found is None:
            found = self._own.one_row = OneRow(self._session, self._outputs, width)
        return found
