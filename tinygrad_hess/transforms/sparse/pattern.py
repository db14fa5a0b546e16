"""Which inputs an output can depend on: index sets, propagated over the tape.

    dependences : (tape, starts, outputs) -> pattern, one row an output element, one column an input

The sets follow from the operations alone, never from values: an element that happens to be zero
stays, and both branches of a ``where`` count. The dependences of an operation follow from its row:

    moves elements          : it is run on the numbers of the elements
    axes that are indexed   : an element depends on those with the same index
    other axes, linear      : the matrix along them, by unit vectors or by the transpose
    other axes, any         : an element depends on all along them

Without a row every element depends on all operands, which is a bound for any operation.

References
----------
Griewank & Walther (2008), Evaluating Derivatives, section 7.1 (propagation of index domains).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core import modes
from ...core.primitive import Primitive, bind
from ...core.signatures import CORE, Axes, Label
from ...core.tape import Tape
from ...core.tensor import Axis, Batched, Tensor, batched, leaf, unrecorded
from ...ops.elementwise.arithmetic import add
from .dependence import BITS, Dependence, Sets, Sketch


def dependences(tape: Tape, starts: Sequence[Tensor], outputs: Sequence[Any]) -> Any:
    """The pattern of the Jacobian of all ``outputs`` in all ``starts``.

    Parameters
    ----------
    tape : Tape
        Between them.
    starts : tensors
        Their elements, in order and in C order, are the columns.
    outputs : tensors or arrays
        Their elements are the rows. One that is not on the tape is a constant.

    Returns
    -------
    csr_array
        Boolean, sorted, true wherever the Jacobian can be other than zero at some point.
    """
    return _propagate(tape, starts, outputs, Dependence).matrix()


def fill(tape: Tape, starts: Sequence[Tensor], outputs: Sequence[Any]) -> float:
    """About how full that pattern is, from 0 to 1, for a fraction of its cost."""
    found = _propagate(tape, starts, outputs, Sketch).fill()
    return found * BITS / min(BITS, sum(map(_size, starts)))


def _propagate(tape: Tape, starts: Sequence[Tensor], outputs: Sequence[Any], kind: Any) -> Any:
    start_sets = kind.on_itself(sum(map(_size, starts)))
    known: dict[int, Sets] = {}
    first = 0
    for x in starts:
        known[x.time] = start_sets.take(np.arange(first, first + _size(x)))
        first += _size(x)
    roots = {y.time for y in outputs if isinstance(y, Tensor) and y.prim is not None}
    for node, dead in zip(tape.nodes, tape.last_uses(roots), strict=True):
        given = [None if p is None else known.get(p.time) for p in node.parents]
        if any(d is not None for d in given):
            found = _sets_of_node(node, given)
            if found is not None:
                known[node.time] = found
        for time in dead:
            known.pop(time, None)
    nothing = [start_sets.take(np.full(_size(y), -1)) for y in outputs]
    found = [
        known.get(y.time, none) if isinstance(y, Tensor) and y.prim is not None else none
        for y, none in zip(outputs, nothing, strict=True)
    ]
    return start_sets.stack([*found, start_sets.take(np.zeros(0, int))])


# ---- one operation -------------------------------------------------------------------------------

Given = Sequence[Sets | None]
"""What the elements of each operand depend on, None for constants."""


def _sets_of_node(node: Tensor, given: Given) -> Sets | None:
    """What a node's elements depend on; None where that is nothing."""
    prim: Any = node.prim
    if not isinstance(prim, Primitive):
        return _depends_on_all(node, given)
    active = [i for i, d in enumerate(given) if d is not None and has_vjp(prim, i)]
    if not active:
        return None
    if _only_moves(node):
        return _through_moves(node, given, active)
    if prim.is_broadcasting and all(_same_layout(node.args[i], node) for i in active):
        return _union([given[i] for i in active])  # what most nodes are; spares their axes
    axes = _axes_with_batch(node)
    return _union([_through_axes(node, i, given[i], axes) for i in active])


def has_vjp(prim: Primitive, operand: int) -> bool:
    """Whether a derivative flows through an operand."""
    return prim.vjps is None or prim.vjps[operand] is not None


def _has_constant_indices(node: Tensor) -> bool:
    """Whether operands that carry no derivative, such as indices, are constants.

    If they are computed on the tape, the pattern may differ at another point.
    """
    prim: Any = node.prim
    return all(p is None or has_vjp(prim, i) for i, p in enumerate(node.parents))


def _axes_with_batch(node: Tensor) -> Axes:
    """The axes of operands and result, batch axes first: those are indexed together too."""
    prim: Any = node.prim
    shapes = [x.shape if isinstance(x, Tensor) else np.shape(x) for x in node.args]
    logical = prim.axes(node.params or {}, shapes, node.shape)
    return Axes(
        tuple(_batch_axes(x) + own for x, own in zip(node.args, logical.operands, strict=True)),
        _batch_axes(node) + logical.result,
    )


def _depends_on_all(node: Tensor, given: Given) -> Sets:
    """Each element of the output depends on all elements of all operands."""
    totals = []
    for d in given:
        if d is not None:
            source = np.arange(d.size)
            totals.append(d.join(source, np.zeros_like(source), 1))
    return _union(totals).take(np.zeros(_size(node), int))


def _through_moves(node: Tensor, given: Given, active: Sequence[int]) -> Sets:
    """Of an operation that moves elements: run on their numbers, and on zeros for constants."""
    prim: Any = node.prim
    found: list[Any] = [given[i] for i in active]
    if prim.identity and len(node.args) == 1 and _shape(node.args[0]) == _shape(node):
        return found[0]
    operands, first = list(node.args), 1
    for i, x in enumerate(node.args):
        if i in active:
            operands[i] = _element_numbers(x) + first
            first += _size(x)
        elif has_vjp(prim, i):
            operands[i] = _zeros(x)
    indices = _flat(prim.call(*operands, **(node.params or {}))).astype(int) - 1
    sets = found[0] if len(found) == 1 else found[0].stack(found)
    return sets.take(indices)


def _through_axes(node: Tensor, operand: int, d: Any, axes: Axes) -> Sets:
    """Of one operand: elements with the same index along the axes that the result has too."""
    x, own, result = node.args[operand], axes.operands[operand], axes.result
    shape, wide = _shape(x), _shape(node)
    if CORE in own or CORE in result:
        if (pairs := _linear_pairs(node, operand, axes)) is not None:
            return d.join(*pairs, _size(node))
    elif own == result and shape == wide:
        return d
    kept = tuple(n if k in result and k is not CORE else 1 for k, n in zip(own, shape, strict=True))
    lines = np.arange(math.prod(kept)).reshape(kept)
    if kept != shape:
        target = np.broadcast_to(lines, shape).ravel()
        d = d.join(np.arange(len(target)), target, lines.size)
    return d.take(_align(lines, own, result, wide).ravel())


def _align(numbers: Any, own: Sequence[Label], result: Sequence[Label], shape: Any) -> Any:
    """Numbers along axes that the result has too, broadcast to the axes and shape of the result."""
    ends = [result.index(k) for k, n in zip(own, numbers.shape, strict=True) if n != 1]
    order = sorted(range(len(ends)), key=ends.__getitem__)
    squeezed = numbers.reshape([n for n in numbers.shape if n != 1]).transpose(order)
    lengths = [1] * len(result)
    for n, i in zip(squeezed.shape, sorted(ends), strict=True):
        lengths[i] = n
    return np.broadcast_to(squeezed.reshape(lengths), shape)


# ---- linear operations: which elements of the result depend on an element ----------------------

PROBED = 1 << 17
"""Numbers up to which a linear operation is called on unit vectors."""

FEW, EACH = 1 << 12, 8
"""Pairs up to which each is kept, in all, or for each element of operand and result. With more, the
rule by axes is much shorter, and not much wider."""

Pairs = tuple[Any, Any]
"""Numbers of elements of an operand, and of those of the result that depend on them."""


def _linear_pairs(node: Tensor, operand: int, axes: Axes) -> Pairs | None:
    """All pairs, for an operation that is linear in the operand: they are the same at every point.

    None for others, and where they cost too much.
    """
    if node.prim.kind not in ("linear", "bilinear", "variadic") or not _has_constant_indices(node):  # type: ignore[union-attr]
        return None
    g = leaf(_element_numbers(node) + 1.0)
    back = _recorded_transpose(g, node, operand)
    if back is None:
        return _by_unit_vectors(node, operand, axes)
    tape, source = Tape([back], [g]), _flat(add(_element_numbers(node.args[operand]), _zeros(back)))
    if all(map(_only_moves, tape.nodes)):
        target = _flat(back).astype(int) - 1
        return source[target >= 0], target[target >= 0]
    found = _by_unit_vectors(node, operand, axes)
    if found is None and all(map(_is_exact, tape.nodes)):
        sets = _propagate(tape, [g], [back], Dependence)
        if _are_few(sets.count(), node, operand):
            pattern = sets.matrix()
            found = np.repeat(source, np.diff(pattern.indptr)), pattern.indices
    return found


def _are_few(pairs: int, node: Tensor, operand: int) -> bool:
    return pairs <= max(FEW, EACH * (_size(node) + _size(node.args[operand])))


def _recorded_transpose(g: Tensor, node: Tensor, operand: int) -> Tensor | None:
    """The transpose at a recorded cotangent, in the operand's shape or wider, if that works."""
    prim: Any = node.prim
    x, params = node.args[operand], node.params or {}
    try:
        with modes.recording(), np.errstate(all="ignore"):
            if prim.vjps is None:
                back = prim.pullback(g, unrecorded(node), node.args, params)[operand]
            else:
                back = prim.vjps[operand](g, unrecorded(node), *node.args, **params)
            if _shape(back) != _shape(x):
                back = add(back, _zeros(x))
    except Exception:  # a rule for arrays alone
        return None
    return back if isinstance(back, Tensor) and back.prim is not None else None


def _only_moves(node: Tensor) -> bool:
    return isinstance(node.prim, Primitive) and node.prim.moves and _has_constant_indices(node)


def _is_exact(node: Tensor) -> bool:
    """Whether indices or labels of axes determine the pattern."""
    if _only_moves(node) or not isinstance(node.prim, Primitive):
        return _only_moves(node)
    axes = _axes_with_batch(node)
    return all(CORE not in labels for labels in (*axes.operands, axes.result))


def _by_unit_vectors(node: Tensor, operand: int, axes: Axes) -> Pairs | None:
    """By calling it on unit vectors along the core axes, if these are short.

    Entries along other axes are random, and so are the other factors of a product: then nothing
    cancels in a sum.
    """
    x, own, size = node.args[operand], axes.operands[operand], _size(node)
    core = [k is CORE for k in own]
    indexed = [k in axes.result and not c for k, c in zip(own, core, strict=True)]
    numbers = np.arange(_size(x)).reshape(_shape(x))

    def numbers_along(chosen: Sequence[bool]) -> Any:
        """Numbers along some axes, at the beginning of all others."""
        return numbers[tuple(slice(None if c else 1) for c in chosen)]

    lengths, count = numbers_along(core).shape, numbers_along(core).size
    summed = numbers_along([not (c or i) for c, i in zip(core, indexed, strict=True)]).ravel()
    if not 0 < count * max(size * len(summed), numbers.size) <= PROBED:
        return None
    rng = np.random.default_rng(0)
    batch = _batch_axes(x)
    vectors = np.eye(count).reshape(count, *lengths) * _random(x, rng)
    operands = [_other_operand(node, i, rng) for i in range(len(node.args))]
    operands[operand] = batched(np.moveaxis(vectors, 0, len(batch)), (*batch, Axis(count)))
    try:
        with np.errstate(all="ignore"):
            value = bind(node.prim, tuple(operands), node.params).value  # type: ignore[arg-type]
    except Exception:  # it refuses such numbers
        return None
    nonzero = np.moveaxis(value != 0, len(_batch_axes(node)), 0).reshape(count, size)
    pairs = int(np.count_nonzero(nonzero)) * len(summed)
    if nonzero.all() or not _are_few(pairs, node, operand):
        return None
    which, target = np.nonzero(nonzero)
    first = _align(numbers_along(indexed), own, axes.result, _shape(node)).ravel()
    source = first[target] + numbers_along(core).ravel()[which]
    return np.add.outer(source, summed).ravel(), np.repeat(target, len(summed))


def _other_operand(node: Tensor, operand: int, rng: np.random.Generator) -> Any:
    """Another operand, where one is a unit vector: a random factor, or a zero term."""
    x = node.args[operand]
    if not has_vjp(node.prim, operand):  # type: ignore[arg-type]
        return x
    return _reshape_like(_random(x, rng), x) if node.prim.kind == "bilinear" else _zeros(x)  # type: ignore[union-attr]


# ---- numbers in the shape of an array ----------------------------------------------------------


def _value(x: Any) -> Any:
    return x.value if isinstance(x, Tensor) else x


def _shape(x: Any) -> tuple[int, ...]:
    """With batch axes."""
    return np.shape(_value(x))


def _same_layout(x: Any, y: Any) -> bool:
    return _shape(x) == _shape(y) and _batch_axes(x) == _batch_axes(y)


def _size(x: Any) -> int:
    return math.prod(_shape(x))


def _flat(x: Any) -> Any:
    return np.asarray(_value(x)).ravel()


def _batch_axes(x: Any) -> tuple[Axis, ...]:
    return x.axes if isinstance(x, Batched) else ()


def _reshape_like(values: Any, like: Any) -> Any:
    """Numbers in the shape of ``like``, with its batch axes."""
    raw = values.reshape(_shape(like))
    return batched(raw, like.axes) if isinstance(like, Batched) else raw


def _element_numbers(x: Any) -> Any:
    """The number of each element, in the shape of the array."""
    return _reshape_like(np.arange(_size(x)), x)


def _zeros(x: Any) -> Any:
    return _reshape_like(np.zeros(_size(x), int), x)


def _random(x: Any, rng: np.random.Generator) -> Any:
    """Complex where ``x`` is: a real number may have an imaginary part of zero, say."""
    real = rng.standard_normal(_shape(x))
    return real + 1j * rng.standard_normal(_shape(x)) if np.iscomplexobj(_value(x)) else real


def _union(parts: Sequence[Sets]) -> Sets:
    return functools.reduce(lambda a, b: a.union(b), parts)
