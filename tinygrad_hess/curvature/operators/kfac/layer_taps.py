"""What flows into each layer of a net, and what cotangent flows back out of it.

    LayerTaps  : params -> the layers in it, and the same tree with a tap on each of them
    TappedPass : one run of the net on a batch -> inputs of every layer, cotangents of its outputs

A tap adds zeros to what its layer returns. The cotangent of those zeros is the layer's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree

from ....core import modes, trees
from ....core.errors import describe
from ....core.tape import Tape
from ....core.tensor import Axis, Batched, Tensor, leaf, unrecorded
from ....nn import Conv1d, Conv2d, Linear
from ....ops.nn.windows import windows
from ....ops.shape.batch_axes import enter, leave
from ....transforms.jacobians import chunks
from ....transforms.sweeps import reverse
from ..flattening import Array, Flattening

AFFINE = (Linear, Conv1d, Conv2d)
"""Layers whose output is linear in (weight, bias); a subclass with a ``__call__`` of its own is
none of them."""


def is_affine(x: Any) -> bool:
    """Whether ``x`` is a layer that can be tapped."""
    return any(isinstance(x, kind) and type(x).__call__ is kind.__call__ for kind in AFFINE)


@dataclass(frozen=True, eq=False)
class Layer:
    """A linear map in a layer: all of it, or one group of a grouped convolution.

    Attributes
    ----------
    name : str
        Where the layer stands in the parameters, such as ``layers[0]``.
    number : int
        Of the layer among the tapped ones.
    index : ndarray of int, shape (d, o)
        Where, in the vector of all parameters, the weight from input coordinate i to output j
        stands. A bias is the weight of a last input coordinate that is always 1.
    inputs, outputs : slice
        Its share of the layer's input coordinates (bias excluded; none where the weight is frozen)
        and outputs.
    bias : bool
        Whether there is one that is not frozen.
    """

    name: str
    number: int
    index: Array
    inputs: slice
    outputs: slice
    bias: bool


class LayerTaps:
    """The layers of a tree of parameters, found and ready to be tapped.

    Parameters
    ----------
    at : Flattening
        Of a model, or of any tree with layers in it.

    Attributes
    ----------
    layers : list of Layer
        The linear maps, in the order of the tree.
    names : list of str
        Of the tapped layers.
    outside : list of str
        Where parameters stand that belong to none of them.
    """

    def __init__(self, at: Flattening):
        self.who = at.who
        tree = at.tree()
        self.items, self.spec = trees.flatten(tree, is_leaf=is_affine)
        accessors = optree.tree_accessors(tree, is_leaf=is_affine)
        names = [a.codify("").removeprefix(".") for a in accessors]
        self.names: list[str] = []
        self.indices: list[int] = []  # of the tapped layers among the items
        self.layers: list[Layer] = []
        self.outside: list[str] = []
        first = 0
        for index, (item, name) in enumerate(zip(self.items, names, strict=True)):
            leaves = trees.leaves(item)
            if leaves and is_affine(item) and _all_are(leaves, (item.weight, item.bias)):
                self.layers += _linear_maps(
                    item, name or "layer", len(self.names), at.slices[first:]
                )
                self.names.append(name or "layer")
                self.indices.append(index)
            elif leaves:  # one that is frozen has none
                self.outside.append(name or type(item).__name__)
            first += len(leaves)

    def with_layers(self, layers: Sequence[Any]) -> Any:
        """The tree with others in place of the tapped layers."""
        return trees.unflatten(self.spec, trees.replaced(self.items, self.indices, layers))

    def run(self, predict: Callable[..., Any], x: Any) -> TappedPass:
        """Run ``predict`` on a batch with all layers tapped."""
        return TappedPass(self, predict, x)


def _all_are(leaves: Sequence[Any], these: Sequence[Any]) -> bool:
    return {id(x) for x in leaves} <= {id(x) for x in these}


def _linear_maps(item: Any, name: str, number: int, slices: list[slice]) -> Iterator[Layer]:
    """The linear maps in one layer: one, or as many as it has groups.

    A weight that is frozen leaves the bias alone, the weight of one input that is always 1.
    """
    # The leaves are weight and bias, in whatever order the layer's fields were set.
    slices_of = dict(zip(map(id, trees.leaves(item)), slices, strict=False))
    weight, bias = (slices_of.get(id(x)) for x in (item.weight, item.bias))
    outs_first = not isinstance(item, Linear)
    out = item.weight.shape[0 if outs_first else -1]
    at = np.zeros((0, out), int)  # (inputs, outputs)
    if weight is not None:
        at = _indices(weight)
        at = at.reshape(out, -1).T if outs_first else at.reshape(-1, out)
    width, groups = len(at), getattr(item, "groups", 1)
    if bias is not None:
        at = np.concatenate([at, _indices(bias)[None]])
    out //= groups
    for g in range(groups):
        outputs = slice(g * out, (g + 1) * out)
        yield Layer(
            name=name if groups == 1 else f"{name} group {g}",
            number=number,
            index=at[:, outputs],
            inputs=slice(g * width, (g + 1) * width),
            outputs=outputs,
            bias=bias is not None,
        )


def _indices(rows: slice) -> Array:
    return np.arange(rows.start, rows.stop)


class _Tapped:
    """Stands in a model for one of its layers, and notes each call."""

    def __init__(self, layer: Any, name: str, who: str):
        self.layer, self.name, self.who = layer, name, who
        self.calls: list[tuple[Any, Tensor]] = []  # input, and the zeros added to the output

    def __call__(self, x: Any) -> Any:
        out = self.layer(x)
        raw = unrecorded(out)
        if isinstance(raw, Batched):
            raise ValueError(
                f"{self.who}: layer {self.name} is called inside vmap. Let predict take the whole "
                "batch, as model(x) does."
            )
        zeros = leaf(np.zeros(raw.shape, raw.dtype))
        self.calls.append((unrecorded(x), zeros))
        return out + zeros

    def __getattr__(self, attribute: str) -> Any:
        raise AttributeError(
            f"{self.who}: predict reads {self.name}.{attribute} beside calling the layer; "
            "Kronecker factors know only what passes through calls of it"
        )


class TappedPass:
    """One run of a net on a batch of n examples.

    Attributes
    ----------
    outputs : ndarray, shape (n, ...)
    last : int
        Number of the layer that was called last.
    """

    def __init__(self, taps: LayerTaps, predict: Callable[..., Any], x: Any):
        self.who = taps.who
        tapped = [
            _Tapped(taps.items[index], name, self.who)
            for index, name in zip(taps.indices, taps.names, strict=True)
        ]
        with modes.recording():
            out = predict(taps.with_layers(tapped), x)
        silent = [t.name for t in tapped if not t.calls]
        if silent:
            raise ValueError(
                f"{self.who}: predict does not call {', '.join(silent)}, whose curvature is "
                "therefore zero. Leave it out of params."
            )
        if not isinstance(out, Tensor) or out.prim is None:
            raise ValueError(
                f"{self.who}: what predict returns ({describe(out)}) does not come from the layers "
                "in params, as far as could be recorded. Give the plain function if it is wrapped "
                "in tg.jit, and return one array of outputs."
            )
        self.outputs = np.asarray(unrecorded(out))
        self.tapped, self.tape, self.root = tapped, Tape([out]), out
        self.last = max(range(len(tapped)), key=lambda i: tapped[i].calls[-1][1].time)
        self._check_example_axis()

    def _check_example_axis(self) -> None:
        """Check that the first axis of everything is the examples."""
        self.n = self.outputs.shape[0] if self.outputs.ndim else 0
        for t in self.tapped:
            for x, _ in t.calls:
                if x.ndim < 2 or x.shape[0] != self.n:
                    raise ValueError(
                        f"{self.who}: layer {t.name} got an input of shape {x.shape}, but "
                        f"outputs have shape {self.outputs.shape}; the first axis of both must be "
                        "the examples"
                    )

    def inputs(self, layer: Layer) -> Array:
        """What went into a layer, shape (n, T, d): T positions that share its weights.

        T counts the positions of a convolution, the tokens of a sequence, and repeated calls. The
        last coordinate is 1 where there is a bias.
        """
        t = self.tapped[layer.number]
        parts = [_input_positions(t.layer, x)[..., layer.inputs] for x, _ in t.calls]
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        if layer.bias:
            rows = np.concatenate([rows, np.ones((*rows.shape[:2], 1), rows.dtype)], axis=2)
        return rows

    def cotangents(self, seeds: Array) -> Iterator[list[Array]]:
        """What flows back to each tapped layer's output, shape (j, n, T, o), j seeds at a time.

        ``seeds``, shape (k, n, ...), are cotangents of the outputs.
        """
        for some in chunks(len(seeds), self.tape.nbytes, None):
            axis = Axis(some.stop - some.start)
            seed = enter(np.ascontiguousarray(seeds[some]), axis=axis)
            with modes.recording():
                found = reverse(self.tape, {self.root.time: seed})
            yield [self._cotangents(t, found, axis) for t in self.tapped]

    def _cotangents(self, t: _Tapped, found: dict[int, Any], axis: Axis) -> Array:
        parts = []
        for _, zeros in t.calls:
            g = found.get(zeros.time)
            if g is None:  # called, but the outputs do not depend on it
                g = np.zeros((axis.size, *zeros.shape), zeros.dtype)
            else:
                g = np.asarray(leave(unrecorded(g), axis=axis))
            if not isinstance(t.layer, Linear):
                g = np.moveaxis(g, 2, -1)  # channels last
            parts.append(g.reshape(axis.size, self.n, -1, g.shape[-1]))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)


def _input_positions(layer: Any, x: Any) -> Array:
    """Input of a layer as (n, positions, coordinates), in the order of its weights."""
    x = np.asarray(x)
    if isinstance(layer, Linear):
        return x.reshape(x.shape[0], -1, x.shape[-1])
    rank, size = layer.rank, layer.weight.shape[2:]
    x = np.asarray(layer.padded(x))
    patches = windows(x, size=size, stride=layer.stride, dilation=layer.dilation)
    patches = np.moveaxis(np.asarray(patches), 1, 1 + rank)  # (n, *positions, channels, *size)
    return patches.reshape(len(x), int(np.prod(patches.shape[1 : 1 + rank])), -1)
