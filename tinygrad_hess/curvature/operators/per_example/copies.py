"""A recorded function in which every example has its own copy of the parameters.

ExampleCopies : recording -> function of changes of the copies, random changes

Where examples do not interact, the loss is a sum over them, and the Hessian in the copies has one
block for each example. Its trace is that of the Hessian itself. Random signs may then differ from
example to example, so that their errors average out over the examples, not over probes alone.

Copies of a weight matrix are never made. Where each example uses it once, in ``z = a W``, random
signs for a change of W change z at random with mean 0, and with covariance ``a aᵀ`` for each
output. Such changes of z are drawn instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....core import trees
from ....core.primitive import Primitive, bind
from ....core.tensor import Tensor
from ....transforms.recording import Recording
from ..flattening import Array
from .uses import Use

GUESSES = 4
"""Numbers of examples to try, as each costs products."""


def _apply_primitive(node: Tensor, args: Sequence[Any]) -> Any:
    """What made a node, with other operands."""
    assert isinstance(node.prim, Primitive)
    return bind(node.prim, tuple(args), node.params)


class _OfMatrix:
    """Copies of a matrix, by changes of what it makes of the inputs."""

    def __init__(self, use: Use, examples: int):
        self.uses, self.leaf = [use], use.leaf
        x, value = use.inputs(examples), use.node.value
        n, positions, width = x.shape
        if positions == 1:
            self.root = np.linalg.norm(x, axis=2, keepdims=True)
        elif width <= positions:
            self.root = x
        else:  # a root with fewer columns
            self.root = np.asarray(np.linalg.qr(x.swapaxes(1, 2), mode="r")).swapaxes(1, 2)
        outputs = value.size // max(n * positions, 1)
        self.output_shape = (n, positions, outputs)
        self.shape = (n, self.root.shape[2], outputs)
        self.start = np.zeros(value.shape, value.dtype)

    def evaluate(self, node: Tensor, args: list[Any], operand: int, change: Any) -> Any:
        args[operand] = node.args[operand]
        return _apply_primitive(node, args) + change

    def change(self, signs: Array) -> Array:
        z = self.root * signs if self.output_shape[1] == 1 else self.root @ signs
        return self.uses[0].outputs(z)

    def for_each(self, factors: Array) -> Array:
        """A factor an example, to multiply a change with."""
        return self.uses[0].outputs(np.broadcast_to(factors[:, None, None], self.output_shape))


class _OfBroadcast:
    """Copies of parameters that are broadcast over the examples."""

    def __init__(self, uses: list[Use], examples: int):
        self.uses, self.leaf = uses, uses[0].leaf
        value, own = uses[0].node.value, uses[0].elements.shape
        beyond = value.ndim - 1 - len(own)
        self.shape = (examples, *(1,) * beyond, *own[max(-beyond, 0) :])
        self.start = np.zeros(self.shape, np.asarray(uses[0].node.args[uses[0].operand]).dtype)

    def evaluate(self, node: Tensor, args: list[Any], operand: int, change: Any) -> Any:
        args[operand] = node.args[operand] + change
        return _apply_primitive(node, args)

    def change(self, signs: Array) -> Array:
        return signs

    def for_each(self, factors: Array) -> Array:
        return factors.reshape(-1, *(1,) * (len(self.shape) - 1))


class ExampleCopies:
    """What ``run`` recorded, as a function of its parameters with a copy of them for each example.

    Parameters
    ----------
    run : Recording
    found : sequence of Use
        Of its parameters.
    examples : int
    apart : set of int
        Leaves that get no copies.

    Attributes
    ----------
    starts : list of ndarray
        Where the function is. First leaves that are used in other ways too, where all examples
        share them; then zeros, the changes of copies.
    leaves : list of int
        The leaf that each start belongs to.
    shared : int
        How many of the starts are leaves.
    mixed : list of ndarray of bool
        For each of these, which elements have copies too. The trace counts both of their uses, so
        that these must not interact.
    """

    def __init__(self, run: Recording, found: Sequence[Use], examples: int, apart: set[int]):
        self.run, self.nodes = run, run.tape().nodes
        self.examples, self.apart = examples, apart
        copied = _copy_uses(found, examples, apart)
        taken = {id(u) for c in copied for u in c.uses}
        others = [u for u in found if id(u) not in taken]
        shared = sorted({u.leaf for u in others})
        self.shared = len(shared)
        self._copied, self._times = copied, [run.starts[i].time for i in shared]
        self.leaves = shared + [c.leaf for c in copied]
        self.starts = [run.starts[i].value for i in shared] + [c.start for c in copied]
        self.mixed = [
            _elements_read(start, others, leaf)
            & _elements_read(start, [c.uses[0] for c in copied], leaf)
            for leaf, start in zip(shared, self.starts, strict=False)
        ]
        self._changed = {
            u.node.time: (c, u.operand, number)
            for number, c in enumerate(copied, self.shared)
            for u in c.uses
        }

    def __call__(self, starts: Sequence[Any]) -> Any:
        """The outputs, from values for ``starts``."""
        now: dict[int, Any] = dict(zip(self._times, starts, strict=False))
        for node in self.nodes:
            times = [-1 if p is None else p.time for p in node.parents]
            args = [now.get(t, a) for t, a in zip(times, node.args, strict=True)]
            if node.time in self._changed:
                copied, operand, number = self._changed[node.time]
                now[node.time] = copied.evaluate(node, args, operand, starts[number])
            elif any([t in now for t in times]):
                now[node.time] = _apply_primitive(node, args)
        outputs = [
            now.get(y.time, y.value) if isinstance(y, Tensor) else y for y in self.run.outputs
        ]
        return trees.unflatten(self.run.out_spec, outputs)

    def changes(self, rng: np.random.Generator) -> list[Array]:
        """Random changes of the starts, with the covariance that independent signs for every
        parameter in every copy have."""
        leaves = [_signs(rng, s.shape, s.dtype) for s in self.starts[: self.shared]]
        return leaves + [c.change(_signs(rng, c.shape, c.start.dtype)) for c in self._copied]

    def scaled(self, changes: Sequence[Array], factors: Array) -> list[Array]:
        """Changes of the copies, those of each example times its factor, and none of leaves."""
        none = [np.zeros_like(x) for x in changes[: self.shared]]
        return none + [
            x * c.for_each(factors).astype(x.dtype)
            for x, c in zip(changes[self.shared :], self._copied, strict=True)
        ]


def _signs(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
    size = int(np.prod(shape))
    bits = np.unpackbits(np.frombuffer(rng.bytes(-(-size // 8)), np.uint8), count=size)
    return (bits.astype(dtype) * 2 - 1).reshape(shape)


def numbers_of_examples(run: Recording, found: Sequence[Use]) -> list[int]:
    """What the number of examples may be, first that by which most parameters are used."""
    lengths = {node.value.shape[0] for node in run.tape().nodes if node.value.shape}
    sizes = {n: sum(u.elements.size for u in found if u.suits(n)) for n in lengths if n > 1}
    likely = sorted((n for n in sizes if sizes[n]), key=lambda n: (sizes[n], n), reverse=True)
    return likely[:GUESSES]


def _copy_uses(found: Sequence[Use], examples: int, apart: set[int]) -> list[Any]:
    """Copies of all parameters of which each has one."""
    groups: dict[Any, list[Use]] = {}
    for use in found:
        if use.leaf not in apart and use.suits(examples):
            # What is broadcast may be read in many places. A product is one place.
            same = use.elements.shape, use.elements.tobytes(), use.node.value.ndim
            groups.setdefault((use.leaf, use.node.time if use.product else same), []).append(use)
    copied: list[Any] = []
    for group in groups.values():
        first = group[0]
        rest = [g[0] for g in groups.values() if g is not group and g[0].leaf == first.leaf]
        if not any([np.isin(first.elements, other.elements).any() for other in rest]):
            product = first.product
            copied.append(_OfMatrix(first, examples) if product else _OfBroadcast(group, examples))
    return copied


def _elements_read(start: Array, found: Sequence[Use], leaf: int) -> Array:
    """Which elements of a leaf some uses read."""
    read = np.zeros(start.size, bool)
    for use in found:
        if use.leaf == leaf:
            read[use.elements] = True
    return read.reshape(start.shape)
