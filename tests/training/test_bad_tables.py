"""Every table that cannot be learned from, or should be looked at: one sentence with the culprit and the way out."""

import gzip
from datetime import date

import pandas as pd
import pytest

from training.console import Console

GOOD = "".join(f"{i % 7},{i % 3},{i % 2}\n" for i in range(60))
NOISE = [(i * 7919) % 101 / 10 for i in range(60)]


def _csv(**columns):
    return pd.DataFrame(columns).to_csv(index=False)


Y = [i % 2 for i in range(60)]

REFUSED = {
    "an empty file": ("", [], ["is empty"]),
    "only a header": ("a,b,y\n", [], ["has a header but no rows"]),
    "bytes that are no text": (b"\x00\x01\x02" * 40, [], ["no text"]),
    "another delimiter": ("a;b;y\n1;2;0\n", [], ["--delimiter ';'"]),
    "tabs in a .csv": ("a\tb\ty\n1\t2\t0\n", [], ["--delimiter '\\t'"]),
    "another encoding": ("größe,y\n1,0\n".encode("latin-1"), [], ["line 1", "--encoding"]),
    "an unknown encoding": ("a,y\n1,0\n", ["--encoding", "klingon"], ["--encoding klingon is not known"]),
    "rows of differing length": ("a,y\n1,0\n1,2,3,4\n", [], ["line 3"]),
    "a column named twice": ("a,a,y\n1,2,0\n", [], ["'a' more than once"]),
    "an absent target": ("a,b,yy\n" + GOOD, [], ["no column 'y'", "Did you mean 'yy'?", "'a', 'b'"]),
    "a constant target": (_csv(a=NOISE, y=[1] * 60), [], ["'y' has one value only", "--target"]),
    "a target of nulls": (_csv(a=NOISE, y=[None] * 60), [], ["'y' has no value in any row"]),
    "labels that are read as nulls": (_csv(a=NOISE, y=["None", "NA"] * 30), [], ["'y' has no value", "NA, None, null"]),
    "a target in other capitals": ("a,Y\n1,0\n", [], ["Did you mean 'Y'?"]),
    "numbers as large as no tree compares": (
        _csv(a=[v * 1e300 for v in NOISE], y=Y),
        [],
        ["DecisionTreeClassifier cannot be fitted", "'a' holds numbers as large as", "rescale it"],
    ),
    "numbers of two units": (
        _csv(a=[f"{'$€'[i % 2]}{i}" for i in range(60)], y=Y),
        [],
        ["'a' holds numbers of different units such as '$0' and '€1'"],
    ),
    "an impossible encoding": ("a,y\n1,0\n", ["--encoding", "a\0b"], ["is not known"]),
    "half a gzip file": (gzip.compress(b"a,y\n1,0\n")[:20], [], ["cannot be unpacked"]),
    "numbers as classes": (
        _csv(a=NOISE, y=[*NOISE[1:], 77.5]),
        ["--task", "classification"],
        ["class 77.5 of the target", "--task regression"],
    ),
    "no column beside the target": (_csv(y=Y), [], ["no column is left"]),
    "a class of one row": (_csv(a=NOISE, y=["no"] * 59 + ["yes"]), [], ["class 'yes'", "1 row", "at least 2"]),
    "a text target for a regression": (
        _csv(a=NOISE, y=["p", "q"] * 30),
        ["--task", "regression"],
        ["'y' holds no numbers"],
    ),
    "several words among numbers": (
        _csv(a=["n.a.", "none yet", *map(str, NOISE[2:])], y=Y),
        [],
        ["the texts 'n.a.', 'none yet'", "--missing 'n.a.' --missing 'none yet'"],
    ),
    "numbers of commas that are read with commas": (
        ("a;y\n" + "".join(f"0.{i:03},{i:02};{i % 2}\n" for i in range(60))),
        ["--delimiter", ";", "--decimal", ","],
        ["'a' holds numbers such as '0.000,00': correct them"],
    ),
    "ISO dates": (
        _csv(day=[f"2024-01-{i % 28 + 1:02}" for i in range(60)], a=NOISE, y=Y),
        [],
        ["'day' holds dates", "--drop 'day'"],
    ),
    "dates in words": (
        _csv(day=[f"{i % 28 + 1} Jan 2024" for i in range(60)], a=NOISE, y=Y),
        [],
        ["'day' holds dates"],
    ),
    "dates with times": (
        _csv(t=[f"2024-01-02T10:{i:02}:00Z" for i in range(60)], a=NOISE, y=Y),
        [],
        ["'t' holds dates"],
    ),
    "numbers and a mark for missing": (
        _csv(a=["?" if i == 5 else str(NOISE[i]) for i in range(60)], y=Y),
        [],
        ["'a' holds numbers, but also the text '?'", "--missing '?'"],
    ),
    "decimal commas": (
        _csv(a=[str(v).replace(".", ",") for v in NOISE], y=Y),
        [],
        ["'a' holds numbers", "--decimal ','"],
    ),
    "infinite numbers": (_csv(a=[float("inf"), *NOISE[1:]], y=Y), [], ["'a' holds infinite values"]),
    "integers no JSON client can send": (
        _csv(a=[2**60 + i * 7 for i in range(60)], y=Y),
        [],
        ["'a' holds integers beyond 2^53", "--drop 'a'"],
    ),
    "two rows": ("a,y\n1.5,2.5\n2.5,3.5\n", [], ["2 rows are too few", "--holdout"]),
    "more folds than rows of a class": (
        _csv(a=NOISE, y=["no"] * 56 + ["yes"] * 4),
        ["--cv", "10"],
        ["10 folds are too many", "has 3"],
    ),
    "too many categories": (
        _csv(a=[f"t{i // 3}" for i in range(3300)], y=[i % 2 for i in range(3300)]),
        [],
        ["'a' has 1100 different texts", "--drop 'a'"],
    ),
    "a column to drop that is not there": ("a,b,y\n" + GOOD, ["--drop", "zz"], ["--drop 'zz'", "no such column"]),
    "a family that does not do the task": (
        "a,b,y\n" + GOOD,
        ["--model", "linear_regression"],
        ["linear_regression does no classification", "logistic_regression"],
    ),
    "a floor that is missed": (_csv(a=NOISE, y=Y), ["--floor", "accuracy=0.999"], ["accuracy is", "floor 0.999"]),
    "a floor of no metric": ("a,b,y\n" + GOOD, ["--floor", "beauty=1"], ["no such metric", "balanced_accuracy"]),
}

WARNED = {
    "an id": (_csv(customer_id=range(60), a=NOISE, y=Y), ["'customer_id' numbers the rows", "--drop 'customer_id'"]),
    "a text id": (
        _csv(code=[f"x{i}" for i in range(60)], a=NOISE, y=Y),
        ["'code' is left out", "60 different in 60 rows"],
    ),
    "a column of one value": (_csv(a=NOISE, c=[3] * 60, y=Y), ["'c' has one value only"]),
    "an empty column": (_csv(a=NOISE, c=[None] * 60, y=Y), ["'c' is left out", "it is empty"]),
    "a saved index": (pd.DataFrame({"a": NOISE, "y": Y}).to_csv(), ["'Unnamed: 0' is left out", "saved index"]),
    "a leaked target": (
        _csv(a=NOISE, paid=[v * 10 for v in Y], y=Y),
        ["'paid' alone tells the target", "--drop 'paid'"],
    ),
    "rows without a target": (_csv(a=NOISE, y=[None, *Y[1:]]), ["1 of 60 rows have no target"]),
    "texts that look alike": (
        _csv(a=NOISE, city=["Rome", "rome ", "Bonn"] * 20, y=Y),
        ["'city' holds 'Rome' and 'rome ', which differ by spaces or capitals only"],
    ),
    "labels that look alike": (
        _csv(a=NOISE, y=["yes", " yes", "no"] * 20),
        ["the target 'y' holds 'yes' and ' yes', which differ by spaces or capitals only: two classes"],
    ),
    "a class of few rows": (_csv(a=NOISE, y=["no"] * 56 + ["yes"] * 4), ["class 'yes'", "4 rows only"]),
}

QUICK = ("--model", "decision_tree", "--no-card")


@pytest.mark.parametrize("case", REFUSED)
def test_a_table_that_teaches_nothing_is_refused_in_one_sentence(case, run, tmp_path):
    content, options, words = REFUSED[case]
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    model = () if "--model" in options else QUICK[:2]
    ran = run("--data", path, "--target", "y", *model, "--no-card", *options)
    assert ran.code == 1, ran.output
    refusal = ran.output[ran.output.index("Error: ") :]
    for word in words:
        assert word in refusal
    assert not ran.root.exists() or not list(ran.root.glob("*/manifest.json"))


@pytest.mark.parametrize("case", WARNED)
def test_a_doubtful_table_is_learned_with_a_warning(case, run, tmp_path):
    content, words = WARNED[case]
    path = tmp_path / "table.csv"
    path.write_text(content)
    ran = run("--data", path, "--target", "y", *QUICK, "--name", "doubtful")
    assert "Warning: " in ran.output
    for word in words:
        assert word in ran.output


def test_a_missing_file_and_an_unknown_format_are_refused(run, tmp_path):
    (tmp_path / "table.xlsx").write_bytes(b"PK")
    assert "does not exist" in run("--data", tmp_path / "none.csv", "--target", "y").output
    assert "is a spreadsheet: open it and save" in run("--data", tmp_path / "table.xlsx", "--target", "y").output


def test_a_broken_parquet_file_is_refused(run, tmp_path):
    (tmp_path / "table.parquet").write_bytes(b"PAR1 no")
    assert "cannot be read as Parquet" in run("--data", tmp_path / "table.parquet", "--target", "y").output


PARQUET = {
    "dates": (pd.date_range("2024-01-01", periods=60), ["'a' holds dates", "--drop 'a'"]),
    "days": ([date(2024, 1, 1 + i % 28) for i in range(60)], ["'a' holds dates"]),
    "lists": ([[1, 2]] * 60, ["'a' holds values of the type"]),
    "bytes": ([b"x"] * 60, ["'a' holds values of the type bytes"]),
}


@pytest.mark.parametrize("case", PARQUET)
def test_values_that_json_cannot_say_are_refused(case, run, tmp_path):
    values, words = PARQUET[case]
    path = tmp_path / "table.parquet"
    pd.DataFrame({"a": values, "b": NOISE, "y": Y}).to_parquet(path)
    ran = run("--data", path, "--target", "y", *QUICK)
    assert ran.code == 1
    for word in words:
        assert word in ran.output


def test_a_folder_that_cannot_be_written_is_named(run, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "table.csv").write_text(_csv(a=NOISE, b=Y, y=Y))
    monkeypatch.setenv("ARTIFACTS_DIR", str(tmp_path / "file" / "artifacts"))
    ran = run("--data", tmp_path / "table.csv", "--target", "y", *QUICK)
    assert ran.code == 1 and "cannot be written" in ran.output and "ARTIFACTS_DIR" in ran.output


def test_a_warning_of_a_library_is_printed_once(capsys):
    console = Console()
    for _ in range(2):
        console.show_library_warning(UserWarning("lbfgs failed to converge\nmore"), UserWarning, "file", 1)
    assert capsys.readouterr().err.count("Warning: lbfgs failed to converge\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data", "x.csv"],
        ["--target", "y"],
        ["--floor", "accuracy"],
        ["--cv", "1"],
        ["--drop", "a"],
        ["--name", "a/b"],
        ["--model", "gpt"],
        ["--floor", "accuracy=nan"],
        ["--decimal", ";"],
        ["--delimiter", '"'],
        ["--missing", "?"],
        ["--model", "ridge", "pack", "pipeline.joblib", "--data", "x.csv", "--target", "y"],
    ],
)
def test_a_command_line_without_sense_is_a_usage_error(arguments, run):
    assert run(*arguments).code == 2


def test_a_floor_of_no_metric_is_refused_before_the_fit(run, tmp_path):
    (tmp_path / "table.csv").write_text(_csv(a=NOISE, b=Y, y=Y))
    ran = run("--data", tmp_path / "table.csv", "--target", "y", *QUICK, "--search", "2", "--floor", "acuracy=0.9")
    assert ran.code == 1 and "no such metric" in ran.output and "fitting" not in ran.output


def test_no_column_is_called_leaked_for_a_class_that_is_hardly_there(run, tmp_path):
    rows = 6000
    (tmp_path / "table.csv").write_text(_csv(a=[i % 7 for i in range(rows)], y=["no"] * (rows - 2) + ["yes"] * 2))
    assert "alone tells the target" not in run("--data", tmp_path / "table.csv", "--target", "y", *QUICK).output


@pytest.mark.parametrize("form", ["a,y\r1.5,0\r2.5,1\r" + "1.5,0\r2.5,1\r" * 30, "gzip"])
def test_unusual_files_of_good_tables_are_read(form, run, tmp_path):
    """Line ends of old Macs; a compressed CSV."""
    packed = form == "gzip"
    path = tmp_path / ("table.csv.gz" if packed else "table.csv")
    path.write_bytes(gzip.compress(_csv(a=Y, b=NOISE, y=Y).encode()) if packed else form.encode())
    assert run("--data", path, "--target", "y", *QUICK).code == 0
