"""One pair: fit, pack by the real command, serve, and compare every row with the pipeline's own answer."""

import json
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from click.testing import CliRunner
from flask.testing import FlaskClient
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

import training.command
from service.app import create_app
from service.settings import Settings
from tests.strangers.pipelines import Pair
from tests.strangers.tables import TABLES

BATCH, SINGLY = 500, 40
WAYS = ((), ("--ranges", "observed"))
"""Options of pack, tried one after the other, as its refusals advise."""


@dataclass
class Line:
    """The result of a pair. ``engine``: onnx, sklearn, or refused; ``reason``: why not onnx.

    ``largest_difference``: of a probability, or of a number relative to max(1, |y|). ``refused_rows``: rows of the
    user's own table that the service answers with an error.
    """

    table: str
    source: str
    pipeline: str
    engine: str
    options: str = ""
    rows: int = 0
    singly: int = 0
    refused_rows: int = 0
    flips: int = 0
    largest_difference: float = 0.0
    seconds: float = 0.0
    reason: str = ""


def compare(pair: Pair, folder: Path, parity_rows: int) -> Line:
    """Work in ``folder``; ``parity_rows``: the random rows of pack's own gate.

    Raises:
        Absent: the table cannot be had.
    """
    started = time.perf_counter()
    table = TABLES[pair.table]
    frame = table.frame()
    inputs = frame.drop(columns=table.target)
    line = Line(pair.table, table.source, pair.name, "refused")
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = clone(pair.pipeline)
        fitted = fitted if isinstance(fitted, Pipeline) else Pipeline([("model", fitted)])
        fitted.fit(inputs, frame[table.target])
        frame.to_parquet(folder / "sample.parquet")
        joblib.dump(fitted, folder / "pipeline.joblib")
        reasons = []
        for options in WAYS:
            if (reason := _pack(folder, table.target, options, parity_rows)) is None:
                line.options, line.reason = " ".join(options), ""
                _answers(line, folder, fitted, inputs)
                break
            reasons.append(reason)
            line.reason = reasons[0]
    line.seconds = round(time.perf_counter() - started, 1)
    return line


def _pack(folder: Path, target: str, options: tuple[str, ...], parity_rows: int) -> str | None:
    """None, or why it was refused."""
    command = ["pack", str(folder / "pipeline.joblib"), "--data", str(folder / "sample.parquet"), "--target", target]
    before = training.command.PARITY_ROWS
    training.command.PARITY_ROWS = parity_rows
    try:
        done = CliRunner().invoke(
            training.command.cli, [*command, "--no-card", *options], env={"ARTIFACTS_DIR": str(folder / "artifacts")}
        )
    finally:
        training.command.PARITY_ROWS = before
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return None if done.exit_code == 0 else " ".join(done.output.split()).rpartition("Error: ")[2][-500:]


def _answers(line: Line, folder: Path, fitted: Pipeline, inputs: pd.DataFrame) -> None:
    """Compare all rows in batches, and some singly, with the fitted pipeline's answers to the user's own frame."""
    (manifest,) = (folder / "artifacts").glob("*/manifest.json")
    described = json.loads(manifest.read_text())
    line.engine, line.reason = described["engine"], described.get("engine_reason") or ""
    expected = np.asarray(fitted.predict(inputs)).ravel()
    shares = fitted.predict_proba(inputs) if described["classes"] and hasattr(fitted, "predict_proba") else None
    rows = list(_documents(inputs[list(fitted.feature_names_in_)]))
    with _client(folder) as client:
        found = [each for start in range(0, len(rows), BATCH) for each in _batch(client, rows[start : start + BATCH])]
        places = np.unique(np.linspace(0, len(rows) - 1, min(SINGLY, len(rows))).astype(int)).tolist()
        alone = {place: _single(client, rows[place]) for place in places}
    line.rows, line.singly = len(rows), len(alone)
    line.refused_rows = sum(each is None for each in found)
    for place, answer in [*enumerate(found), *alone.items()]:
        if answer is not None:
            _count(line, answer, expected[place], None if shares is None else shares[place], list(described["classes"]))


def _count(line: Line, answer: dict[str, Any], wanted: Any, shares: Any, classes: list[Any]) -> None:
    given = answer["prediction"]
    if not classes:
        apart = abs(given - float(wanted)) / max(1.0, abs(float(wanted)))
        line.largest_difference = max(line.largest_difference, apart)
        return
    line.flips += bool(given != (wanted.item() if isinstance(wanted, np.generic) else wanted))
    if shares is not None:
        apart = abs(answer["probability"] - float(shares[classes.index(given)]))
        line.largest_difference = max(line.largest_difference, apart)


@contextmanager
def _client(folder: Path) -> Iterator[FlaskClient]:
    given = {
        "ARTIFACTS_DIR": str(folder / "artifacts"),
        "VAR_DIR": str(folder / "var"),
        "RECORDS": "off",
        "LOG_LEVEL": "error",
    }
    yield create_app(Settings.read(given)).test_client()


def _documents(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Rows as a client sends them: null for what is missing, else the value itself."""
    for row in frame.astype(object).where(frame.notna(), None).to_dict("records"):
        yield {str(name): value.item() if isinstance(value, np.generic) else value for name, value in row.items()}


def _batch(client: FlaskClient, rows: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """The answers; where the batch is refused, each row by itself, None for a refused one."""
    answer = client.post("/predict/batch", json={"instances": rows})
    return list(answer.json["predictions"]) if answer.status_code == 200 else [_single(client, row) for row in rows]


def _single(client: FlaskClient, row: dict[str, Any]) -> dict[str, Any] | None:
    answer = client.post("/predict", json=row)
    return answer.json if answer.status_code == 200 else None
