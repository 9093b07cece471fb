"""The pipeline as one compiled ONNX graph. Neither scikit-learn nor pandas is imported here."""

from collections.abc import Sequence
from pathlib import Path

import onnxruntime as ort

from service.inference.engines.base import Answers, EngineError, Label, classified
from service.inference.features import Matrix

INPUT = "rows"
OUTPUTS = ("probabilities", "label", "value")
"""Of a graph: ``rows`` float64 (n, features) in; out a subset of ``probabilities`` float64 (n, classes), ``label``
int64 (n,), an index into the classes, where it is not the first most probable, and ``value`` float64 (n,)."""


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
        except Exception as fault:  # onnxruntime's exceptions share no public base class
            raise EngineError(f"onnxruntime refuses the graph: {str(fault).splitlines()[0]}") from fault
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._classes = tuple(classes)

    def predict(self, matrix: Matrix) -> Answers:
        """See Engine."""
        found = dict(zip(self._outputs, self._session.run(self._outputs, {INPUT: matrix}), strict=True))
        if "value" in found:
            return Answers(found["value"].tolist(), None, None)
        return classified(self._classes, found.get("probabilities"), found.get("label"))
