"""The pipeline behind BentoML, as its documentation shows; ARTIFACT names the artifact's folder, WORKERS how many."""

import os
from pathlib import Path
from typing import Any

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=int(os.environ["WORKERS"]))
class Tabular:
    """A flat object at /predict, ``{"instances": [...]}`` at /predict/batch."""

    def __init__(self) -> None:
        self.pipeline = joblib.load(Path(os.environ["ARTIFACT"]) / "pipeline.joblib")

    @bentoml.api(route="/predict")
    def predict(self, row: dict[str, Any], /) -> dict[str, Any]:
        """One row."""
        return {"prediction": self.pipeline.predict(pd.DataFrame([row])).tolist()[0]}

    @bentoml.api(route="/predict/batch")
    def predict_batch(self, instances: list[dict[str, Any]]) -> dict[str, Any]:
        """Rows at once."""
        return {"predictions": [{"prediction": p} for p in self.pipeline.predict(pd.DataFrame(instances)).tolist()]}
