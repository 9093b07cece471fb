"""Models with every kind of feature and label, without a training."""

from collections.abc import Callable

import numpy as np
import pytest
from flask.testing import FlaskClient

from inference.contract import Contract, Feature
from inference.engines.base import Answers
from inference.manifest import Manifest
from schemas.reader import Reader
from service.app import create_app
from service.models.model import Model
from service.models.serving import ModelSet
from service.settings import Settings

FEATURES = (
    Feature("height", "number", minimum=0, maximum=3, nullable=True, example=1.7),
    Feature("rooms", "integer", minimum=1, maximum=100, nullable=True, example=2),
    Feature("colour", "category", choices=("red", "blue"), nullable=True, example="red"),
    Feature("owned", "boolean", nullable=True, example=True),
    Feature("note", "text", maximum_length=20, example="warm"),
)
KINDS = Contract("classification", "kind", FEATURES)
NUMBERS = Contract("classification", "kind", FEATURES[:2])
ROW = {"height": 1.5, "rooms": 3, "colour": "blue", "owned": False, "note": "cold"}


class Remembering:
    """An engine that keeps the matrix that it was asked, and predicts each of its labels in turn."""

    name = "remembering"

    def __init__(self, labels: tuple, has_probabilities: bool = True):
        self.labels, self.has_probabilities = labels, has_probabilities
        self.asked: np.ndarray = np.empty((0, 0))

    def predict(self, matrix: np.ndarray) -> Answers:
        self.asked = np.array(matrix)
        count = len(self.labels)
        chosen = np.arange(len(matrix)) % count
        if not self.has_probabilities:
            return Answers([self.labels[place] for place in chosen], None, None)
        rows = np.full((len(matrix), count), 0.25 / max(count - 1, 1))
        rows[np.arange(len(matrix)), chosen] = 0.75
        return Answers([self.labels[place] for place in chosen], rows, chosen)


class Fixed:
    """A manager whose models never change."""

    def __init__(self, loaded: ModelSet):
        self.loaded = loaded


def model_of(contract: Contract, labels: tuple, regression: bool = False, most_rows: int = 10_000) -> Model:
    """A model of this contract that predicts these labels, or numbers."""
    classes = () if regression else labels
    task = "regression" if regression else "classification"
    contract = Contract(task, contract.target, contract.features)
    manifest = Manifest("m-1", "2026-01-01T00:00:00Z", "m", contract, classes, "onnx", {}, {}, "accuracy", {})
    return Model(manifest, Remembering(labels, not regression), Reader(contract, most_rows), not regression)


@pytest.fixture
def ask(tmp_path) -> Callable[..., tuple[FlaskClient, Remembering]]:
    """Factory of a client and the engine behind it: ``ask(KINDS, ("a", "b"), MAX_BATCH_ROWS="5")``."""

    def make(contract=KINDS, labels=("a", "b"), regression=False, ready=True, **environment):
        given = {"ARTIFACTS_DIR": str(tmp_path / "none"), "VAR_DIR": str(tmp_path / "var"), "RECORDS": "off"}
        settings = Settings.read(given | environment)
        app = create_app(settings)
        model = model_of(contract, labels, regression, settings.max_batch_rows)
        loaded = ModelSet(model, models={model.version: model}, reasons=()) if ready else ModelSet()
        app.models._start = lambda: Fixed(loaded)
        return app.test_client(), model.engine

    return make
