"""A process that asks MLflow once, and ends: no worker imports MLflow.

``python -m service.models.mlflow_process`` takes one JSON object on standard input and answers one on standard output.
``{"name", "alias"}`` gives ``{"version"}``; ``{"name", "version", "into"}`` downloads what is registered, and gives
``{}``. ``{"error"}`` says in a line why not, ``{"missing"}`` that there is no MLflow.
"""

import json
import os
import sys
from contextlib import redirect_stdout
from typing import Any


def answer(request: dict[str, str]) -> dict[str, Any]:
    """The answer to one request; MLflow's errors are raised."""
    import mlflow

    client = mlflow.MlflowClient()
    if "alias" in request:
        return {"version": str(client.get_model_version_by_alias(request["name"], request["alias"]).version)}
    uri = client.get_model_version_download_uri(request["name"], request["version"])
    mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=request["into"])
    return {}


def main() -> None:
    """Answer the request on standard input."""
    request, answers = json.load(sys.stdin), os.dup(1)
    found: dict[str, Any]
    try:
        with redirect_stdout(sys.stderr):  # MLflow prints
            found = answer(request)
    except ModuleNotFoundError as exc:
        found = {"missing": exc.name} if exc.name == "mlflow" else {"error": str(exc)}
    except Exception as exc:  # MLflow's stores raise errors of their own libraries
        lines = str(exc).strip().splitlines() or [type(exc).__name__]
        found = {"error": lines[0]}
    os.write(answers, json.dumps(found).encode())


if __name__ == "__main__":
    main()
