import importlib.util

import pytest

from benchmarks.request_path import OWN, ROOT, Comparison, RequestPath, compare, listing, predict_path, profile, table

INNER = """
class Reader:
    def read(self):
        return [value for value in (1, 2)]
"""
OUTER = """
import json

def answer(reader):
    json.dumps(reader.read())
    reader.read()
    return finish()

def finish():
    return 1
"""


def _module(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_own_files_come_in_the_order_of_their_first_call_with_their_functions(tmp_path):
    inner, outer = _module(tmp_path / "low" / "inner.py", INNER), _module(tmp_path / "high" / "outer.py", OUTER)
    reader = inner.Reader()
    found = profile(lambda: outer.answer(reader), tmp_path, ("high", "low"))
    assert list(found.files.items()) == [("high/outer.py", ("answer", "finish")), ("low/inner.py", ("Reader.read",))]
    assert found.changes == 2, "outer, inner (twice), outer"
    assert list(profile(lambda: outer.answer(reader), tmp_path, ("low",)).files) == ["low/inner.py"]


def test_a_path_is_listed_as_text_and_as_markdown():
    path = RequestPath({"service/app.py": ("begin", "finish")}, 0)
    assert listing(path).splitlines()[:2] == ["  1  service/app.py", "       begin, finish"]
    assert listing(path, markdown=True).splitlines()[0] == "1. `service/app.py`: `begin`, `finish`"
    assert listing(path).endswith("1 files, 0 changes of file.")


def test_the_path_of_a_prediction_goes_through_the_service_to_the_engine(trained, monkeypatch, capfd):
    monkeypatch.setenv("ARTIFACTS_DIR", str(trained))
    path = predict_path()
    assert "inference/engines/onnx.py" in path.files
    assert {file.partition("/")[0] for file in path.files} == set(OWN)
    assert all((ROOT / file).exists() for file in path.files)
    assert path.changes >= len(path.files) - 1
    assert len(path.files) <= 18, "a request that passes more files is no longer read in one sitting"
    listed = [line for line in listing(path, markdown=True).splitlines() if "`service/" in line or "`schemas/" in line]
    document = (ROOT / "ARCHITECTURE.md").read_text()
    assert [line for line in listed if line not in document] == [], "python -m benchmarks.request_path --markdown"
    assert '"prediction_made"' not in capfd.readouterr().out, "the log goes to a file"


def test_two_trees_are_compared_by_the_median_of_their_ratios():
    text = table(Comparison("abc", [90.0, 110.0, 100.0], [100.0, 100.0, 100.0]))
    assert "| this tree | 100.0 | 90.0 | 110.0 |" in text
    assert "Ratio, this tree to abc: median 1 of 3 rounds, spread 20%" in text


@pytest.mark.process
@pytest.mark.slow
def test_a_tree_is_timed_in_new_processes(trained, monkeypatch):
    monkeypatch.setenv("ARTIFACTS_DIR", str(trained))
    found = compare(ROOT, 1)
    assert len(found.here) == len(found.there) == 1
    assert min(found.here + found.there) > 1
