"""The fitted pipeline itself: the reference for every compiled graph."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.column_form import Forms
from inference.contract import Contract
from inference.engines.base import Answers, Label, classified
from inference.features import Matrix, decode

if TYPE_CHECKING:
    import pandas as pd


class SklearnEngine:
    """Runs a fitted Pipeline on a DataFrame."""

    name = "sklearn"

    def __init__(self, pipeline: Any, contract: Contract, forms: Forms, classes: Sequence[Label] = ()) -> None:
        self._pipeline = pipeline
        self._contract = contract
        self._forms = forms
        self._classes = tuple(classes)
        self._index = {label: index for index, label in enumerate(getattr(pipeline, "classes_", ()))}

    def predict(self, matrix: Matrix) -> Answers:
        """See Engine."""
        return self.predict_frame(decode(self._contract, self._forms, matrix))

    def predict_frame(self, frame: "pd.DataFrame") -> Answers:
        """Answer the rows of a frame as the user has it, with the contract's columns in order."""
        found = self._pipeline.predict(frame)
        if self._contract.task == "regression":
            return Answers(np.asarray(found, dtype=np.float64).reshape(len(frame)).tolist(), None, None)
        labels = np.asarray(found).reshape(len(frame))  # CatBoost's of three classes stand in a column
        chosen = np.array([self._index[label] for label in labels], dtype=np.int64)
        probabilities = None
        if hasattr(self._pipeline, "predict_proba"):
            probabilities = np.asarray(self._pipeline.predict_proba(frame), dtype=np.float64)
        return classified(self._classes, probabilities, chosen)
