"""Save the pipeline as an MLflow model, by MLflow's own environment: ``python mlflow_model.py ARTIFACT WORK``."""

import sys
from pathlib import Path

import joblib
import mlflow.sklearn

pipeline = joblib.load(Path(sys.argv[1]) / "pipeline.joblib")
mlflow.sklearn.save_model(pipeline, str(Path(sys.argv[2]) / "model"), serialization_format="cloudpickle")
