"""Records without a server: a small contract, answers to random rows, and the spool and the database they go to."""

import base64
import json
import os
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from inference.contract import Contract, Feature
from inference.engines.base import Answers
from schemas.errors import StoreUnavailable
from service import metrics
from service.locks import is_held
from service.records import Record, recorder
from service.records.database.outcomes import Outcome, record_outcomes
from service.records.shipper import supervisor
from service.records.spool.files import SHIPPER_LOCK, spool_files, spool_folder
from service.settings import Settings
from tests.conftest import until as until
from tests.records.postgres import Postgres, programs

CONTRACT = Contract(
    "classification",
    "bought",
    (
        Feature("age", "number"),
        Feature("visits", "integer"),
        Feature("city", "category", choices=("Köln", "Paris"), nullable=True),
        Feature("member", "boolean"),
    ),
)
CLASSES = ("no", "yes")
WAIT_SECONDS = 120
"""What a busy machine may take for anything that must come."""


@pytest.fixture
def make_settings(tmp_path: Path) -> Iterator[Callable[..., Settings]]:
    """Factory of settings with a folder of their own. At the end no recorder is open and no shipper runs for them."""
    made = []

    def make(**environment: str) -> Settings:
        made.append(Settings.read({"VAR_DIR": str(tmp_path / "var")} | environment))
        return made[-1]

    yield make
    recorder.close_all()
    metrics.records_losing(False)  # the gauge is the whole process's: the next test starts with a healthy one
    for settings in made:
        supervisor.stop(settings, WAIT_SECONDS)


@pytest.fixture
def no_shipper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records stay in the spool. Name it before ``make_settings``, whose end would start shippers otherwise."""
    monkeypatch.setattr(supervisor, "start", lambda *_: None)


def make_record(count: int = 1, seed: int = 0, **replaced: object) -> Record:
    """An answer to so many random rows."""
    random = np.random.default_rng(seed)
    city = random.integers(-1, 2, count).astype(float)
    city[city < 0] = np.nan
    matrix = np.column_stack(
        [random.normal(40, 9, count), random.integers(0, 9, count), city, random.integers(0, 2, count)]
    )
    first = random.random(count)
    probabilities = np.column_stack([first, 1 - first])
    chosen = probabilities.argmax(axis=1)
    answers = Answers([CLASSES[index] for index in chosen], probabilities, chosen)
    record = Record(
        prediction_id=str(uuid.uuid4()),
        request_id="request-1",
        time=time.time(),
        model_version="forest-1",
        role="stable",
        contract=CONTRACT,
        rows=matrix,
        answers=answers,
        latency_ms=0.25,
        client="tester",
        classes=CLASSES,
    )
    for name, value in replaced.items():
        setattr(record, name, value)
    return record


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str, str], Path]]:
    """Factory of disks of their own at a name in ``tmp_path``; the test is skipped where mounting is not allowed."""
    mounted = []

    def mount(name: str, size: str) -> Path:
        disk = tmp_path / name
        disk.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], capture_output=True)
        if done.returncode:
            pytest.skip(f"mounting is not allowed here: {done.stderr.decode().strip()}")
        mounted.append(disk)
        return disk

    yield mount
    for disk in mounted:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture(scope="session")
def _cluster() -> Iterator[Postgres]:
    if programs() is None:
        reason = "PostgreSQL's server programs (initdb, pg_ctl) are not installed (Debian package postgresql)"
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    cluster = Postgres()
    cluster.start()
    yield cluster
    cluster.stop()
    cluster.remove()


@pytest.fixture
def postgres(_cluster: Postgres) -> Postgres:
    """A private PostgreSQL with an empty database."""
    _cluster.start_if_stopped()
    _cluster.empty()
    return _cluster


def stored(settings: Settings, table: str = "predictions") -> list[dict]:
    """The rows in SQLite, oldest first; none where there is no table yet."""
    path = settings.var_dir / "predictions.db"
    if not path.exists():
        return []
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY time, row_index")]
    except sqlite3.OperationalError:
        return []
    finally:
        connection.close()


def spooled_lines(settings: Settings) -> list[dict]:
    """Every line of the spool that can be read."""
    lines = [
        line for path in sorted((settings.var_dir / "spool").glob("*.jsonl")) for line in path.read_bytes().split(b"\n")
    ]
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def drain(settings: Settings) -> None:
    """Ship everything and end the shipper, however busy the machine is. No recorder may be open."""

    def drained() -> bool:
        supervisor.drain(settings, WAIT_SECONDS)
        return everything_shipped(settings)

    until(drained)


def everything_shipped(settings: Settings) -> bool:
    """Whether nothing is in the spool and no shipper runs; starts one where something is pending."""
    folder = spool_folder(settings)
    supervisor.start_if_needed(settings)
    return not is_held(folder / SHIPPER_LOCK) and not spool_files(folder)


def record_when_free(settings: Settings, outcomes: Sequence[Outcome]) -> int:
    """Record outcomes as a client does: again after a 503, as of a shipper that holds SQLite's lock on a busy core."""
    created: list[int] = []

    def recorded() -> bool:
        with suppress(StoreUnavailable):
            created.append(record_outcomes(settings, outcomes, "tester"))
        return bool(created)

    until(recorded)
    return created[0]


def unpacked(matrix: str, width: int) -> np.ndarray:
    """A matrix of ``width`` columns from a line of the spool."""
    return np.frombuffer(base64.b64decode(matrix), dtype=np.float64).reshape(-1, width)
