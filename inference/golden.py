"""Golden rows: rows with the pipeline's own answers. An engine must reproduce them at every load, before it serves."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.contract import Contract
from inference.engines.base import Answers, Engine
from inference.features import encode
from inference.manifest import ArtifactError

TOLERANCE = 1e-6
"""Of a probability; of a regression relative to max(1, |y|)."""


def golden_document(rows: list[list[Any]], answers: Answers) -> dict[str, Any]:
    """The content of golden.json: ``rows`` as JSON values in contract order, and the pipeline's answer to each."""
    probabilities = None if answers.probabilities is None else answers.probabilities.tolist()
    return {"rows": rows, "predictions": answers.predictions, "probabilities": probabilities}


def check_golden(engine: Engine, contract: Contract, document: dict[str, Any]) -> None:
    """Compare the engine's answers to all golden rows, which warms it up as well.

    Raises:
        ArtifactError: an answer differs from the pipeline's own.
    """
    matrix = encode(contract, document["rows"])
    differing = disagreement(engine.predict(matrix), document["predictions"], document["probabilities"])
    if differing.any():
        raise ArtifactError(
            f"the {engine.name} engine answers {int(differing.sum())} of {len(matrix)} golden rows otherwise than the "
            f"fitted pipeline did, first row {int(differing.argmax())}. Train again on this machine's libraries."
        )


def disagreement(answers: Answers, predictions: list[Any], probabilities: Any) -> NDArray[np.bool_]:
    """(n,) True where an answer differs from the expected one by more than TOLERANCE."""
    if answers.chosen is None:
        expected = np.asarray(predictions, dtype=np.float64)
        scale = np.maximum(1.0, np.abs(expected))
        near: NDArray[np.bool_] = np.abs(np.asarray(answers.predictions) - expected) <= TOLERANCE * scale
        return ~near
    differing = np.array([a != b for a, b in zip(answers.predictions, predictions, strict=True)], dtype=np.bool_)
    if answers.probabilities is not None and probabilities is not None:
        apart = np.abs(answers.probabilities - np.asarray(probabilities, dtype=np.float64)).max(axis=1)
        differing |= ~(apart <= TOLERANCE)
    return differing
