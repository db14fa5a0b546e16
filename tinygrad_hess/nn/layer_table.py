"""A model as a table: its layers, what they give, how many parameters they have.

summarize : model, inputs -> Summary

Modules are known by their entry in :data:`~tinygrad_hess.core.trees.CHILDREN`, so that the class
itself can use this.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree

from ..core import modes, trees
from ..core.display import card
from ..core.text import visible

watcher: ContextVar[Callable[[Any, Any], None] | None] = ContextVar("watcher", default=None)
"""Is told each module that was called, and what it gave."""


@dataclass(frozen=True)
class Layer:
    """One row of a summary.

    Attributes
    ----------
    name : str
        The path from the model, such as ``layers[0]``.
    kind : str
        Its class.
    output : str
        Shape of what it gave; empty where it was not called.
    parameters, frozen, buffers : int
        Elements of its own arrays; what an earlier layer shares is not counted again.
    """

    name: str
    kind: str
    output: str
    parameters: int
    frozen: int
    buffers: int


@dataclass(frozen=True, repr=False)
class Summary:
    """The layers of a model, and the model's mode.

    Attributes
    ----------
    kind : str
        The class of the model.
    training : bool
    layers : tuple of Layer
        Modules that have arrays of their own, or no modules in them, or that were called and used
        those in them without calling them.
    output : str
        Shape of what the model gave; empty where it was not called.
    """

    kind: str
    training: bool
    layers: tuple[Layer, ...]
    output: str = ""

    @property
    def parameters(self) -> int:
        """All that are trained."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def frozen(self) -> int:
        """All that are frozen."""
        return sum(layer.frozen for layer in self.layers)

    def _title(self) -> str:
        frozen = f", {self.frozen:,} frozen" if self.frozen else ""
        mode = "training" if self.training else "evaluation"
        gives = f", gives {self.output}" if self.output else ""
        plural = "" if self.parameters == 1 else "s"
        return f"{self.kind}: {self.parameters:,} parameter{plural}{frozen}{gives}; in {mode}"

    def _columns(self) -> list[str]:
        """Those in which something stands."""
        optional = ("output", "frozen", "buffers")
        return [
            name
            for name in Layer.__dataclass_fields__
            if name not in optional or any(getattr(layer, name) for layer in self.layers)
        ]

    def __repr__(self) -> str:
        if not self.layers:
            return self._title()
        columns = self._columns()
        rows = [["layer", *columns[1:]]]
        for layer in self.layers:
            values = [getattr(layer, name) for name in columns]
            rows.append([f"{v:,}" if isinstance(v, int) else visible(v) for v in values])
        numbers = ("parameters", "frozen", "buffers")
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if name in numbers else cell.ljust(width)
                for cell, width, name in zip(row, widths, columns, strict=True)
            ).rstrip()
            for row in rows
        ]
        return "\n".join([self._title(), *(f"  {line}" for line in lines)])

    def _repr_html_(self) -> str:
        columns = self._columns()
        rows = [[getattr(layer, name) for name in columns] for layer in self.layers]
        return card(self._title(), head=["layer", *columns[1:]], rows=rows)


class Summarized:
    """What a module says of itself as a whole."""

    training: bool

    def summary(self, *inputs: Any) -> Summary:
        """Its layers as a table: kind, parameters, what of them is frozen, buffers.

        Parameters
        ----------
        *inputs
            What to call a copy of it with, so that the shapes of outputs are known.

        Returns
        -------
        Summary
            Prints as a table; ``.layers``, ``.parameters``, ``.frozen``.

        Examples
        --------
        >>> import numpy as np
        >>> from tinygrad_hess import nn
        >>> nn.freeze(nn.MLP([3, 4, 2]), "layers[0]").summary(np.ones((5, 3)))
        MLP: 10 parameters, 16 frozen, gives (5, 2); in training
          layer      kind    output  parameters  frozen
          layers[0]  Linear  (5, 4)           0      16
          layers[1]  Linear  (5, 2)          10       0
        """
        return summarize(self, inputs)

    def __str__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


def summarize(model: Any, inputs: tuple[Any, ...] = ()) -> Summary:
    """The summary of a module; with inputs, a copy of it is called to see the outputs."""
    outputs: dict[int, str] = {}
    if inputs:
        model = copy.deepcopy(model)  # a call may change buffers
        token = watcher.set(lambda module, out: outputs.update({id(module): _shape(out)}))
        try:
            with modes.no_grad():
                model(*inputs)
        finally:
            watcher.reset(token)
    was_called = lambda module: id(module) in outputs
    counted: set[int] = set()
    layers = []
    for name, module in _modules("", model):
        items = list(_items(module))
        own = [(kind, x) for _, kind, x in items if kind]
        inner = [x for _, kind, x in items if not kind]
        # what uses a layer in it without calling it, as a scan its cell, has an output of its own
        as_one = name and id(module) in outputs and inner and not all(map(was_called, inner))
        if own or not inner or as_one:
            numbers = dict.fromkeys(("parameters", "frozen", "buffers"), 0)
            for kind, array in own:
                if id(array) not in counted:
                    counted.add(id(array))
                    numbers[kind] += math.prod(np.shape(array))
            output = outputs.get(id(module), "")
            layers.append(Layer(name or "(itself)", type(module).__name__, output, **numbers))
    return Summary(type(model).__name__, model.training, tuple(layers), outputs.get(id(model), ""))


def _modules(path: str, module: Any) -> Iterator[tuple[str, Any]]:
    """A module and all in it with their paths, each before those in it."""
    yield path, module
    for name, kind, inner in _items(module):
        if not kind:
            yield from _modules(f"{path}.{name}".removeprefix("."), inner)


def _items(module: Any) -> Iterator[tuple[str, str, Any]]:
    """Of a module: the path, the kind and the array of each of its own; modules have no kind."""
    flatten: Any = optree.tree_flatten_one_level
    children = flatten(module)[0]
    parts: list[tuple[str, Any]] = []
    for field, child in zip(trees.CHILDREN[type(module)](module), children, strict=True):
        if type(child) is dict:  # in its own order, as layers follow each other; trees sort keys
            parts += [(f"{field}[{key!r}]", value) for key, value in child.items()]
        else:
            parts.append((field, child))
    for field, child in parts:
        leaves, spec = trees.flatten(child, is_leaf=trees.is_module_or_fixed)
        for accessor, x in zip(optree.treespec_accessors(spec), leaves, strict=True):
            name = field + accessor.codify("")
            if isinstance(x, trees.Fixed):
                yield name, "buffers" if x.is_buffer else "frozen", x.value
            else:
                yield name, "" if type(x) in trees.CHILDREN else "parameters", x


def _shape(out: Any) -> str:
    """Of what a module gave: a shape, or those of its parts."""
    return ", ".join(str(tuple(x.shape)) for x in trees.leaves(out) if hasattr(x, "shape"))
