"""How a rule meets the leaves: many small ones as one vector; recorded, large ones by blocks.

update_leaves : optimiser, group, step, values, gradients, ..., moments -> values and moments
update_leaf   : the same of one leaf, at its own count

While ``jit`` records, the rule goes on the tape like any other arithmetic, so that its program runs
with that of the gradient. Rules that are not elementwise stay calls, and so do large leaves whose
operations would each go through memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.composite import opaque
from ..core.tensor import Tensor, constant, is_tracked, unrecorded
from ..replay.native import fuses
from .blocks import LARGE, Blocked
from .clipping import clip_by_global_norm, clipping_factor

if TYPE_CHECKING:
    from .optimizer import Optimizer

SMALL = 2**15
"""Bytes of all parameters up to which they are updated as one vector."""

Leaf = tuple[Any, tuple[Any, ...]]
"""A value, and its moments."""


def update_leaves(
    opt: Optimizer,
    group: int,
    step: Any,
    columns: Sequence[Sequence[Any]],
    slots: Sequence[tuple[Any, ...]],
) -> list[Leaf]:
    """New values and moments of the leaves of a group, after ``step`` updates.

    ``columns`` are their values, gradients, and what else was observed.
    """
    if not slots:
        return []
    if any(map(is_tracked, (step, *itertools.chain(*columns, *slots)))):
        return _recorded(opt, group, step, columns, slots)
    rate, decay = opt.groups.settings(group, opt, int(step))
    how = (opt, rate, int(step) + 1, decay)
    given, columns = columns[0], [list(map(_array, column)) for column in columns]
    if opt.elementwise and len(slots) > 1 and slots[0] and _is_small(columns, slots):
        found = _as_one_vector(how, columns, slots)  # that takes a call, short ones many
    else:
        found = [
            update_leaf(*how, *leaf) for leaf in zip(columns[0], slots, *columns[1:], strict=True)
        ]
    return [(_in_type_of(y, x), new) for x, (y, new) in zip(given, found, strict=True)]


def update_leaf(
    opt: Optimizer,
    rate: float,
    count: int,
    decay: float,
    p: Any,
    moments: tuple[Any, ...],
    *gradients: Any,
) -> Leaf:
    """The new value and moments of one leaf at its update number ``count``, all arrays."""
    numbers = numbers_of(opt, rate, count, decay)
    arrays = [np.asarray(x, p.dtype) for x in gradients]
    value, *new = Rule(opt, bool(decay), len(arrays))(numbers, (p, *arrays, *moments))
    return np.asarray(value, p.dtype), tuple(map(np.asarray, new))


def clipped(grads: Sequence[Any], max_norm: float) -> list[Any]:
    """Gradients scaled down together."""
    if not any(map(is_tracked, grads)):
        return list(clip_by_global_norm(list(grads), max_norm)[0])
    factor = lambda *arrays: (clipping_factor(arrays, max_norm),)
    (scale,) = opaque("clip_by_global_norm", factor, grads)
    return [g * _as(g.dtype, scale) for g in grads]


class Rule:
    """A rule with weight decay: ``(numbers, arrays) -> value, *moments``.

    Arrays are the value, ``gradients`` of the gradient and what else was observed, and moments.
    """

    def __init__(self, opt: Optimizer, decays: bool, gradients: int):
        self.opt, self.decays, self.gradients = opt, decays, gradients

    def __call__(self, numbers: Sequence[Any], arrays: Sequence[Any]) -> tuple[Any, ...]:
        p, g, *more = arrays
        observed, moments = more[: self.gradients - 1], tuple(more[self.gradients - 1 :])
        if not self.opt.elementwise and 0 in p.shape:  # a matrix without elements has no root
            return p, *moments
        if self.decays:  # the gradient of the loss plus half of decay times the squares of p
            decay, *numbers = numbers
            p, g = (p * decay, g) if self.opt.decoupled else (p, g + decay * p)
        value, new = self.opt._rule(p, g, moments, tuple(numbers), *observed)
        return value, *new


def numbers_of(opt: Optimizer, rate: float, count: int, decay: float) -> tuple[float, ...]:
    """What :class:`Rule` takes besides arrays: of the decay, if there is one, and of the rule."""
    numbers = opt._numbers(rate, count)
    if not decay:
        return numbers
    return (1 - rate * decay if opt.decoupled else decay, *numbers)


# ---- recorded ------------------------------------------------------------------------------------


def _recorded(
    opt: Optimizer, group: int, step: Any, columns: Sequence[Any], slots: Sequence[Any]
) -> list[Leaf]:
    who = f"{type(opt).__name__}.update"

    def numbers_at(step: Any, *_: Any) -> tuple[float, ...]:
        rate, decay = opt.groups.settings(group, opt, int(step))
        return numbers_of(opt, rate, int(step) + 1, decay)

    rule = Rule(opt, bool(opt.groups.decay(group, opt)), len(columns) - 1)
    # with all leaves as operands, so that a derivative of any of them meets an opaque node
    numbers = opaque(who, numbers_at, (step, *itertools.chain(*columns, *slots)))
    found = []
    for *leaf, moments in zip(*columns, slots, strict=True):
        dtype = leaf[0].dtype
        arrays = [x if x.dtype == dtype else x.astype(dtype) for x in (*leaf, *moments)]
        if opt.elementwise and (leaf[0].nbytes < LARGE or fuses(dtype)):
            value, *new = rule([_as(dtype, n) for n in numbers], arrays)
        else:
            call: Any = Blocked(rule) if opt.elementwise else rule
            value, *new = opaque(who, _Call(call, len(numbers)), (*numbers, *arrays))
        found.append((value, tuple(new)))
    return found


class _Call:
    """A rule as a function of numbers and arrays in a row, whose results are new arrays."""

    def __init__(self, rule: Any, count: int):
        self.rule, self.count = rule, count

    def __call__(self, *operands: Any) -> tuple[Any, ...]:
        numbers, arrays = operands[: self.count], operands[self.count :]
        found = self.rule([n.item() for n in map(np.asarray, numbers)], arrays)
        return tuple([x.copy() if any(x is a for a in arrays) else x for x in found])


def _as(dtype: Any, number: Any) -> Any:
    """A number in the type of a leaf; numbers of Python take it by themselves."""
    return number.astype(dtype) if isinstance(number, Tensor) else number


# ---- small leaves as one vector ------------------------------------------------------------------


def _is_small(columns: Sequence[Sequence[Any]], slots: Sequence[tuple[Any, ...]]) -> bool:
    """Whether calls cost more than copies do, and all leaves have one type."""
    return sum([p.nbytes for p in columns[0]]) <= SMALL and all(
        [len({x.dtype for x in column}) == 1 for column in (*columns, *zip(*slots, strict=True))]
    )


def _as_one_vector(how: Any, columns: Sequence[Any], slots: Sequence[Any]) -> list[Leaf]:
    p, *more = (np.concatenate([x.ravel() for x in column]) for column in columns)
    old = tuple(np.concatenate([x.ravel() for x in column]) for column in zip(*slots, strict=True))
    opt, rate, count, decay = how
    value, new = update_leaf(opt, rate, count, decay, p, old, *more)
    ends = [*itertools.accumulate([x.size for x in columns[0]])]
    cut = lambda whole: [
        whole[end - x.size : end].reshape(x.shape) for end, x in zip(ends, columns[0], strict=True)
    ]
    return list(zip(cut(value), zip(*map(cut, new), strict=True), strict=True))


def _array(x: Any) -> Any:
    return np.asarray(unrecorded(x))


def _in_type_of(value: Any, x: Any) -> Any:
    """The new value in the type of the old one: a constant tensor, or a number."""
    if isinstance(x, np.ndarray):
        return value
    return constant(value) if isinstance(x, Tensor) else value[()]
