"""The fitted pipeline itself: the reference for every compiled graph."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inference.contract import Contract
from inference.engines.base import Answers, Label, classified
from inference.features import Matrix, decode


class SklearnEngine:
    """Runs a fitted Pipeline on a DataFrame."""

    name = "sklearn"

    def __init__(
        self, pipeline: Any, contract: Contract, dtypes: Mapping[str, str], classes: Sequence[Label] = ()
    ) -> None:
        self._pipeline = pipeline
        self._contract = contract
        self._dtypes = dtypes
        self._classes = tuple(classes)
        self._index = {label: index for index, label in enumerate(getattr(pipeline, "classes_", ()))}

    def predict(self, matrix: Matrix) -> Answers:
        """See Engine."""
        frame = decode(self._contract, self._dtypes, matrix)
        found = self._pipeline.predict(frame)
        if self._contract.task == "regression":
            return Answers(np.asarray(found, dtype=np.float64).reshape(len(matrix)).tolist(), None, None)
        chosen = np.array([self._index[label] for label in found], dtype=np.int64)
        probabilities = None
        if hasattr(self._pipeline, "predict_proba"):
            probabilities = np.asarray(self._pipeline.predict_proba(frame), dtype=np.float64)
        return classified(self._classes, probabilities, chosen)
