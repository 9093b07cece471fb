"""The ONNX graph under construction: nodes, constants, outputs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from inference.engines.onnx import INPUT
from training.compiler.columns import Column, Doubles

OPSETS = (("", 21), ("ai.onnx.ml", 5))
IR_VERSION = 10
OUTPUT_TYPES = {"probabilities": TensorProto.DOUBLE, "label": TensorProto.INT64, "value": TensorProto.DOUBLE}


@dataclass(frozen=True, slots=True)
class Matrix:
    """A tensor (n, width) and where in it each wanted column stands."""

    tensor: str
    width: int
    positions: tuple[int, ...]


@dataclass(slots=True)
class Graph:
    """Collects nodes. ``features``: the width of the input; ``splits``: what trees compare, for the parity gate.

    ``part``: while a part of a meta-estimator is compiled, its outputs by name.
    """

    features: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    splits: list[tuple[Column, Doubles]] = field(default_factory=list)
    made: dict[Any, str] = field(default_factory=dict)
    part: dict[str, str] | None = None

    def constant(self, values: Any, dtype: Any = np.float64) -> str:
        """The name of an initialiser that holds ``values``; the same values are stored once."""
        array = np.ascontiguousarray(values, dtype=dtype).reshape(np.shape(values))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.made:
            self.made[key] = f"c{len(self.initializers)}"
            self.initializers.append(numpy_helper.from_array(array, self.made[key]))
        return self.made[key]

    def add(self, operator: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        """The name of the one output of a node; the same node is added once unless it is named."""
        key = (operator, tuple(inputs), repr(attributes)) if output is None and len(attributes) < 4 else None
        if key is not None and key in self.made:
            return self.made[key]
        name = output or f"t{len(self.nodes)}"
        domain = "ai.onnx.ml" if operator in ("TreeEnsemble", "LabelEncoder") else ""
        self.nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        if key is not None:
            self.made[key] = name
        return name

    def remember(self, key: Any, make: Callable[[], str]) -> str:
        """The tensor that ``make`` added for this key, made once."""
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    def gather(self, tensor: str, positions: Sequence[int] | NDArray[np.int64] | int, axis: int = 1) -> str:
        """The chosen columns of a tensor; one number chooses a vector."""
        return self.add("Gather", [tensor, self.constant(positions, np.int64)], axis=axis)

    def cast(self, tensor: str, to: int, output: str | None = None) -> str:
        """Another element type."""
        return self.add("Cast", [tensor], output, to=to)

    def output(self, name: str, source: tuple[str, Sequence[str]], **attributes: Any) -> None:
        """Declare one of the graph's outputs, made by ``source``: an operator and its inputs.

        Of a part of a meta-estimator it is a tensor in ``part`` instead.
        """
        if self.part is not None:
            self.part[name] = self.add(source[0], source[1], **attributes)
            return
        self.add(source[0], source[1], name, **attributes)
        self.outputs.append(helper.make_tensor_value_info(name, OUTPUT_TYPES[name], None))

    def expose(self, name: str, tensor: str) -> None:
        """Give the meta-estimator around a part a tensor beside the outputs."""
        if self.part is not None:
            self.part[name] = tensor

    def serialise(self) -> bytes:
        """The model as bytes."""
        rows = helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, [None, self.features])
        graph = helper.make_graph(self.nodes, "pipeline", [rows], self.outputs, self.initializers)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="training.compiler")
        content: bytes = model.SerializeToString()
        return content

    def concat(self, parts: Iterable[Matrix]) -> tuple[str, int, list[int]]:
        """Tensors side by side: the result, its width and where each part starts."""
        parts = list(parts)
        starts = [sum(part.width for part in parts[:index]) for index in range(len(parts))]
        width = sum(part.width for part in parts)
        tensor = parts[0].tensor if len(parts) == 1 else self.add("Concat", [part.tensor for part in parts], axis=1)
        return tensor, width, starts
