"""One service for the tests of the client that do not break it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from tabular_client import Client

from tests.conftest import Server, gunicorns
from tests.services import nginx as nginx

ROWS_AT_ONCE = 8


@pytest.fixture(scope="module")
def service(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service that takes few rows at once, so that a frame is sent in chunks."""
    with gunicorns(trained, tmp_path_factory.mktemp("service")) as start:
        server = start(MAX_BATCH_ROWS=str(ROWS_AT_ONCE))
        server.until_serving(1)
        yield server


@pytest.fixture
def client(service: Server) -> Iterator[Client]:
    with Client(service.url) as made:
        yield made


@pytest.fixture
def make_frame() -> Callable[[int], pd.DataFrame]:
    """Factory of frames that the default model takes; every row is another."""

    def make(rows: int) -> pd.DataFrame:
        columns = {f"feature_{place}": [row / 10 - place for row in range(rows)] for place in (1, 2, 3)}
        columns |= {
            "feature_4": [row % 100 + 0.5 for row in range(rows)],
            "feature_5": [row % 10 + 1 for row in range(rows)],
        }
        return pd.DataFrame(columns, index=[f"r{row}" for row in range(rows)])

    return make
