"""Every way out that a refusal names works when it is typed, in the command that named it."""

import re

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PowerTransformer,
    SplineTransformer,
    StandardScaler,
)

Y = [i % 2 for i in range(80)]
A = [(i * 7919) % 101 / 10 + 3 * y for i, y in enumerate(Y)]
WAY = re.compile(r"(--[a-z][a-z-]*)(?: ('[^']*'|(?!or\b|and\b)[A-Za-z0-9_=,.-]+))?")
FLAGS = ("--index-column", "--no-header", "--header", "--no-na")


def ways(output):
    """The options that the refusal names, each as the arguments that one types."""
    refusal = output[output.index("Error: ") :]
    found = []
    for option, value in WAY.findall(refusal):
        if option in FLAGS or value:
            found.append([option] if option in FLAGS else [option, value.rstrip(".,").strip("'").replace("\\t", "\t")])
    return found


def _csv(**columns):
    return pd.DataFrame(columns).to_csv(index=False)


def _rows(delimiter=","):
    return "".join(delimiter.join(map(str, row)) + "\n" for row in zip(A, Y, strict=True))


TABLES = {
    "semicolons": ("a;y\n" + _rows(";"), ["--delimiter ;"]),
    "tabs": ("a\ty\n" + _rows("\t"), ["--delimiter \t"]),
    "latin-1": (f"größe,y\n{_rows()}".encode("latin-1"), ["--encoding cp1252"]),
    "a byte that cp1252 has not": (b"a\x81,y\n" + _rows().encode(), ["--encoding latin-1"]),
    "UTF-16 without a mark": (f"a,y\n{_rows()}".encode("utf-16-le"), ["--encoding utf-16-le"]),
    "row names of R": (
        '"a","y"\n' + "".join(f'"{i}",{a},{y}\n' for i, (a, y) in enumerate(zip(A, Y, strict=True))),
        ["--index-column"],
    ),
    "a number for missing": (_csv(a=["?", *map(str, A[1:])], y=Y), ["--missing ?", "--type a=category"]),
    "decimal commas": (_csv(a=[str(a).replace(".", ",") for a in A], y=Y), ["--decimal ,", "--type a=category"]),
    "two units": (_csv(a=[f"{'$€'[i // 7 % 2]}{i // 9}" for i in range(80)], y=Y), ["--type a=category"]),
    "dates": (_csv(a=A, day=[f"2024-01-{i % 28 + 1:02}" for i in range(80)], y=Y), ["--drop day"]),
    "ids beyond 2^53": (
        _csv(a=A, number=[2**60 + i for i in range(80)], y=Y),
        ["--drop number", "--type number=number"],
    ),
    "labels beyond 2^53": (_csv(a=A, y=[2**60 + y for y in Y]), ["--type y=category"]),
    "labels that mean null": (_csv(a=A, y=["None" if y else "NA" for y in Y]), ["--na "]),
    "classes of one row": (_csv(a=A, y=[9, *(20 + i / 3 for i in range(79))]), ["--task regression"]),
    "too many texts": (
        _csv(
            a=[i % 7 for i in range(2200)], many=[f"t{i % 1050}" for i in range(2200)], y=[i % 2 for i in range(2200)]
        ),
        ["--drop many", "--type many=text"],
    ),
}
MESSAGES = {
    "semicolons": "it looks separated by",
    "latin-1": "or save it as UTF-8",
    "UTF-16 without a mark": "it holds zero bytes",
    "row names of R": "(R writes such files)",
    "a number for missing": "if that means missing, say --missing",
    "decimal commas": "say --decimal ',', or",
    "two units": "bring them to one unit",
    "dates": "turn it into a number before training",
    "ids beyond 2^53": "holds integers beyond 2^53",
    "labels beyond 2^53": "is beyond 2^53, which JSON numbers do not carry exactly",
    "labels that mean null": "are read as missing",
    "classes of one row": "say --task regression",
    "too many texts": "different texts, more than a category may have",
}
"""Words of the message that a table of TABLES meets; ``test_messages.py`` counts on them."""


@pytest.fixture
def unfitted(monkeypatch):
    """The command stops before the fit."""
    monkeypatch.setattr("training.sources.train", lambda *_: None)


@pytest.mark.parametrize("case", TABLES)
@pytest.mark.usefixtures("unfitted")
def test_a_way_out_of_a_refused_table_works_when_typed(case, run, tmp_path):
    content, expected = TABLES[case]
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    asked = ["--data", path, "--target", "y", "--no-card", "--model", "decision_tree"]
    first = ["--task", "classification"] if case == "classes of one row" else []
    refused = run(*asked, *first)
    assert refused.code == 1, refused.output
    named = ways(refused.output)
    assert {" ".join(way) for way in named} >= set(expected), refused.output
    assert MESSAGES.get(case, "") in refused.output
    for way in named:
        if way != ["--delimiter"]:
            assert run(*asked, *way).code == 0, (way, run(*asked, *way).output)


def test_a_table_without_header_is_asked_about(run, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(_rows())
    refused = run("--data", path, "--target", "1", "--no-card", "--model", "decision_tree")
    assert refused.code == 1 and ways(refused.output)[:1] == [["--no-header"]] and ["--header"] in ways(refused.output)
    asked = ["--data", path, "--no-card", "--model", "decision_tree"]
    assert run(*asked, "--no-header", "--target", "column_2").manifest.contract.names == ("column_1",)
    names = path.read_text().splitlines()[0].split(",")
    assert run(*asked, "--header", "--target", names[1], "--name", "second").code == 0


@pytest.mark.usefixtures("unfitted")
@pytest.mark.parametrize("header", ["0,1", "2019,2020", "a,y"])
def test_numbers_in_a_row_may_be_names(header, run, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(f"{header}\n{_rows()}")
    ran = run("--data", path, "--target", header.split(",")[1], "--no-card", "--model", "decision_tree")
    assert ran.code == 0, ran.output


@pytest.mark.usefixtures("unfitted")
def test_all_columns_that_are_refused_are_told_at_once(run, tmp_path):
    path = tmp_path / "table.csv"
    days = [f"2024-01-{i % 28 + 1:02}" for i in range(80)]
    path.write_text(_csv(day=days, a=A, number=[2**60 + i for i in range(80)], y=Y))
    asked = ["--data", path, "--target", "y", "--no-card", "--model", "decision_tree"]
    refused = run(*asked)
    assert refused.code == 1 and "2 columns are refused" in refused.output
    drops = [part for way in ways(refused.output) if way[0] == "--drop" for part in way]
    assert run(*asked, *drops).code == 0


CORRECTED = {
    "an index that has a name": (["--index-column"], [], "leave --index-column out"),
    "a column that is not there": (["--drop", "b"], [], "has no such column beside the target"),
    "names for codes that are texts": (
        ["--labels", "no,yes", "--type", "y=category"],
        ["--type", "y=category"],
        "are texts: leave it out",
    ),
    "names for a number": (
        ["--labels", "no,yes", "--task", "regression"],
        ["--task", "regression"],
        "is predicted as a number: leave it out",
    ),
    "too many names": (["--labels", "a,b,c"], ["--labels", "a,b"], "give each a name"),
    "a target of another type": (["--type", "y=number"], ["--type", "y=category"], "of the target only"),
    "an unknown encoding": (
        ["--encoding", "klingon"],
        ["--encoding", "cp1252"],
        "is not known: try utf-8, latin-1 or cp1252",
    ),
    "a threshold of a number": (
        ["--threshold", "0.3", "--task", "regression"],
        ["--task", "regression"],
        "--threshold is of a classifier of two classes",
    ),
    "a threshold without probabilities": (
        ["--threshold", "0.3", "--model", "ridge"],
        ["--threshold", "0.3", "--model", "logistic_regression"],
        "such as logistic_regression",
    ),
    "weights of a number": (
        ["--class-weight", "balanced", "--task", "regression"],
        ["--task", "regression"],
        "--class-weight is of classes",
    ),
    "weights that a family has not": (
        ["--class-weight", "balanced", "--model", "gradient_boosting"],
        ["--class-weight", "balanced", "--model", "random_forest"],
        "takes no --class-weight: choose --model among random_forest",
    ),
    "a task that a family has not": (
        ["--task", "regression", "--model", "logistic_regression"],
        ["--task", "regression", "--model", "random_forest"],
        "does no regression: choose --model among random_forest",
    ),
    "an unknown metric": (
        ["--floor", "nonsense=1"],
        ["--floor", "accuracy=0.1"],
        "there is no such metric; there are accuracy",
    ),
    "a metric of probabilities, which the model has not": (
        ["--floor", "roc_auc=0.1", "--model", "ridge"],
        ["--floor", "accuracy=0.1", "--model", "ridge"],
        "there is no such metric here; there are",
    ),
    "a floor that is missed": (
        ["--floor", "accuracy=1.01"],
        ["--floor", "accuracy=0.1"],
        "set by --floor. Nothing was written. Lower it",
    ),
    "more folds than rows": (["--cv", "41"], ["--cv", "2"], "folds are too many for these rows"),
    "a holdout without a class": (["--holdout", "0.01"], ["--holdout", "0.2"], "or choose another --holdout"),
    "a number without one": (
        ["--type", "text=category", "--target", "text", "--task", "regression"],
        ["--target", "text", "--task", "classification"],
        "say --task classification",
    ),
}


@pytest.mark.parametrize("case", CORRECTED)
def test_an_option_that_is_refused_is_corrected_as_the_message_says(case, run, tmp_path):
    wrong, right, message = CORRECTED[case]
    path = tmp_path / "table.csv"
    path.write_text(_csv(a=A, text=[f"t{y}" for y in Y], y=Y))
    asked = ["--data", path, "--target", "y", "--no-card", "--model", "decision_tree"]
    refused = run(*asked, *wrong)
    assert refused.code == 1 and message in refused.output, refused.output
    ran = run(*asked, *right)
    assert ran.code == 0, ran.output


USAGE = {
    "a table without a target": (["--data", "table.csv"], "--data and --target go together"),
    "a column without a table": (["--drop", "a"], "--drop needs --data"),
    "one fold": (["--cv", "1"], "--cv needs at least 2 folds"),
    "nothing and something means null": (
        ["--data", "table.csv", "--target", "y", "--no-na", "--na", "?"],
        "it goes with neither --na nor --missing",
    ),
    "an option before its command": (
        ["--target", "y", "pack", "x", "--data", "y", "--target", "y"],
        "stand after its name: --target",
    ),
}


@pytest.mark.parametrize("case", USAGE)
def test_options_that_do_not_go_together_are_told(case, run):
    wrong, message = USAGE[case]
    refused = run(*wrong)
    assert refused.code == 2 and message in refused.output, refused.output


@pytest.mark.usefixtures("unfitted")
def test_a_table_that_is_too_large_is_read_in_part_as_the_message_says(run, tmp_path, monkeypatch):
    monkeypatch.setattr("training.table.LARGEST_CELLS", 120)
    path = tmp_path / "table.csv"
    path.write_text(_csv(a=A, y=Y))
    asked = ["--data", path, "--target", "y", "--no-card", "--model", "decision_tree"]
    refused = run(*asked)
    assert refused.code == 1 and ways(refused.output) == [["--rows", "60"]], refused.output
    assert run(*asked, "--rows", "60").code == 0


LEFT_OUT = {
    "texts of their own": [f"t{i}" for i in range(80)],
    "an empty column": [None] * 80,
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_a_column_that_is_left_out_is_kept_when_asked(case, run, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(_csv(a=A, more=LEFT_OUT[case], y=Y))
    asked = ["--data", path, "--target", "y", "--no-card", "--model", "decision_tree"]
    ran = run(*asked)
    assert ran.manifest.contract.names == ("a",)
    option, value = re.findall(r"To keep it, say (--type) (\S+)\.", ran.output)[0]
    kept = run(*asked, option, value, "--name", "kept")
    assert kept.code == 0 and (kept.root / "kept-1").is_dir(), kept.output


@pytest.fixture
def pack(run, tmp_path):
    """Factory: ``pack(pipeline, sample, *options)``, of a sample in Parquet."""

    def start(pipeline, sample, *options):
        joblib.dump(pipeline, tmp_path / "pipeline.joblib")
        sample.to_parquet(tmp_path / "sample.parquet")
        where = ("--data", tmp_path / "sample.parquet", "--target", "y", "--no-card")
        return run("pack", tmp_path / "pipeline.joblib", *where, *options)

    return start


def _after(step, model=None):
    columns = ColumnTransformer([("own", step, ["amount"])], remainder="passthrough")
    return Pipeline([("columns", columns), ("model", model or LogisticRegression(max_iter=2000))])


@pytest.fixture
def sample():
    draw = np.random.default_rng(3)
    frame = pd.DataFrame({"amount": draw.lognormal(3, 1, 150), "age": draw.integers(18, 80, 150)})
    return frame.assign(y=(frame.amount > 20).astype(int))


RANGED = {
    "a logarithm": FunctionTransformer(np.log),
    "Box-Cox": PowerTransformer("box-cox"),
    "a spline that refuses outside": SplineTransformer(extrapolation="error"),
}


@pytest.mark.parametrize("case", RANGED)
def test_a_step_that_fails_outside_its_data_is_limited_to_where_it_answers(case, pack, sample, make_client):
    pipeline = _after(RANGED[case]).fit(sample[["amount", "age"]], sample["y"])
    ran = pack(pipeline, sample)
    assert ran.code == 0, ran.output
    low, high = ran.manifest.contract.bounds(ran.manifest.contract.features[0])
    assert 0 < low <= sample.amount.min() and sample.amount.max() <= high
    client = make_client(ARTIFACTS_DIR=str(ran.root))
    for amount, status in ((float(sample.amount.min()), 200), (float(sample.amount.max()), 200), (-1.0, 422)):
        assert client.post("/predict", json={"amount": amount, "age": 30}).status_code == status


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_codes_of_which_a_pipeline_takes_no_others_become_choices(dtype, pack, sample, make_client):
    frame = sample.assign(amount=(sample.age % 4 * 2).astype(dtype), y=sample.age / 3)
    pipeline = _after(OneHotEncoder(), LinearRegression()).fit(frame[["amount", "age"]], frame["y"])
    ran = pack(pipeline, frame)
    assert ran.code == 0, ran.output
    assert ran.manifest.contract.features[0].choices == (0, 2, 4, 6)
    assert "the pipeline takes none but these 4 codes" in ran.output
    client = make_client(ARTIFACTS_DIR=str(ran.root))
    assert client.post("/predict", json={"amount": 4, "age": 30}).status_code == 200
    assert client.post("/predict", json={"amount": 3, "age": 30}).status_code == 422


def test_a_sample_that_fails_names_step_transformer_and_column(pack, sample):
    pipeline = _after(StandardScaler()).fit(sample[["amount", "age"]], sample["y"])
    refused = pack(pipeline, sample.assign(amount=[f"about {value:.0f}" for value in sample.amount]))
    assert refused.code == 1
    assert "transformer 'own' (StandardScaler) on column 'amount'" in refused.output, refused.output


def test_whole_numbers_of_a_pipeline_may_be_declared_numbers(pack, sample, make_client):
    sample = sample.assign(y=sample.age / 3 + sample.amount)
    pipeline = Pipeline([("model", LinearRegression())]).fit(sample[["amount", "age"]], sample["y"])
    ran = pack(pipeline, sample, "--type", "age=number")
    assert ran.code == 0, ran.output
    answer = make_client(ARTIFACTS_DIR=str(ran.root)).post("/predict", json={"amount": 3.5, "age": 47.5})
    frame = pd.DataFrame({"amount": [3.5], "age": [47.5]})
    assert answer.get_json()["prediction"] == pytest.approx(pipeline.predict(frame)[0], abs=1e-9)


def test_a_pipeline_that_does_not_count_its_columns_takes_those_that_it_answers(pack, sample, make_client):
    target = sample.age * 2.0
    pipeline = Pipeline([("model", IsotonicRegression(out_of_bounds="clip"))]).fit(sample[["age"]], target)
    ran = pack(pipeline, sample[["age"]].assign(y=target))
    assert ran.code == 0 and ran.manifest.contract.names == ("age",), ran.output
    answer = make_client(ARTIFACTS_DIR=str(ran.root)).post("/predict", json={"age": 33})
    assert answer.get_json()["prediction"] == pytest.approx(pipeline.predict(pd.DataFrame({"age": [33]}))[0])
    refused = pack(pipeline, sample.assign(y=target))
    assert refused.code == 1 and "a sample with just these columns" in refused.output


@pytest.mark.parametrize("named", [False, True])
def test_a_pipeline_without_names_takes_those_of_its_sample(named, pack, sample):
    inputs = sample[["amount", "age"]]
    inputs = inputs.set_axis([0, 1], axis=1) if named else inputs.to_numpy()
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())]).fit(inputs, sample["y"])
    ran = pack(pipeline, sample)
    assert ran.code == 0 and ran.manifest.contract.names == ("amount", "age"), ran.output
    refused = pack(pipeline, sample.assign(more=1.0))
    assert refused.code == 1 and "fitted on 2 columns without names" in refused.output
