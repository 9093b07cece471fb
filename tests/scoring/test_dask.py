"""The same on a Dask cluster: equal to the bit, also when a worker is killed on the way."""

import os
import signal

import pytest

from scoring.job import Job
from tests.scoring.conftest import content

distributed = pytest.importorskip(
    "distributed", reason="distributed is not installed (Python package dask[distributed])"
)
pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Dask's own are many


def test_a_cluster_that_loses_a_worker_gives_the_same_bytes(score, make_table, tmp_path, monkeypatch):
    table = make_table(3000)
    table.loc[5, "feature_4"] = -1.0
    source = tmp_path / "in.parquet"
    table.to_parquet(source, row_group_size=1100)
    options = ("--chunk", 100, "--keep", "name")
    assert score(source, tmp_path / "whole.parquet", *options).exit_code == 0
    add, added = Job.add, []
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
    ):

        def kill_one(self, part):
            added.append(part.number)
            if len(added) == 3:
                os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
            add(self, part)

        monkeypatch.setattr(Job, "add", kill_one)
        result = score(source, tmp_path / "out.parquet", *options, "--dask", cluster.scheduler_address, "--no-workers")
    assert result.exit_code == 0, result.output
    assert sorted(added) == list(range(30))
    assert content(tmp_path / "out.parquet") == content(tmp_path / "whole.parquet")
    assert content(tmp_path / "out.parquet.rejected.csv") == content(tmp_path / "whole.parquet.rejected.csv")


def test_a_cluster_is_made_here_and_goes_on_where_a_run_without_it_was(score, make_table, tmp_path):
    table = make_table(600)
    table.loc[5, "feature_4"] = -1.0
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    table.to_csv(source, index=False)
    assert score(source, tmp_path / "whole.csv", "--chunk", 100).exit_code == 0
    assert score(source, out, "--chunk", 100, "--strict").exit_code == 1
    result = score(source, out, "--chunk", 100, "--dask", "local", "--workers", "2")
    assert result.exit_code == 0, result.output
    assert "100 of 600 rows were done before" in result.output
    assert content(out) == content(tmp_path / "whole.csv")


def test_a_scheduler_that_is_not_there_is_one_sentence(score, make_table, tmp_path, monkeypatch):
    monkeypatch.setattr("scoring.cluster.SECONDS", 1)
    make_table(10).to_csv(tmp_path / "in.csv", index=False)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        result = score(tmp_path / "in.csv", tmp_path / "out.csv", "--dask", address, "--no-workers")
        assert result.exit_code == 1
        assert f"--dask {address}: no scheduler" in result.output


def test_without_dask_one_sentence_says_what_to_install(score, make_table, tmp_path, monkeypatch):
    make_table(10).to_csv(tmp_path / "in.csv", index=False)
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    result = score(tmp_path / "in.csv", tmp_path / "out.csv", "--dask", "local")
    assert result.exit_code == 1
    assert "pip install 'dask[distributed]'" in result.output
