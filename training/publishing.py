"""Write a fitted pipeline as an artifact; the first artifact becomes the stable version."""

import io
import json
import pickle
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import joblib

from inference import artifact
from inference.column_form import ColumnForm, dtype_of_form
from inference.engines.base import Engine
from inference.engines.onnx import OnnxEngine
from inference.engines.sklearn import SklearnEngine
from inference.golden import golden_document
from inference.manifest import Manifest
from inference.timestamps import isoformat
from training.engine_choice import Choice
from training.errors import TrainingError
from training.fitting import Fitted
from training.last_check import check_publication
from training.reference import reference_document
from training.sampling import golden_rows, rows_of

LIBRARIES = ("scikit-learn", "numpy", "pandas", "joblib")


def publish(
    root: Path,
    algorithm: str,
    fitted: Fitted,
    choice: Choice,
    facts: Mapping[str, Any],
    seed: int,
    card: bytes | None,
    number: int | None = None,
) -> Manifest:
    """Write the folder ``root``/<algorithm>-<n>; ``facts`` are added to the manifest's ``training``.

    ``number``: that n, where it is not the next free one. Without metrics (``fitted.evaluation`` is empty) the manifest
    has none.

    Raises:
        OSError: ``root`` cannot be written.
        TrainingError: the pipeline cannot be pickled, or its sample would not be answered as the pipeline answers it.
    """
    created = isoformat(datetime.now(UTC))
    seen = fitted.seen

    def describe(version: str, hashes: Mapping[str, str]) -> Manifest:
        return Manifest(
            version=version,
            created=created,
            algorithm=algorithm,
            contract=choice.contract,
            classes=seen.classes,
            engine=choice.engine,
            engine_reason=choice.reason,
            dtypes={name: dtype_of_form(form) for name, form in seen.dtypes.items()},
            columns={name: form for name, form in seen.dtypes.items() if isinstance(form, ColumnForm)},
            files=hashes,
            metric=fitted.metric,
            metrics=fitted.evaluation.document(),
            hyperparameters=hyperparameters(fitted.pipeline),
            training={
                "source": seen.source,
                "seed": seed,
                **_rows(fitted),
                "python": platform.python_version(),
                **facts,
            },
            libraries=libraries(fitted.pipeline),
        )

    files = _files(fitted, choice, seed, card)
    check_publication(fitted, choice.contract, _serving(files, fitted, choice))
    return artifact.write(root, algorithm, files, describe, number)


def hyperparameters(pipeline: Any) -> dict[str, Any]:
    """The last step's parameters that are JSON values."""
    return {name: value for name, value in pipeline[-1].get_params().items() if _plain(value)}


def libraries(pipeline: Any) -> dict[str, str]:
    """Name to version of the libraries that loading the pickle depends on."""
    parts = [type(part).__module__.split(".")[0] for part in pipeline.get_params(deep=True).values()]
    known = _distributions()
    others = {known[part][0] for part in parts if part in known}
    return {name: metadata.version(name) for name in sorted({*LIBRARIES, *others})}


@cache
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _rows(fitted: Fitted) -> dict[str, Any]:
    if fitted.elsewhere:
        return {"sample_rows": len(fitted.seen)}
    counts = {"rows": len(fitted.seen), "holdout_rows": len(fitted.holdout)}
    return {**counts, "fit_seconds": round(fitted.seconds, 3)}


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _files(fitted: Fitted, choice: Choice, seed: int, card: bytes | None) -> dict[str, bytes]:
    seen = fitted.seen
    chosen = seen.matrix[golden_rows(choice.contract, seen.matrix, seed)]
    engine = SklearnEngine(fitted.pipeline, choice.contract, seen.dtypes, seen.classes)
    golden = golden_document(rows_of(choice.contract, chosen), engine.predict(chosen))
    reference = reference_document(choice.contract, seen.matrix, fitted.answers, list(seen.classes))
    files = {
        artifact.PIPELINE: _pickled(fitted.pipeline),
        artifact.GOLDEN: _json(golden),
        artifact.REFERENCE: _json(reference),
    }
    if choice.graph is not None:
        files[artifact.GRAPH] = choice.graph
    if card is not None:
        files["card.html"] = card
    return files


def _serving(files: Mapping[str, bytes], fitted: Fitted, choice: Choice) -> Engine:
    """The engine that will serve, made of the bytes that will be written."""
    if choice.engine == "onnx":
        return OnnxEngine(files[artifact.GRAPH], fitted.seen.classes)
    try:
        pipeline = joblib.load(io.BytesIO(files[artifact.PIPELINE]))
    except Exception as exc:  # unpickling raises nearly anything
        message = " ".join(str(exc).split())[:200]
        raise TrainingError(
            f"the pipeline was saved, but cannot be loaded again: {message}. Use stock "
            "transformers, or correct how its class is pickled."
        ) from None
    return SklearnEngine(pipeline, choice.contract, fitted.seen.dtypes, fitted.seen.classes)


def _pickled(pipeline: Any) -> bytes:
    content = io.BytesIO()
    try:
        joblib.dump(pipeline, content, compress=3)
    except (pickle.PicklingError, AttributeError, TypeError) as exc:  # a lambda, an open file
        message = " ".join(str(exc).split())[:200]
        raise TrainingError(
            f"the pipeline cannot be saved: {message}. Put its functions into a module that is installed where "
            "the service runs, or use stock transformers."
        ) from None
    return content.getvalue()


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
