"""ONNX's files: what they say of themselves is checked before any array is made.

read : (path or ModelProto) -> (graph, arrays by name)
"""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...core import arguments
from ...core.optional import require
from ...core.text import first_of
from ..unsupported import refuse
from . import LIMITS, OPERATORS
from .elementwise import TYPES
from .node import Node

WHO = "from_onnx"
Array = np.ndarray[Any, Any]

_BODIES = {5: "graph", 10: "graphs", 11: "sparse_tensor", 12: "sparse_tensors"}
"""Numbers of the kinds of attributes that no supported operator has."""


class Input(NamedTuple):
    """An input of a graph: its axes have lengths, or None where any will do."""

    name: str
    shape: tuple[int | None, ...] | None


class Graph:
    """Operators in order, with the names of what goes in and out; a constant of its model.

    Two that were read from the same content are equal.
    """

    def __init__(
        self,
        nodes: tuple[Node, ...],
        inputs: tuple[Input, ...],
        outputs: tuple[str, ...],
        constants: Mapping[str, Array],
        digest: str,
    ):
        self.nodes, self.inputs, self.outputs = nodes, inputs, outputs
        self.constants, self.digest = constants, digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        counts = Counter(node.operator for node in self.nodes).most_common()
        counted = [f"{n} {operator}" if n > 1 else operator for operator, n in counts]
        return f"Graph({first_of(counted, most=6)})"


def read(source: Any) -> tuple[Graph, dict[str, Array]]:
    """The graph of a model and its floating-point arrays by name, all of it checked."""
    onnx = require(WHO, "onnx", extra="onnx")
    model, folder = _model(onnx, source)
    if len(model.functions):
        model = onnx.inliner.inline_local_functions(model)
    opset = _opset(model)
    graph = model.graph
    found = _Problems()
    stored = {_text(t.name): _array(onnx, t, folder, found) for t in graph.initializer}
    found.add("sparse_initializer", *(s.values.name for s in graph.sparse_initializer))
    constants = {name: a for name, a in stored.items() if a.dtype.kind != "f"}
    for i in graph.input:
        if i.type.tensor_type.elem_type not in TYPES:
            found.add("inputs that are no arrays of NumPy's types", i.name)
    nodes: list[Node] = []
    for proto in graph.node:
        node = _node(onnx, proto, opset, folder, found)
        if proto.domain not in ("", "ai.onnx"):
            found.add(f"{proto.op_type} of {proto.domain}", str(node))
        elif proto.op_type == "Constant" and len(node.attributes) == 1:
            constants[node.outputs[0]] = _constant(node)
        elif proto.op_type not in OPERATORS:
            found.add(proto.op_type, str(node))
        else:
            nodes.append(node)
    known = {**stored, **constants}
    for node in nodes:
        try:
            limit = LIMITS[node.operator](node, known) if node.operator in LIMITS else ""
        except (TypeError, ValueError, IndexError) as error:
            raise ValueError(f"{WHO}: {node}: its attributes make no sense: {error}") from None
        if limit:
            found.add(f"{node.operator} ({limit})", str(node))
    refuse(WHO, found.said(), "Replace them before the export, or write the model here.")
    inputs = tuple(_input(i) for i in graph.input if _text(i.name) not in stored)
    outputs = tuple(_text(o.name) for o in graph.output)
    _check_order(nodes, {*stored, *constants, *(i.name for i in inputs)}, outputs)
    weights = {name: a for name, a in stored.items() if name not in constants}
    digest = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
    return Graph(tuple(nodes), inputs, outputs, constants, digest), weights


class _Problems:
    """What is not supported, and where."""

    def __init__(self) -> None:
        self.places: dict[str, list[str]] = {}

    def add(self, what: str, *places: str) -> None:
        if places:
            self.places.setdefault(what, []).extend(places)

    def said(self) -> list[str]:
        return [f"{what} in {first_of(places, most=3)}" for what, places in self.places.items()]


def _model(onnx: Any, source: Any) -> tuple[Any, Path | None]:
    if isinstance(source, onnx.ModelProto):
        return source, None
    what = "a path to an .onnx file, or an onnx.ModelProto"
    arguments.instance(WHO, "path", source, (str, os.PathLike), what)
    path = arguments.existing_file(WHO, source)
    try:
        model = onnx.load_model(path, load_external_data=False)
    except Exception as error:  # protobuf's, of several kinds
        raise ValueError(f"{WHO}: {str(path)!r} is no ONNX model: {error}") from None
    if not model.graph.output:
        raise ValueError(f"{WHO}: {str(path)!r} is no ONNX model, or one without outputs")
    return model, path.parent


def _opset(model: Any) -> int:
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    if len(versions) != 1 or versions[0] < 7:
        raise ValueError(
            f"{WHO}: the model is written for version {versions or 'unknown'} of the operators; "
            "supported are 7 and newer. Convert it by onnx.version_converter."
        )
    return int(versions[0])


# ---- arrays -------------------------------------------------------------------------------------


def _array(onnx: Any, tensor: Any, folder: Path | None, found: _Problems) -> Array:
    """A stored array, whose content is as long as its shape says."""
    if tensor.data_type not in TYPES:
        kinds = dict(zip(onnx.TensorProto.DataType.values(), onnx.TensorProto.DataType.keys()))
        kind = kinds.get(tensor.data_type, tensor.data_type)
        found.add(f"element type {kind}", _text(tensor.name))
        return np.empty(0)
    dtype, dims = np.dtype(TYPES[tensor.data_type]), tuple(tensor.dims)
    if min(dims, default=0) < 0:
        raise ValueError(f"{WHO}: the array {tensor.name!r} has the shape {dims}")
    count = math.prod(dims)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return _external(tensor, folder, dtype, count).reshape(dims)
    if tensor.HasField("raw_data"):
        there, needed = len(tensor.raw_data), count * dtype.itemsize
    else:
        field = onnx.helper.tensor_dtype_to_field(tensor.data_type)
        there, needed = len(getattr(tensor, field)), count
    if there != needed:
        raise ValueError(
            f"{WHO}: the array {tensor.name!r} of shape {dims} needs {needed:,} "
            f"{'bytes' if tensor.HasField('raw_data') else 'numbers'}, but the file has {there:,}"
        )
    return np.array(onnx.numpy_helper.to_array(tensor))


def _external(tensor: Any, folder: Path | None, dtype: Any, count: int) -> Array:
    """An array in a file beside the model: in its folder, and as long as it has to be."""
    fields = {e.key: e.value for e in tensor.external_data}
    location = fields.get("location", "")
    if folder is None:
        raise ValueError(f"{WHO}: the array {tensor.name!r} lies in {location!r}; give the path")
    path, inside = (folder / location).resolve(), folder.resolve()
    if not location or not path.is_relative_to(inside) or not path.is_file():
        raise ValueError(
            f"{WHO}: the array {tensor.name!r} lies in {location!r}, which is no file in the "
            "folder of the model"
        )
    try:
        offset = int(fields.get("offset", 0))
        length = int(fields.get("length", count * dtype.itemsize))
    except ValueError:
        offset = length = -1
    if offset < 0 or length != count * dtype.itemsize or offset + length > path.stat().st_size:
        raise ValueError(
            f"{WHO}: the array {tensor.name!r} needs {count * dtype.itemsize:,} bytes, which "
            f"{location!r} does not have where the model says"
        )
    return np.fromfile(path, dtype.newbyteorder("<"), count, offset=offset).astype(dtype)


def _constant(node: Node) -> Array:
    ((kind, value),) = node.attributes.items()
    types = {"value_float": np.float32, "value_floats": np.float32}
    return np.asarray(value, None if kind == "value" else types.get(kind, np.int64))


# ---- operators ----------------------------------------------------------------------------------


def _node(onnx: Any, proto: Any, opset: int, folder: Path | None, found: _Problems) -> Node:
    attributes = {}
    for a in proto.attribute:
        if a.type in _BODIES:
            found.add(f"{_BODIES[a.type]} of {proto.op_type}", proto.name or proto.op_type)
            continue
        value = onnx.helper.get_attribute_value(a)
        if isinstance(value, onnx.TensorProto):
            value = _array(onnx, value, folder, found)
        elif isinstance(value, bytes):
            value = _text(value)
        elif isinstance(value, (list, tuple)) or hasattr(value, "__len__"):
            value = [_text(v) if isinstance(v, bytes) else v for v in value]
        attributes[a.name] = value
    inputs, outputs = (tuple(map(_text, names)) for names in (proto.input, proto.output))
    return Node(_text(proto.op_type), _text(proto.name), inputs, outputs, attributes, opset)


def _text(name: Any) -> str:
    """A name; protobuf gives bytes where they are no UTF-8."""
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def _input(info: Any) -> Input:
    kind = info.type.tensor_type
    if not kind.HasField("shape"):
        return Input(_text(info.name), None)
    dims = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    return Input(_text(info.name), tuple(dims))


def _check_order(nodes: list[Node], known: set[str], outputs: tuple[str, ...]) -> None:
    """Each name is given once, before it is used."""
    for node in nodes:
        lacking = [n for n in node.inputs if n and n not in known]
        twice = [n for n in node.outputs if n and n in known]
        if lacking or twice:
            what = "uses what nothing before it gives" if lacking else "gives again what is there"
            raise ValueError(f"{WHO}: {node} {what}: {', '.join(map(repr, lacking or twice))}")
        known.update(n for n in node.outputs if n)
    if lost := [n for n in outputs if n not in known]:
        raise ValueError(f"{WHO}: no operator gives the output {', '.join(map(repr, lost))}")
