"""Every format in and out, the columns of OUT, and rows that are rejected."""

import gzip
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from tests.scoring.conftest import content

ROWS = 1000


def write(table, path):
    name = path.name
    if name.endswith((".csv", ".csv.gz")):
        table.to_csv(path, index=False)
    elif name.endswith(".arrows"):
        arrow = pa.Table.from_pandas(table)
        with pa.ipc.new_stream(str(path), arrow.schema) as writer:
            writer.write_table(arrow, 300)
    elif name.endswith((".feather", ".arrow")):
        feather.write_feather(table, str(path), chunksize=333)
    else:
        table.to_parquet(path, row_group_size=400)
    return path


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "feather", "arrow", "arrows"])
def test_every_format_gives_the_pipelines_answers_in_order(score, make_table, expected, tmp_path, ending):
    table = make_table(ROWS)
    out = tmp_path / "out.parquet"
    source = write(table, tmp_path / f"in.{ending}")
    assert score(source, out, "--probabilities", "--chunk", 170, "--keep", "id").exit_code == 0
    found, right = pd.read_parquet(out), expected(table)
    assert found["prediction"].tolist() == right["prediction"].tolist()
    for name in right.columns[1:]:
        np.testing.assert_allclose(found[name], right[name], atol=1e-9)
    assert list(found.columns) == [*right.columns, "model_version", "id"]
    assert found["id"].astype(int).tolist() == table["id"].tolist()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("out")] == ["out.parquet"]


def test_parquet_and_csv_say_the_same_and_keep_texts_with_quotes_and_line_ends(score, make_table, tmp_path):
    table = make_table(ROWS)
    source = write(table, tmp_path / "in.parquet")
    for ending in ("parquet", "csv", "csv.gz"):
        assert score(source, tmp_path / f"out.{ending}", "--keep", "name,id").exit_code == 0
    first = pd.read_parquet(tmp_path / "out.parquet")
    assert first["name"].tolist() == table["name"].tolist()
    for other in ("out.csv", "out.csv.gz"):
        pd.testing.assert_frame_equal(pd.read_csv(tmp_path / other), first, check_dtype=False)


def test_a_kept_column_of_a_csv_stays_as_it_stands(score, make_table, tmp_path):
    table = make_table(3).assign(zip=["00005", "", "1e3"])
    score(write(table, tmp_path / "in.csv"), tmp_path / "out.csv", "--keep", "zip")
    assert pd.read_csv(tmp_path / "out.csv", dtype=str)["zip"].tolist() == ["00005", np.nan, "1e3"]


def test_all_columns_are_kept_in_their_order(score, make_table, tmp_path):
    source = write(make_table(5), tmp_path / "in.parquet")
    assert score(source, tmp_path / "out.parquet", "--keep", "all").exit_code == 0
    names = pq.read_schema(tmp_path / "out.parquet").names
    assert names == ["prediction", "probability", "model_version", *make_table(0).columns]


def test_a_folder_is_read_in_the_order_of_its_names_and_a_glob_as_well(score, make_table, tmp_path):
    table, folder = make_table(900), tmp_path / "in"
    (folder / "b").mkdir(parents=True)
    (folder / "_SUCCESS").touch()
    write(table[:300], folder / "a.parquet")
    write(table[300:500], folder / "b" / "x.csv")
    write(table[500:], folder / "c.feather")
    (folder / "notes.txt").write_text("not a table")
    whole = write(table, tmp_path / "whole.parquet")
    result = score(folder, tmp_path / "folder.parquet")
    assert "notes.txt" in result.output
    score(whole, tmp_path / "whole-out.parquet")
    assert score(f"{folder}/**/*.[cpf]*", tmp_path / "glob.parquet").exit_code == 0
    assert content(tmp_path / "folder.parquet") == content(tmp_path / "glob.parquet")
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "folder.parquet"), pd.read_parquet(tmp_path / "whole-out.parquet")
    )


def test_rows_that_the_contract_refuses_are_left_out_and_told(score, make_table, tmp_path):
    table = make_table(500)
    table.loc[[7, 333], "feature_4"] = [1000.0, np.nan]
    table.loc[333, "feature_1"] = np.nan
    out = tmp_path / "out.parquet"
    for source in (write(table, tmp_path / "in.parquet"), write(table, tmp_path / "in.csv")):
        result = score(source, out, "--chunk", 100, "--keep", "id")
        assert result.exit_code == 0
        assert "2 rows rejected" in result.output
        assert "1 x feature_4: Must be between 0 and 100." in result.output
        rejected = pd.read_csv(f"{out}.rejected.csv")
        assert rejected["row"].tolist() == [7, 333]
        assert json.loads(rejected["errors"][0]) == {"feature_4": ["Must be between 0 and 100."]}
        assert json.loads(rejected["errors"][1]).keys() == {"feature_1", "feature_4"}
        ids = pd.read_parquet(out)["id"].astype(int).tolist()
        assert ids == [row for row in range(500) if row not in (7, 333)]
    score(write(make_table(5), tmp_path / "good.parquet"), out)
    assert not (tmp_path / "out.parquet.rejected.csv").exists(), "the rejected rows of another run stayed"


def test_row_numbers_go_on_over_the_files(score, make_table, tmp_path):
    table, folder = make_table(30), tmp_path / "in"
    folder.mkdir()
    table.loc[17, "feature_5"] = 99
    write(table[:10], folder / "1.csv")
    write(table[10:], folder / "2.parquet")
    score(folder, tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv.rejected.csv")["row"].tolist() == [17]


def test_strict_stops_at_a_refused_row(score, make_table, tmp_path):
    table = make_table(300)
    table.loc[123, "feature_4"] = -1
    out = tmp_path / "out.parquet"
    result = score(write(table, tmp_path / "in.parquet"), out, "--strict", "--chunk", 50)
    assert result.exit_code == 1
    assert "row 123" in result.output
    assert "feature_4" in result.output
    assert not out.exists()
    assert score(tmp_path / "in.parquet", out, "--strict", "--chunk", 50).exit_code == 1, "the second run passed"
    assert score(tmp_path / "in.parquet", out, "--chunk", 50).exit_code == 0


def test_lines_of_a_csv_with_too_many_or_few_cells_are_rejected_as_rows(score, make_table, tmp_path):
    lines = make_table(6).drop(columns="name").to_csv(index=False).splitlines()
    lines[2] += ",7"
    lines[4] = "1,2"
    lines.insert(3, "")
    (tmp_path / "in.csv").write_text("\n".join(lines))
    score(tmp_path / "in.csv", tmp_path / "out.csv", "--keep", "id", "--chunk", 2)
    rejected = pd.read_csv(tmp_path / "out.csv.rejected.csv")
    assert rejected["row"].tolist() == [1, 3]
    assert "Has 7 cells, and the header 6." in rejected["errors"][0]
    assert pd.read_csv(tmp_path / "out.csv")["id"].tolist() == [0, 2, 4, 5]


@pytest.mark.parametrize("cell", ["nan", "inf", "abc", "1 000", "0x10", "9007199254740993", "true"])
def test_a_text_that_is_no_number_is_rejected_by_its_column(score, make_table, tmp_path, cell):
    table = make_table(4).astype(object)
    table.loc[2, "feature_1"] = cell
    score(write(table, tmp_path / "in.csv"), tmp_path / "out.csv")
    rejected = pd.read_csv(tmp_path / "out.csv.rejected.csv")
    assert rejected["row"].tolist() == [2]
    assert list(json.loads(rejected["errors"][0])) == ["feature_1"]


@pytest.mark.parametrize("change", ["bom", "crlf", "cr", "no_last_line_end", "packed_without_the_name"])
def test_every_way_to_write_a_csv_reads_the_same(score, make_table, tmp_path, change):
    table = make_table(50).drop(columns="name")
    plain = table.to_csv(index=False).encode()
    changed = {
        "bom": b"\xef\xbb\xbf" + plain,
        "crlf": plain.replace(b"\n", b"\r\n"),
        "cr": plain.replace(b"\n", b"\r"),
        "no_last_line_end": plain.rstrip(b"\n"),
        "packed_without_the_name": gzip.compress(plain),
    }[change]
    (tmp_path / "plain.csv").write_bytes(plain)
    (tmp_path / "changed.csv").write_bytes(changed)
    for name in ("plain", "changed"):
        assert score(tmp_path / f"{name}.csv", tmp_path / f"{name}.out.csv", "--chunk", 7).exit_code == 0
    assert content(tmp_path / "plain.out.csv") == content(tmp_path / "changed.out.csv")
    assert len(pd.read_csv(tmp_path / "plain.out.csv")) == 50


@pytest.mark.parametrize("ending", ["csv", "parquet", "feather"])
@pytest.mark.parametrize("target", ["csv", "parquet"])
def test_no_rows_give_a_file_without_rows(score, make_table, tmp_path, ending, target):
    out = tmp_path / f"out.{target}"
    assert score(write(make_table(0), tmp_path / f"in.{ending}"), out, "--probabilities", "--keep", "id").exit_code == 0
    found = pd.read_csv(out) if target == "csv" else pd.read_parquet(out)
    assert len(found) == 0
    assert {"prediction", "probability", "model_version", "id"} <= set(found.columns)


def test_narrow_numbers_dictionaries_and_nullable_columns_are_read(score, make_table, tmp_path):
    table = make_table(200)
    arrow = pa.Table.from_pandas(table)
    other = arrow.set_column(6, "feature_5", arrow["feature_5"].cast(pa.int8()))
    other = other.set_column(1, "name", other["name"].dictionary_encode())
    pq.write_table(arrow, tmp_path / "a.parquet")
    pq.write_table(other, tmp_path / "b.parquet")
    for name in "ab":
        assert score(tmp_path / f"{name}.parquet", tmp_path / f"{name}.out.csv", "--keep", "name").exit_code == 0
    assert content(tmp_path / "a.out.csv") == content(tmp_path / "b.out.csv")
