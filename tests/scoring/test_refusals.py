"""Everything that stops a run: one sentence that names it and the way out, exit code 1, and no OUT."""

import gzip
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT


@pytest.fixture
def table(make_table, tmp_path):
    path = tmp_path / "in.csv"
    make_table(50).drop(columns="name").to_csv(path, index=False)
    return path


def one_sentence(result, *parts):
    assert result.exit_code == 1, result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    for part in parts:
        assert part in line
    assert "Traceback" not in result.output


def test_files_that_are_not_what_their_names_say(score, table, tmp_path):
    content = table.read_bytes()
    packed = gzip.compress(content)
    cases = {
        "cut.csv.gz": (packed[: len(packed) // 2], "cannot be unpacked"),
        "empty.csv": (b"", "is empty"),
        "empty.parquet": (b"", "cannot be read as Parquet"),
        "blank.csv": (b"\n\n", "has not even a header line"),
        "csv.parquet": (content, "cannot be read as Parquet"),
        "csv.feather": (content, "cannot be read as Arrow"),
        "semicolon.csv": (content.replace(b",", b";"), "separated by commas"),
        "latin.csv": (content + "1,2,3,4,ü,5\n".encode("latin1"), "not UTF-8"),
        "latin-header.csv": ("größe,".encode("latin1") + content, "not UTF-8 in its header"),
        "quote.csv": (content + b'1,2,3,4,"5,6\n' * 3, "never closed"),
        "text.txt": (content, "must end in one of"),
    }
    for name, (written, sentence) in cases.items():
        (tmp_path / name).write_bytes(written)
        one_sentence(score(tmp_path / name, tmp_path / "out.csv"), name, sentence)
        assert not (tmp_path / "out.csv").exists()


def test_a_parquet_that_is_cut_off(score, make_table, tmp_path):
    make_table(5000).to_parquet(tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(content[: len(content) // 2])
    one_sentence(score(tmp_path / "cut.parquet", tmp_path / "out.csv"), "cut.parquet", "cannot be read as Parquet")
    broken = bytearray(content)
    broken[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    (tmp_path / "broken.parquet").write_bytes(broken)
    one_sentence(score(tmp_path / "broken.parquet", tmp_path / "out.csv"), "broken.parquet", "cannot be read")


def test_columns_that_are_missing_twice_or_taken(score, make_table, table, tmp_path):
    out = tmp_path / "out.csv"
    make_table(5).drop(columns=["feature_2", "feature_4"]).to_csv(tmp_path / "few.csv")
    one_sentence(score(tmp_path / "few.csv", out), "has no column 'feature_2', 'feature_4'")
    one_sentence(score(table, out, "--keep", "id,nobody"), "has no column 'nobody'")
    one_sentence(score(table, out, "--keep", "id,,"), "--keep has an empty name")
    lines = table.read_text().splitlines()
    (tmp_path / "twice.csv").write_text("\n".join(f"{line},{line.split(',')[1]}" for line in lines))
    one_sentence(score(tmp_path / "twice.csv", out), "several columns named 'feature_1'")
    make_table(5).assign(prediction=1).to_csv(tmp_path / "taken.csv", index=False)
    one_sentence(score(tmp_path / "taken.csv", out, "--keep", "all"), "--keep prediction")
    assert score(tmp_path / "taken.csv", out).exit_code == 0


def test_types_that_csv_cannot_hold_or_that_do_not_fit_each_other(score, make_table, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    arrow = pa.Table.from_pandas(make_table(3))
    pq.write_table(arrow.append_column("extra", pa.array([[1], [2], [3]])), folder / "1.parquet")
    one_sentence(score(folder, tmp_path / "out.csv", "--keep", "extra"), "--keep extra", "Write Parquet")
    pq.write_table(arrow.append_column("extra", pa.array(["a", "b", "c"])), folder / "2.parquet")
    one_sentence(score(folder, tmp_path / "out.parquet", "--keep", "extra"), "types that do not fit")
    assert score(folder, tmp_path / "out.parquet").exit_code == 0


def test_in_that_is_not_there_and_out_that_cannot_be(score, table, tmp_path):
    one_sentence(score(tmp_path / "nothing.csv", tmp_path / "out.csv"), "no such file")
    one_sentence(score(tmp_path / "*.nothing", tmp_path / "out.csv"), "no such file")
    one_sentence(score(table, tmp_path / "none" / "out.csv"), "is no folder: make it first")
    one_sentence(score(table, tmp_path / "out.xlsx"), "must end in .parquet, .csv or .csv.gz")
    (tmp_path / "folder.csv").mkdir()
    one_sentence(score(table, tmp_path / "folder.csv"), "is a folder")
    os.mkfifo(tmp_path / "pipe.csv")
    one_sentence(score(tmp_path / "pipe.csv", tmp_path / "out.csv"), "no regular file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "in.csv", "pipe.csv"]


def test_out_that_is_in_or_would_be_among_it(score, table, tmp_path):
    before = table.read_bytes()
    one_sentence(score(table, table), "is IN itself")
    (tmp_path / "link.csv").symlink_to(table)
    one_sentence(score(tmp_path / "link.csv", table), "is IN itself")
    one_sentence(score(tmp_path, tmp_path / "out.csv"), "choose another OUT")
    one_sentence(score(tmp_path / "*.csv", tmp_path / "out.csv"), "choose another OUT")
    assert table.read_bytes() == before


@pytest.mark.process
def test_a_folder_that_may_not_be_written(tmp_path):
    shut = tmp_path / "shut"
    shut.mkdir()
    shut.chmod(0o555)
    code = (  # root may write everywhere, so this is another user
        "import os, scoring.job, pathlib, click\n"
        "os.geteuid() or os.setuid(65534)\n"
        f"try: scoring.job.Job(pathlib.Path({str(shut / 'out.csv')!r}))\n"
        "except click.ClickException as exc: print(exc.message)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "Permission denied" in run.stdout, run.stderr


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(score, table, tmp_path):
    out, job = tmp_path / "out.parquet", tmp_path / "out.parquet.partial"
    job.mkdir()
    (job / "out.new").symlink_to("/dev/full")  # where OUT is written aside
    one_sentence(score(table, out), "the disk is full", "goes on where it was")
    assert not out.exists()
    (job / "out.new").unlink()
    result = score(table, out)
    assert "50 of 50 rows were done before" in result.output
    assert not job.exists()


def test_models_that_cannot_be_used(score, table, tmp_path, artifacts, monkeypatch):
    out = tmp_path / "out.csv"
    one_sentence(score(table, out, "--artifact", tmp_path), "manifest.json cannot be read")
    version = next(path for path in artifacts.iterdir() if path.is_dir())
    (version / "model.onnx").write_bytes(b"other")
    one_sentence(score(table, out, "--artifact", version), "model.onnx", "SHA-256 differs")
    monkeypatch.setenv("ARTIFACTS_DIR", str(tmp_path / "none"))
    one_sentence(score(table, out), "holds no artifact")


@pytest.mark.process
def test_without_pyarrow_one_sentence_says_what_to_install(table, tmp_path):
    code = "import sys; sys.modules['pyarrow'] = None; from scoring.cli import cli; cli()"
    command = [sys.executable, "-c", code, str(table), str(tmp_path / "out.csv")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1
    assert "pip install pyarrow" in run.stderr
    assert "Traceback" not in run.stderr


def test_usage_is_exit_code_2(score, table, tmp_path):
    assert score(table).exit_code == 2
    assert score(table, tmp_path / "out.csv", "--chunk", "0").exit_code == 2
    assert score(table, tmp_path / "out.csv", "--dask", "tcp://host:1", "--workers", "2").exit_code == 2
