"""``--register NAME``: log a run, its metrics, the artifact and its signature to MLflow, and register the artifact."""

import importlib.util
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from inference.contract import Contract, Feature
from inference.manifest import ArtifactError, Manifest
from training.errors import TrainingError

KINDS = {"number": "double", "integer": "long", "boolean": "boolean", "category": "string", "text": "string"}
"""The types of MLflow's signatures by those of a contract."""
MODEL = "model"
ALIAS = r"[A-Za-z0-9_.\-]+"


@click.command("register")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("name")
@click.option("--alias", help="Let this alias name the new version.")
def register_command(folder: Path, name: str, alias: str | None) -> None:
    """Register the artifact in FOLDER, with its model.sig where it is signed, as a version of NAME."""
    check_registry(name, alias)
    try:
        manifest = Manifest.read(folder)
    except ArtifactError as exc:
        raise TrainingError(str(exc)) from None
    register(folder, manifest, name, alias)


def check_registry(name: str, alias: str | None) -> None:
    """Check, before any work, that an artifact can be registered under this name.

    Raises:
        TrainingError: MLflow is not installed, or the name or the alias can be none.
    """
    if importlib.util.find_spec("mlflow") is None:
        raise TrainingError("--register needs MLflow. Install it: pip install mlflow-skinny")
    if not name.strip() or re.search(r"[/:@]", name):
        raise TrainingError(
            f"--register {name!r}: a model's name has no '/', no ':' and no '@', and is not empty: choose another."
        )
    if alias is not None and (not re.fullmatch(ALIAS, alias) or re.fullmatch(r"latest|v\d+", alias)):
        raise TrainingError(
            f"--alias {alias!r}: letters, digits, '_', '.' and '-' only; not 'latest', and no number behind a 'v'."
        )


def register(folder: Path, manifest: Manifest, name: str, alias: str | None) -> str:
    """Log and register the artifact at MLFLOW_TRACKING_URI; the number of the new version.

    Raises:
        TrainingError: the registry does not take it; the artifact itself stays where it is.
    """
    import mlflow

    try:
        client = mlflow.MlflowClient()
        with mlflow.start_run(run_name=manifest.version) as run, tempfile.TemporaryDirectory() as own:
            mlflow.log_params({key: str(value)[:500] for key, value in manifest.hyperparameters.items()})
            mlflow.log_metrics({key: value for key, value in manifest.metrics.items() if _is_number(value)})
            mlflow.set_tags({"model_version": manifest.version, "artifact_sha256": manifest.sha256})
            described = Path(own) / MODEL
            described.mkdir()
            _describe(manifest, run.info.run_id).save(str(described / "MLmodel"))
            mlflow.log_artifacts(str(described), MODEL)
            mlflow.log_artifacts(str(folder), f"{MODEL}/{manifest.version}")
        if not client.search_registered_models(f"name = '{_quoted(name)}'"):
            client.create_registered_model(name)
        made = client.create_model_version(name, f"{run.info.artifact_uri}/{MODEL}", run.info.run_id)
        if alias is not None:
            client.set_registered_model_alias(name, alias, made.version)
    except Exception as exc:  # MLflow's stores raise errors of their own libraries
        lines = str(exc).strip().splitlines() or [type(exc).__name__]
        raise TrainingError(
            f"{folder} was not registered: MLflow says: {lines[0]} Check MLFLOW_TRACKING_URI and its server; "
            "then type: python -m training register"
        ) from None
    named = f"models:/{name}@{alias}" if alias else f"models:/{name}/{made.version}"
    click.echo(
        f"\n{manifest.version} is version {made.version} of {name}. Serve it:\n  MODEL_URI={named} gunicorn wsgi:app"
    )
    return str(made.version)


def _describe(manifest: Manifest, run_id: str) -> Any:
    """MLflow's description of the model: its signature, and a flavor of ours that names the artifact."""
    from mlflow.models import Model, ModelSignature
    from mlflow.types.schema import ColSpec, DataType, Schema

    contract: Contract = manifest.contract

    def column(feature: Feature) -> Any:
        return ColSpec(DataType[KINDS[feature.type]], feature.name, required=not feature.nullable)

    inputs = Schema([column(feature) for feature in contract.features])
    kinds: Mapping[type, str] = {bool: "boolean", int: "long", float: "double", str: "string"}
    kind = "double" if contract.task == "regression" else kinds[type(manifest.classes[0])]
    outputs = Schema([ColSpec(DataType[kind], "prediction")])
    described = Model(artifact_path=MODEL, run_id=run_id, signature=ModelSignature(inputs, outputs))
    described.add_flavor("tabular_serving", version=manifest.version, format=manifest.format)
    return described


def _quoted(name: str) -> str:
    return name.replace("'", "\\'")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
