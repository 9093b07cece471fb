"""Versions made from the trained one that are worse in one way each."""

import hashlib
import json
import shutil
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from inference.manifest import MANIFEST
from tests.models.conftest import FIRST, edit

HIGH = 1e6
"""A value of feature_1 that no row of the training has."""
SLOW_TURNS = 4000


def _rewire(graph_file: Path, initializers: list, nodes: list) -> None:
    """Put nodes that make ``changed`` of the graph's input before all the others."""
    model = onnx.load(graph_file)
    given = model.graph.input[0].name
    for node in model.graph.node:
        node.input[:] = ["changed" if name == given else name for name in node.input]
    for node in nodes:
        node.input[:] = [given if name == "rows" else name for name in node.input]
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    model.graph.initializer.extend(initializers)
    onnx.save(model, graph_file)


def _slow(graph_file: Path) -> None:
    """The same answers, after a loop of some milliseconds that changes nothing."""
    rows = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in ("x", "y")]
    flags = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "go_on")]
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Identity", ["x"], ["y"])],
        "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []), flags[0], rows[0]],
        [flags[1], rows[1]],
    )
    initializers = [
        helper.make_tensor("loop_times", TensorProto.INT64, [], [SLOW_TURNS]),
        helper.make_tensor("loop_yes", TensorProto.BOOL, [], [True]),
    ]
    nodes = [helper.make_node("Loop", ["loop_times", "loop_yes", "rows"], ["changed"], body=body)]
    _rewire(graph_file, initializers, nodes)


def _failing(graph_file: Path) -> None:
    """The same answers, but the graph looks beyond the end of a table where feature_1 is HIGH."""
    initializers = [
        helper.make_tensor("fail_first", TensorProto.INT64, [1], [0]),
        helper.make_tensor("fail_high", TensorProto.DOUBLE, [], [HIGH / 2]),
        helper.make_tensor("fail_table", TensorProto.DOUBLE, [1], [0.0]),
    ]
    nodes = [
        helper.make_node("Gather", ["rows", "fail_first"], ["fail_value"], axis=1),
        helper.make_node("Greater", ["fail_value", "fail_high"], ["fail_is_high"]),
        helper.make_node("Cast", ["fail_is_high"], ["fail_place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["fail_table", "fail_place"], ["fail_zero"], axis=0),
        helper.make_node("Add", ["rows", "fail_zero"], ["changed"]),
    ]
    _rewire(graph_file, initializers, nodes)


def make(root: Path, version: str, kind: str = "good") -> Path:
    """A copy of the first version in ``root``, worse as ``kind`` says: wrong, slow, failing, refusing, or good."""
    folder = Path(shutil.copytree(root / FIRST, root / f".{version}"))
    changes: dict[str, object] = {"version": version}
    manifest = json.loads((folder / MANIFEST).read_bytes())
    if kind == "wrong":
        golden = json.loads((folder / "golden.json").read_bytes())
        golden["predictions"] = [1 - label for label in golden["predictions"]]
        (folder / "golden.json").write_text(json.dumps(golden))
        changes["classes"] = manifest["classes"][::-1]
    if kind in ("slow", "failing"):
        {"slow": _slow, "failing": _failing}[kind](folder / "model.onnx")
    if kind == "refusing":
        features = {feature["name"]: feature for feature in manifest["contract"]["features"]}
        features["feature_4"]["maximum"] = 50.0
        changes["contract"] = manifest["contract"]
    changes["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in manifest["files"]}
    edit(folder, **changes)
    return folder.rename(root / version)
