"""Models in ONNX's format: their graph of operators, run in the library's operations."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import nn
from ..core.interchange import is_foreign, to_array
from ..ops.shape.axes import shape_of
from .onnx import OPERATORS
from .onnx.node import Node
from .onnx.reading import Graph, read

_SETTINGS = {
    "BatchNormalization": (3, 4),
    "Clip": (1, 2),
    "Dropout": (1,),
    "GRU": (5,),
    "LSTM": (5, 6),
    "OneHot": (2,),
    "Pad": (2,),
    "Pow": (1,),
    "RNN": (5,),
    "Range": (0, 1, 2),
}
"""Inputs that are no weights, by their positions: running statistics, bounds, exponents, first
states."""


class OnnxModel(nn.Module):
    """A graph of operators with its arrays; :func:`from_onnx` makes it.

    Attributes
    ----------
    weights : dict
        The stored floating-point arrays by their names in the file.
    graph : Graph
        The operators and their constants.
    """

    weights: dict[str, Any]
    graph: Graph

    def __call__(self, *inputs: Any) -> Any:
        """The model's output for its inputs, in the order of the file; a tuple of several."""
        graph = self.graph
        if len(inputs) != len(graph.inputs):
            names = ", ".join(i.name for i in graph.inputs) or "none"
            raise TypeError(f"OnnxModel: {len(inputs)} inputs given, but there are: {names}")
        values: dict[str, Any] = dict(graph.constants)
        for name, w in self.weights.items():
            values[name] = w.value if isinstance(w, nn.Frozen) else w
        for known, x in zip(graph.inputs, inputs):
            x = to_array("OnnxModel", known.name, x) if is_foreign(x) else x
            _check_shape(known.name, known.shape, shape_of(x))
            values[known.name] = x
        for node in graph.nodes:
            out = _run(node, [values[name] if name else None for name in node.inputs])
            outs = out if isinstance(out, tuple) else (out,)
            values.update((name, y) for name, y in zip(node.outputs, outs) if name)
        found = tuple(values[name] for name in graph.outputs)
        return found[0] if len(found) == 1 else found


def _run(node: Node, inputs: list[Any]) -> Any:
    try:
        return OPERATORS[node.operator](node, *inputs)
    except Exception as error:
        error.add_note(f"in the operator {node} of a model that from_onnx read")
        raise


def _check_shape(name: str, wanted: Any, given: tuple[int, ...]) -> None:
    """Lengths that the model fixes; that of the first axis, the examples, may differ."""
    if wanted is None:
        return
    fits = len(wanted) == len(given) and all(w in (None, g) for w, g in zip(wanted[1:], given[1:]))
    if not fits:
        form = ", ".join("any" if w is None else str(w) for w in wanted)
        raise ValueError(f"OnnxModel: the input {name!r} must be ({form}), got {given}")


def from_onnx(path: Any) -> OnnxModel:
    """A model in ONNX's format as a module that runs its operators, with the same outputs.

    Stored floating-point arrays are its parameters, under their names in the file. Running
    statistics, first states, bounds, exponents and numbers without axes are frozen;
    :func:`tinygrad_hess.nn.unfreeze` trains them too. What a ``Constant`` operator gives is a
    constant. Arrays keep their type.

    Parameters
    ----------
    path : path or onnx.ModelProto
        A file with version 7 of the operators or a newer one. Arrays in files of their own must lie
        in its folder.

    Returns
    -------
    OnnxModel
        Called with the model's inputs, in their order.

    Raises
    ------
    NotImplementedError
        For operators and settings that are not supported: all of them, by name.
    ValueError
        For a file that is no model or contradicts itself: an array that is not as long as its shape
        says, a name that nothing gives. Sizes are checked before anything of that size is made.
    ImportError
        Without onnx, which the extra ``onnx`` installs.

    Notes
    -----
    Shapes that depend on the numbers of an input are not supported, nor are loops and branches of
    ONNX's own. Source of the operators' meaning: https://onnx.ai/onnx/operators/.

    Examples
    --------
    >>> model = io.from_onnx("net.onnx")  # doctest: +SKIP
    >>> model  # doctest: +SKIP
    OnnxModel(
      weights={'0.weight': float32(4,3), '0.bias': float32(4,)},
      graph=Graph(Gemm, Relu),
    )  # 16 parameters
    """
    graph, stored = read(path)
    uses: dict[str, bool] = {}  # whether an array is a weight of some operator
    for node in graph.nodes:
        for position, name in enumerate(node.inputs):
            setting = position in _SETTINGS.get(node.operator, ())
            uses[name] = uses.get(name, False) or not setting
    weights: dict[str, Any] = {}
    for name, array in stored.items():
        if name in uses or name in graph.outputs:
            trained = array.ndim and uses.get(name, False)
            weights[name] = array if trained else nn.Frozen(np.asarray(array))
    return OnnxModel(weights, graph)
