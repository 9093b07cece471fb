"""Loading the scaler and the model, and predicting one instance with them."""

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np

from benchmarks.twins.fastapi_design.features import Engineer, engineer_for
from benchmarks.twins.loading import load_manifest
from inference import artifact
from inference.manifest import Manifest
from service.metrics import versions
from service.settings import Settings


@dataclass(frozen=True)
class Loaded:
    """The fitted pipeline in parts, and its manifest. ``scaler`` is None where the pipeline has a single step."""

    manifest: Manifest
    engineer: Engineer
    scaler: Any
    model: Any

    def predict(self, values: Mapping[str, Any]) -> tuple[Any, Any]:
        """One instance: its label and (1, classes) probabilities, or its number and None."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # frames reach a scaler that was fitted on arrays
            features = self.engineer(values)
            if self.scaler is not None:
                features = self.scaler.transform(features)
            prediction = self.model.predict(features)[0]
            probabilities = self.model.predict_proba(features) if hasattr(self.model, "predict_proba") else None
        return prediction.item() if isinstance(prediction, np.generic) else prediction, probabilities


def load_model_and_artifacts(settings: Settings) -> Loaded:
    """Load the fitted pipeline and take it apart as the FastAPI design has it."""
    folder, manifest = load_manifest(settings)
    pipeline = joblib.load(io.BytesIO(artifact.read_verified(folder, manifest, artifact.PIPELINE)))
    versions.loaded(manifest.version, "sklearn")
    example = dict(zip(manifest.contract.names, _first_row(folder, manifest), strict=True))
    scaler = pipeline[-2] if len(pipeline) > 1 else None
    return Loaded(manifest, engineer_for(pipeline, example), scaler, pipeline[-1])


def _first_row(folder: Any, manifest: Manifest) -> list[Any]:
    rows: list[list[Any]] = artifact.read_document(folder, manifest, artifact.GOLDEN)["rows"]
    return rows[0]
