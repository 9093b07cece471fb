"""Lay out a model for MLServer as its documentation shows: settings.json and model-settings.json beside the pickle.

``python -m benchmarks.peers.mlserver_folder ARTIFACT WORK PORT WORKERS``
"""

import json
import shutil
import sys
from pathlib import Path


def main(artifact: Path, work: Path, port: int, workers: int) -> None:
    """Write ``work``; MLServer's ports besides HTTP follow ``port``.

    One worker means one process: its default, a pool of one beside the server, hands every row over twice.
    """
    shutil.copy(artifact / "pipeline.joblib", work / "model.joblib")
    settings = {"http_port": port, "grpc_port": port + 1, "metrics_port": port + 2, "host": "127.0.0.1"}
    settings |= {"parallel_workers": workers if workers > 1 else 0, "debug": False}
    model = {
        "name": "model",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib"},
    }
    (work / "settings.json").write_text(json.dumps(settings))
    (work / "model-settings.json").write_text(json.dumps(model))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
