"""Tables that the default model takes, and the command on them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from scoring.cli import cli
from tests.conftest import ROOT, clean_environment


@pytest.fixture
def make_table() -> Callable[..., pd.DataFrame]:
    """Factory of tables: the features of the default model, an id and a name. No two rows are alike."""

    def make(rows: int, seed: int = 0) -> pd.DataFrame:
        draw = np.random.default_rng(seed)
        columns = {"id": np.arange(rows), "name": [f'"{row}", {"ä" * (row % 3)}\n' for row in range(rows)]}
        columns |= {f"feature_{place}": draw.normal(size=rows) for place in (1, 2, 3)}
        columns |= {"feature_4": draw.uniform(0, 100, rows), "feature_5": draw.integers(1, 11, rows)}
        return pd.DataFrame(columns)

    return make


@pytest.fixture
def score(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command in this process: ``score(IN, OUT, "--keep", "id")``."""
    monkeypatch.setenv("ARTIFACTS_DIR", str(trained))

    def run(*arguments: object) -> Result:
        given = [
            *(str(one) for one in arguments if one != "--no-workers"),
            *([] if {"--workers", "--no-workers"} & set(map(str, arguments)) else ["--workers", "1"]),
        ]
        result = CliRunner().invoke(cli, given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def start(trained: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Start the command as a process of its own."""

    def run(*arguments: object, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "scoring", *map(str, arguments)],
            cwd=ROOT,
            env=clean_environment() | {"ARTIFACTS_DIR": str(trained)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a suite in the background ignores it
        )

    return run


@pytest.fixture
def expected(trained: Path) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The fitted pipeline's own answers to a table, which is the reference."""
    from inference.artifact import build_engine
    from inference.manifest import Manifest
    from inference.routing import read_routing

    folder = trained / read_routing(trained).stable
    manifest = Manifest.read(folder)
    engine = build_engine(folder, manifest, "sklearn")

    def answer(table: pd.DataFrame) -> pd.DataFrame:
        found = engine.predict_frame(table[list(manifest.contract.names)])
        columns = {"prediction": found.predictions, "probability": found.probabilities.max(axis=1)}
        columns |= {f"probability.{label}": found.probabilities[:, i] for i, label in enumerate(manifest.classes)}
        return pd.DataFrame(columns)

    return answer


def content(path: Path) -> bytes:
    """The bytes of a file."""
    return path.read_bytes()


needs_user = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
