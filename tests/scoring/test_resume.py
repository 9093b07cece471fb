"""A run that was killed goes on: no row lost or twice, the same bytes; changed inputs and options are refused."""

import os
import random
import signal
import subprocess
import sys

import pandas as pd
import pytest

from scoring.job import Job
from tests.conftest import ROOT, until
from tests.scoring.conftest import content

KILLS = 30 if os.environ.get("EVERY_STRANGER") == "1" else 2


@pytest.fixture
def table(make_table, tmp_path):
    """A file with some rows that are refused."""
    made = make_table(6000)
    made.loc[made.index % 7 == 0, "feature_4"] = -1.0
    path = tmp_path / "in.parquet"
    made.to_parquet(path, row_group_size=2500)
    return path


def parts(out):
    folder = out.with_name(out.name + ".partial") / "parts"
    return len(list(folder.glob("*.arrow"))) if folder.is_dir() else 0


def lives(process):
    """Whether the process, or one that it started, is there."""
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.process
@pytest.mark.parametrize("workers", [1, 2])
def test_the_bytes_are_the_same_after_kills_at_any_moment(start, score, table, tmp_path, workers):
    options = ("--keep", "id,name", "--probabilities", "--chunk", 100, "--workers", workers)
    whole, out = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    assert score(table, whole, *options).exit_code == 0
    draw = random.Random(workers)
    for _ in range(KILLS):
        process = start(table, out, *options)
        goal = min(parts(out) + draw.randint(1, 15), 60)
        until(lambda process=process, goal=goal: parts(out) >= goal or process.poll() is not None)
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
        process.communicate()
        if out.exists():  # it was done before the kill came
            assert content(out) == content(whole)
            out.unlink()
    process = start(table, out, *options)
    assert process.wait(300) == 0, process.stderr.read()
    process.communicate()
    assert content(out) == content(whole)
    assert content(tmp_path / "out.parquet.rejected.csv") == content(tmp_path / "whole.parquet.rejected.csv")
    assert not (tmp_path / "out.parquet.partial").exists()


@pytest.mark.process
def test_ctrl_c_says_how_to_go_on_and_leaves_no_process(start, table, tmp_path):
    out = tmp_path / "out.parquet"
    process = start(table, out, "--chunk", 5, "--workers", 2)
    until(lambda: parts(out) >= 3)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "The same command goes on" in errors
    assert "Traceback" not in errors
    until(lambda: not lives(process))


@pytest.mark.process
def test_worker_processes_end_with_a_killed_parent(start, table, tmp_path):
    out = tmp_path / "out.parquet"
    process = start(table, out, "--chunk", 20, "--workers", 2)
    until(lambda: parts(out) >= 3)
    process.kill()
    process.communicate()
    until(lambda: not lives(process))


@pytest.fixture
def stopped(score, table, tmp_path):
    """A run that stopped half way: its OUT is not there, and its parts are."""
    out = tmp_path / "out.parquet"
    assert score(table, out, "--strict", "--chunk", 1000).exit_code == 1
    assert parts(out) == 1
    return out


def test_a_changed_input_is_named(score, table, stopped):
    pd.read_parquet(table)[:5000].to_parquet(table)
    result = score(table, stopped, "--chunk", 1000)
    assert result.exit_code == 1
    assert f"{table} has changed" in result.output
    assert "--restart" in result.output
    assert score(table, stopped, "--chunk", 1000, "--restart").exit_code == 0
    assert len(pd.read_parquet(stopped)) == 5000 - len(range(0, 5000, 7))


def test_the_same_content_at_another_time_is_a_change_as_well(score, table, stopped):
    os.utime(table, (1, 1))
    assert "has changed" in score(table, stopped, "--chunk", 1000).output


def test_changed_options_are_named(score, table, stopped, tmp_path):
    cases = {
        ("--chunk", "500"): "--chunk is 500 and was 1000",
        ("--chunk", "1000", "--keep", "id"): '--keep is id and was "',
        ("--chunk", "1000", "--probabilities"): "--probabilities is on and was off",
    }
    for options, sentence in cases.items():
        result = score(table, stopped, *options)
        assert result.exit_code == 1
        assert sentence.rstrip('"') in result.output
    assert not stopped.exists()


def test_another_file_more_is_named(score, table, make_table, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out.parquet"
    folder.mkdir()
    table.rename(folder / "a.parquet")
    assert score(folder, out, "--strict", "--chunk", 1000).exit_code == 1
    make_table(5).to_parquet(folder / "b.parquet")
    assert "b.parquet is new" in score(folder, out, "--chunk", 1000).output


def test_another_model_is_named(score, table, stopped, artifacts, monkeypatch):
    (version,) = [path for path in artifacts.iterdir() if path.is_dir()]
    result = score(table, stopped, "--chunk", 1000, "--artifact", version)
    assert "--artifact is" in result.output
    monkeypatch.setenv("ENGINE", "sklearn")
    assert "ENGINE is sklearn and was auto" in score(table, stopped, "--chunk", 1000).output


def test_a_file_that_grows_while_it_is_read_puts_nothing_in_place(score, make_table, tmp_path, monkeypatch):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    make_table(100).to_csv(source, index=False)
    add = Job.add

    def grow(self, part):
        with source.open("a") as file:
            file.write("1,n,0,0,0,1,1\n")
        add(self, part)

    monkeypatch.setattr(Job, "add", grow)
    result = score(source, out)
    assert result.exit_code == 1
    assert "has changed while it was read" in result.output
    assert not out.exists()
    monkeypatch.undo()


def test_a_part_that_is_not_whole_is_made_anew(score, table, stopped):
    (part,) = (stopped.with_name(stopped.name + ".partial") / "parts").iterdir()
    whole = part.read_bytes()
    part.write_bytes(whole[: len(whole) // 2])
    assert score(table, stopped, "--chunk", 1000).exit_code == 0
    assert len(pd.read_parquet(stopped)) == 6000 - len(range(0, 6000, 7))


@pytest.mark.process
def test_two_runs_do_not_write_one_out(score, table, tmp_path):
    out = tmp_path / "out.parquet"
    code = (
        f"import scoring.job, pathlib; job = scoring.job.Job(pathlib.Path({str(out)!r})); print(1, flush=True); input()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        result = score(table, out)
        holder.stdin.close()
    assert result.exit_code == 1
    assert "Another process writes" in result.output
    assert score(table, out).exit_code == 0
