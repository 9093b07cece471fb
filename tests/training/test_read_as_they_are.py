"""Tables as people have them: read, and what was decided told."""

import bz2
import gzip
import lzma
import zipfile

import numpy as np
import pandas as pd
import pytest

from training import table as reading
from training.csv_layout import Dialect
from training.errors import TrainingError
from training.number_texts import read_numbers
from training.table import read_table

ROWS = "zip,grade,height,note,y\n" + "".join(
    f"{i % 4:05},{i % 3},{150 + i},{'NA' if i % 5 else 'new'},{i % 2}\n" for i in range(60)
)


def test_the_summary_tells_what_was_decided_of_each_column(run, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(ROWS)
    ran = run("--data", path, "--target", "y", "--no-card", "--model", "decision_tree")
    assert ran.code == 0, ran.output
    types = {feature.name: feature.type for feature in ran.manifest.contract.features}
    assert types == {"zip": "category", "grade": "integer", "height": "number", "note": "category"}
    for words in (
        "'00000' begins with 0",
        "'NA' (48 times) is read as null; --na ''",
        "else --type height=integer",
        "else --type grade=number",
    ):
        assert words in ran.output
    told = {entry["column"]: entry for entry in ran.manifest.training["columns"]}
    assert set(told) == {"zip", "grade", "height", "note", "y"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {None, "new"}),
        ({"na": ("",)}, {"NA", "new"}),
        ({"na": ("new",)}, {"NA", None}),
        ({"na": ()}, {"NA", "new"}),
    ],
)
def test_which_texts_mean_null_is_the_users_choice(options, expected, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(ROWS)
    column = read_table(path, Dialect(**options)).frame["note"]
    assert {None if pd.isna(cell) else cell for cell in column} == expected


PACKED = {
    "table.csv.gz": gzip.compress,
    "table.csv.bz2": bz2.compress,
    "table.csv.xz": lzma.compress,
    "table.csv": lambda content: content.decode().encode("utf-16"),
    "table.txt": lambda content: b"\xef\xbb\xbf" + content,
}


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_or_marked_file_is_the_same_table(name, tmp_path):
    (tmp_path / "plain.csv").write_text(ROWS)
    (tmp_path / name).write_bytes(PACKED[name](ROWS.encode()))
    plain = read_table(tmp_path / "plain.csv", Dialect()).frame
    pd.testing.assert_frame_equal(read_table(tmp_path / name, Dialect()).frame, plain)


def test_an_archive_of_one_table_is_read_and_one_of_two_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr("table.csv", ROWS)
    assert len(read_table(tmp_path / "one.zip", Dialect()).frame) == 60
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", ROWS)
        archive.writestr("b.csv", ROWS)
    with pytest.raises(TrainingError, match="holds 2 files"):
        read_table(tmp_path / "two.zip", Dialect())


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_folder_and_a_pattern_are_one_table(kind, tmp_path):
    for part in range(3):
        frame = pd.DataFrame({"a": np.arange(20) + part, "y": ["x", "y"] * 10})
        path = tmp_path / f"part-{part}.{kind}"
        frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    whole = read_table(tmp_path, Dialect()).frame
    assert len(whole) == 60 and len(read_table(tmp_path / f"part-[01].{kind}", Dialect()).frame) == 40
    some = read_table(tmp_path, Dialect(), sample=30, seed=1).frame
    assert len(some) == 30 and set(some["a"]) <= set(whole["a"])
    pd.testing.assert_frame_equal(some, read_table(tmp_path, Dialect(), sample=30, seed=1).frame)


def test_files_of_other_columns_and_a_column_of_two_types_are_noticed(tmp_path):
    (tmp_path / "a.csv").write_text("code,y\n1,0\n2,1\n")
    (tmp_path / "b.csv").write_text("code,y\nx,0\n007,1\n")
    assert list(read_table(tmp_path, Dialect()).frame["code"]) == ["1", "2", "x", "007"]
    (tmp_path / "c.csv").write_text("kode,y\n1,0\n")
    with pytest.raises(TrainingError, match="'kode' is in one of them only"):
        read_table(tmp_path, Dialect())


def test_a_table_that_is_too_large_names_the_rows_that_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LARGEST_CELLS", 100)
    (tmp_path / "table.csv").write_text(ROWS)
    with pytest.raises(TrainingError, match="--rows 20 "):
        read_table(tmp_path / "table.csv", Dialect())
    assert len(read_table(tmp_path / "table.csv", Dialect(), sample=20).frame) == 20


@pytest.mark.parametrize("line", ["1,2", "1,2,3,4", '"1,2,3'])
def test_a_row_of_another_length_is_refused_by_its_line(line, tmp_path):
    (tmp_path / "table.csv").write_text(f"a,b,y\n1,2,0\n{line}\n1,2,1\n")
    with pytest.raises(TrainingError, match=r"line [34]"):
        read_table(tmp_path / "table.csv", Dialect())


def test_a_delimiter_at_the_end_of_each_row_is_no_column(tmp_path):
    (tmp_path / "table.csv").write_text("a,y\n1,0,\n2,1,\n")
    assert list(read_table(tmp_path / "table.csv", Dialect()).frame.columns) == ["a", "y"]


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("$84,835.00", ".", 84835.0),
        ("51.2%", ".", 51.2),
        ("(1,200)", ".", -1200.0),
        ("-€5", ".", -5.0),
        ("1'000", ".", 1000.0),
        ("1\N{NO-BREAK SPACE}000,5 €", ",", 1000.5),
        ("1.234,5", ",", 1234.5),
        ("1,23", ".", None),
        ("0,123", ".", None),
        ("A12", ".", None),
        ("12", ".", None),
    ],
)
def test_numbers_are_read_as_people_write_them(text, decimal, number):
    found = read_numbers(pd.Series([text, None], dtype="string"), decimal)
    assert (None if found is None else found.values[0]) == number


DECIDED = ["--threshold", "0.2", "--labels", "no,yes", "--class-weight", "balanced"]


@pytest.mark.parametrize("engine", ["onnx", "sklearn"])
def test_a_threshold_and_names_of_classes_hold_in_both_engines(engine, train, make_client):
    draw = np.random.default_rng(5)
    frame = pd.DataFrame({"a": draw.normal(size=300), "b": draw.normal(size=300)})
    frame["y"] = (frame.a + draw.normal(size=300) > 0.8).astype(int)
    ran = train(frame, "--model", "logistic_regression", *DECIDED)
    assert ran.code == 0, ran.output
    assert ran.manifest.classes == ("no", "yes") and ran.manifest.training["threshold"] == 0.2
    client = make_client(ARTIFACTS_DIR=str(ran.root), ENGINE=engine)
    rows = frame[["a", "b"]].to_dict("records")
    answers = client.post("/predict/batch?probabilities=true", json={"instances": rows}).get_json()["predictions"]
    low = [answer for answer in answers if answer["prediction"] == "yes" and answer["probability"] < 0.5]
    assert low and all(answer["probability"] >= 0.2 for answer in low)
    assert all(answer["probability"] > 0.8 for answer in answers if answer["prediction"] == "no")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--model", "gradient_boosting", "--class-weight", "balanced"],
            "takes no --class-weight: choose --model among",
        ),
        (["--model", "ridge", "--threshold", "0.3"], "needs probabilities"),
        (["--model", "decision_tree", "--labels", "a,b,c"], "3 names for 2 classes"),
        (["--model", "ridge", "--task", "regression", "--threshold", "0.3"], "predicts a number"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(options, words, train):
    ran = train(
        pd.DataFrame({"a": range(60), "b": [i % 7 for i in range(60)], "y": [i % 2 for i in range(60)]}), *options
    )
    assert ran.code == 1 and words in ran.output, ran.output
