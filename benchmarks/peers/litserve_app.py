"""The pipeline behind LitServe, as its documentation shows: ``python litserve_app.py ARTIFACT PORT WORKERS``."""

import sys
from pathlib import Path
from typing import Any

import joblib
import litserve as ls
import pandas as pd


class Tabular(ls.LitAPI):
    """One row a request."""

    def setup(self, device: str) -> None:
        """Load once a worker."""
        self.pipeline = joblib.load(Path(sys.argv[1]) / "pipeline.joblib")

    def predict(self, request: dict[str, Any]) -> dict[str, Any]:
        """A flat object, or ``{"instances": [...]}``."""
        rows = request.get("instances", [request])
        predictions = self.pipeline.predict(pd.DataFrame(rows)).tolist()
        answers = [{"prediction": prediction} for prediction in predictions]
        return {"predictions": answers} if "instances" in request else answers[0]


if __name__ == "__main__":
    server = ls.LitServer(Tabular(api_path="/predict"), accelerator="cpu", workers_per_device=int(sys.argv[3]))
    server.run(port=int(sys.argv[2]), host="127.0.0.1", generate_client_file=False, log_level="warning")
