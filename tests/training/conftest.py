"""Tables, and the command line run in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from threadpoolctl import threadpool_limits

import training.command
from inference.manifest import Manifest
from training.command import cli


@dataclass
class Ran:
    """The result of a command: its exit code, all it printed on one line, and the newest artifact's folder."""

    code: int
    output: str
    root: Path

    @property
    def folder(self) -> Path:
        """Of the only artifact."""
        (manifest,) = self.root.glob("*/manifest.json")
        return manifest.parent

    @property
    def manifest(self) -> Manifest:
        """Of the only artifact."""
        return Manifest.read(self.folder)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Factory: ``run("--data", path, "--target", "y")`` in a folder of its own. A traceback fails the test."""
    root = tmp_path / "artifacts"
    monkeypatch.setenv("ARTIFACTS_DIR", str(root))
    monkeypatch.setattr(training.command, "PARITY_ROWS", 2_000)  # the gate itself has its own tests

    def start(*arguments: object) -> Ran:
        with threadpool_limits(1):  # OpenMP's threads spin where test processes share the cores
            done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, " ".join(done.output.split()), root)

    return start


@pytest.fixture
def train(run: Callable[..., Ran], tmp_path: Path) -> Callable[..., Ran]:
    """Factory: ``train(frame, "--model", "ridge")`` learns column y of a frame, without the card."""

    def start(frame: pd.DataFrame, *arguments: object, target: str = "y") -> Ran:
        path = tmp_path / "table.csv"
        frame.to_csv(path, index=False)
        return run("--data", path, "--target", target, "--no-card", *arguments)

    return start


@pytest.fixture
def make_mixed() -> Callable[..., pd.DataFrame]:
    """Factory of a table with numbers, texts, booleans, nulls and a rare category, and a learnable boolean y."""

    def make(rows: int = 400) -> pd.DataFrame:
        draw = np.random.default_rng(7)
        frame = pd.DataFrame(
            {
                "größe in m.": draw.normal(1.7, 0.1, rows).round(3),
                "age": pd.array(draw.integers(18, 90, rows), dtype="Int64"),
                "city": draw.choice(["Köln", "Bonn", "St. Ives"], rows, p=[0.6, 0.37, 0.03]),
                "member": pd.array(draw.random(rows) < 0.5, dtype="boolean"),
                "visits": draw.integers(0, 9, rows),
            }
        )
        frame["y"] = ((frame["age"] > 50) ^ (frame["city"] == "Bonn")).astype(bool)
        for name in ("größe in m.", "age", "city", "member"):
            frame.loc[draw.random(rows) < 0.1, name] = None
        return frame

    return make
