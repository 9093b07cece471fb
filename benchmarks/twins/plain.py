"""A FastAPI app as its tutorial shows it, on the same engine and with nothing else: no record, no metric, no log."""

import os
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.twins.loading import load_engine
from benchmarks.twins.schema import design_row
from inference.features import encode
from service.settings import Settings

manifest, engine = load_engine(Settings.read(os.environ))
Row: Any = design_row(manifest.contract)
app = FastAPI()


class Batch(BaseModel):
    """Rows at once."""

    instances: list[Row]


@app.get("/health")
async def health() -> dict[str, str]:
    """For the lab's warm-up."""
    return {"status": "healthy", "model_version": manifest.version}


@app.post("/predict")
async def predict(row: Row) -> dict[str, Any]:
    """One row, in the event loop: the engine is faster than a hop to a thread."""
    return _answer([list(row.__dict__.values())])[0]


@app.post("/predict/batch")
async def predict_batch(batch: Batch) -> dict[str, Any]:
    """All of them in one call of the engine."""
    return {"predictions": _answer([list(row.__dict__.values()) for row in batch.instances])}


def _answer(rows: list[list[Any]]) -> list[dict[str, Any]]:
    answers = engine.predict(encode(manifest.contract, rows))
    if answers.probabilities is None or answers.chosen is None:
        return [{"prediction": prediction} for prediction in answers.predictions]
    return [
        {"prediction": prediction, "probability": float(row[chosen])}
        for prediction, row, chosen in zip(answers.predictions, answers.probabilities, answers.chosen, strict=True)
    ]
