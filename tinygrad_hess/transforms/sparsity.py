"""Which inputs an output can depend on: index sets, carried over the tape.

    dependences : (tape, starts, outputs) -> pattern, one row an output element, one column an input

The sets follow from the operations alone, never from values: an element that happens to be zero
stays, and both branches of a ``where`` count. An operation that no rule here knows is taken to join
everything that it reads, which is right for any operation, if wide.

References
----------
Griewank & Walther (2008), Evaluating Derivatives, section 7.1 (propagation of index domains).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ops.arithmetic import add
from ..ops.shape import swapaxes
from ..primitive import REGISTRY
from ..tape import Tape
from ..tensors import Batched, Parts, Tensor, batched, unrecorded
from .dependence import BITS, Dependence, Sets, Sketch


def dependences(tape: Tape, starts: Sequence[Tensor], outputs: Sequence[Any]) -> Any:
    """The pattern of the Jacobian of all ``outputs`` in all ``starts``.

    Parameters
    ----------
    tape : Tape
        What lies between them.
    starts : tensors
        Their elements, in order and in C order, are the columns.
    outputs : tensors or arrays
        Their elements are the rows. One that is not on the tape is a constant.

    Returns
    -------
    csr_array
        Boolean, sorted, true wherever the Jacobian can be other than zero at some point.
    """
    return _carried(tape, starts, outputs, Dependence).matrix()


def fill(tape: Tape, starts: Sequence[Tensor], outputs: Sequence[Any]) -> float:
    """About how full that pattern is, from 0 to 1, for a fraction of its cost."""
    found = _carried(tape, starts, outputs, Sketch).fill()
    return found * BITS / min(BITS, sum(x.size for x in starts))


def _carried(tape: Tape, starts: Sequence[Tensor], outputs: Sequence[Any], kind: Any) -> Any:
    whole = kind.on_itself(sum(x.size for x in starts))
    known: dict[int, Sets] = {}
    first = 0
    for x in starts:
        known[x.time] = whole.take(np.arange(first, first + x.size))
        first += x.size
    roots = {y.time for y in outputs if isinstance(y, Tensor) and y.prim is not None}
    for node, dead in zip(tape.nodes, tape.last_uses(roots), strict=True):
        given = [None if p is None else known.get(p.time) for p in node.parents]
        if any(d is not None for d in given):
            found = _rule(node.prim)(node, given)
            if found is not None:
                known[node.time] = found
        for time in dead:
            known.pop(time, None)
    nothing = [whole.take(np.full(np.size(unrecorded(y)), -1)) for y in outputs]
    found_of = [
        known.get(y.time, none) if isinstance(y, Tensor) and y.prim is not None else none
        for y, none in zip(outputs, nothing, strict=True)
    ]
    return whole.stack([*found_of, whole.take(np.zeros(0, int))])


# ---- rules: (node, what its operands depend on, None for constants) -> what it depends on --------

Given = Sequence[Sets | None]


def _filled(values: Any, like: Any) -> Any:
    """Integers in the shape of ``like``, with its hidden axes."""
    raw = values.reshape(np.shape(like.value if isinstance(like, Tensor) else like))
    return batched(raw, like.axes) if isinstance(like, Batched) else raw


def _numbered(x: Any) -> Any:
    """The places of an array's elements, in its shape."""
    return _filled(np.arange(_size(x)), x)


def _zeros(x: Any) -> Any:
    return _filled(np.zeros(_size(x), int), x)


def _size(x: Any) -> int:
    value = x.value if isinstance(x, Tensor) else x
    return 1 if isinstance(value, Parts) else int(np.size(value))


def _flat(x: Any) -> Any:
    return np.asarray(x.value if isinstance(x, Tensor) else x).ravel()


def _union(parts: Sequence[Sets]) -> Sets:
    total = parts[0]
    for p in parts[1:]:
        total = total.union(p)
    return total


def _everything(node: Tensor, given: Given) -> Sets:
    """Each element of the output depends on all elements of all operands."""
    joined = []
    for d in given:
        if d is not None:
            source = np.arange(d.size)
            joined.append(d.join(source, np.zeros_like(source), 1))
    return _union(joined).take(np.zeros(_size(node), int))


def _nothing(node: Tensor, given: Given) -> None:
    """A piecewise constant function."""


def _same(node: Tensor, given: Given) -> Sets | None:
    return given[0]


def _elementwise(node: Tensor, given: Given) -> Sets | None:
    spread = []
    rules: Any = node.prim.vjps  # type: ignore[union-attr]
    for d, parent, rule in zip(given, node.parents, rules, strict=True):
        if d is None or rule is None:
            continue
        if type(parent) is type(node) is Tensor and parent.shape == node.shape:
            spread.append(d)
        else:
            spread.append(d.take(_flat(add(_numbered(parent), _zeros(node)))))
    return _union(spread) if spread else None


def _indices_move(node: Tensor) -> bool:
    """Whether index operands are computed on the tape: then the places depend on values."""
    return any(p is not None for p in node.parents[1:])


def _gather(node: Tensor, given: Given) -> Sets | None:
    """What moves, repeats or drops elements: it is asked where it puts their numbers."""
    d = given[0]
    if d is None or _indices_move(node):
        return _everything(node, given)
    prim: Any = node.prim
    moved = prim.call(_numbered(node.parents[0]) + 1, *node.args[1:], **(node.params or {}))
    return d.take(_flat(moved) - 1)  # zeros that it puts in between are constants


def _scatter(node: Tensor, given: Given) -> Sets | None:
    """What adds elements up: its transpose moves numbers of the output to where they came from."""
    d = given[0]
    if d is None or _indices_move(node):
        return _everything(node, given)
    prim: Any = node.prim
    target = prim.vjps[0](_numbered(node), unrecorded(node), *node.args, **(node.params or {}))
    source = add(_numbered(node.parents[0]), _zeros(target))
    return d.join(_flat(source), _flat(target), _size(node))


def _lines(x: Tensor, axis: Any) -> Any:
    """Numbers of the lines along these axes, which have length 1."""
    shape = list(np.shape(x.value))
    for a in (axis,) if isinstance(axis, int) else axis:
        shape[a] = 1
    lines = np.arange(math.prod(shape)).reshape(shape)
    return batched(lines, x.axes) if isinstance(x, Batched) else lines


def _joined(d: Sets, x: Tensor, lines: Any) -> Sets:
    """Each line depends on all that its elements depend on."""
    target = _flat(add(lines, _zeros(x)))
    return d.join(np.arange(len(target)), target, _size(lines))


def _reduce(node: Tensor, given: Given) -> Sets | None:
    """A reduction over axes."""
    (d,), (x,), params = given, node.parents, node.params
    assert d is not None and x is not None and params is not None
    return _joined(d, x, _lines(x, params["axis"]))


def _along(node: Tensor, given: Given) -> Sets | None:
    """A function of whole lines that keeps their shape."""
    (d,), (x,), params = given, node.parents, node.params
    assert d is not None and x is not None and params is not None
    lines = _lines(x, params["axis"])
    return _joined(d, x, lines).take(_flat(add(lines, _zeros(x))))


def _product(summed_a: int, summed_b: int) -> Rule:
    """A matrix product: an element depends on one line of each factor, along the summed axes."""

    def rule(node: Tensor, given: Given) -> Sets | None:
        found = []
        for d, x, axis, free in zip(given, node.parents, (summed_a, summed_b), (-2, -1)):
            if d is not None and x is not None:
                lines = _lines(x, axis)
                placed = lines if axis != free else swapaxes(lines, -1, -2)
                found.append(_joined(d, x, lines).take(_flat(add(placed, _zeros(node)))))
        return _union(found)

    return rule


def _concatenate(node: Tensor, given: Given) -> Sets | None:
    first, places = 1, []
    for d, x, held in zip(given, node.parents, node.args, strict=True):
        if d is None:
            places.append(_zeros(held))
        else:
            places.append(_numbered(x) + first)
            first += d.size
    prim: Any = node.prim
    moved = prim.call(*places, **(node.params or {}))
    found = [d for d in given if d is not None]
    return found[0].stack(found).take(_flat(moved) - 1)


Rule = Callable[[Tensor, Given], Sets | None]

_KINDS: dict[str, Rule] = {"zero": _nothing, "elementwise": _elementwise}

_RULES: dict[str, Rule] = {
    **dict.fromkeys(("alias", "seed", "astype"), _same),
    **dict.fromkeys(("reshape", "transpose", "broadcast_to", "index", "windows", "pad"), _gather),
    **dict.fromkeys(("enter", "leave", "roll"), _gather),
    **dict.fromkeys(("scatter_add", "fold"), _scatter),
    **dict.fromkeys(("sum", "amax", "logsumexp", "norm"), _reduce),
    **dict.fromkeys(("softmax", "log_softmax", "cumsum"), _along),
    "matmul": _product(-1, -2),
    "matmul_nt": _product(-1, -1),
    "matmul_tn": _product(-2, -2),
    "concatenate": _concatenate,
}
"""Rules by the name of the primitive. A row that is missing here is treated as its kind."""


def _rule(prim: Any) -> Rule:
    if prim.name in _RULES and REGISTRY[prim.name] is prim:  # not a function of that name
        return _RULES[prim.name]
    return _KINDS.get(prim.kind, _everything)
