"""The two sweeps over a tape.

    reverse : cotangents of the outputs -> cotangents of every start of the tape
    forward : tangents of the starts    -> tangents of every node

Both call each node's rule on raw arrays at NumPy speed, or, with ``recorded=True``, on the tape's
own tensors, so that the sweep extends the tape and can itself be differentiated. Here, once for
all rules, a cotangent is given its primal's shape and dtype: what was broadcast is summed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from ..core import modes
from ..core.errors import NanError, TapeReleasedError, describe, operands
from ..core.finite import has_nan
from ..core.tape import Tape
from ..core.tensor import Axis, Batched, Parts, Tensor, record, tick, unrecorded
from ..ops.elementwise.arithmetic import where
from ..ops.elementwise.comparison import equal
from ..ops.elementwise.identity import cast, seed
from ..ops.shape.batch_axes import leave
from ..ops.shape.broadcasting import broadcast_to, reduce_sum, reshape

Cotangents = dict[int, Any]
"""Cotangents or tangents by the time of the node that they belong to."""

Visit = Callable[[Tensor, Any], Any]
"""Of a node and its cotangent: the cotangent to go on with."""

Begun = list[tuple[int, Tensor]]
"""When a sweep began the rule of which node."""

_ndarray = np.ndarray


def reverse(
    tape: Tape,
    cotangents: Cotangents,
    recorded: bool = False,
    visit: Visit | None = None,
) -> Cotangents:
    """Pull cotangents back through the tape; return those of its starts and leaves.

    Parameters
    ----------
    tape : Tape
        The nodes to walk, last to first.
    cotangents : dict
        Cotangent of each root, by the root's time.
    recorded : bool
        Put the sweep itself on the tape.
    visit : callable, optional
        Called with each node that a cotangent reached, and with that, complete; returns the
        cotangent to go on with.
    """
    with np.errstate(all="ignore"):  # an infinite derivative is an answer, not a warning
        if recorded:
            with _Seeded(cotangents, "reverse") as seeded:
                return _reverse(tape, seeded.seeds, True, visit, seeded.note.rules)
        if tape.active is None and not modes.special[0] and visit is None:
            return _reverse_raw(tape, dict(cotangents))
        return _reverse(tape, dict(cotangents), False, visit)


def _reverse_raw(tape: Tape, cotangents: Cotangents) -> Cotangents:
    """What :func:`_reverse` does when nothing is recorded, no mode is on, and nothing lies outside.

    This loop is most of the cost of a gradient of small arrays; it leaves out what cannot occur.
    """
    kept = _batch_axes(tape, cotangents)
    take = cotangents.pop
    leaves: Cotangents = {}
    owned: set[int] = set()
    waiting: Waiting = {}
    for node in reversed(tape.nodes):
        time = node.time
        if waiting and time in waiting:
            _collect(cotangents, node, waiting.pop(time), kept, owned)
        if time not in cotangents:
            continue
        g = take(time)
        parents = node.parents
        if not parents:
            leaves[time] = g
            continue
        prim: Any = node.prim
        params, args, rules = node.params, node.args, prim.vjps
        if prim.accumulate is not None and parents[0] is not None:
            waiting.setdefault(parents[0].time, []).append((g, args[1:], node))
            continue
        y = node.value if type(node) is Tensor else unrecorded(node)
        whole = rules is None  # one computation serves all operands: it gives their cotangents
        for parent, rule in zip(parents, prim.pullback(g, y, args, params) if whole else rules):
            if parent is None or rule is None:
                continue
            if whole:
                c = rule
            else:
                c = rule(g, y, *args) if params is None else rule(g, y, *args, **params)
            if type(c) is _ndarray and type(parent) is Tensor:
                value = parent.value
                if c.shape != value.shape or c.dtype is not value.dtype:
                    c = conform(c, parent, kept)
            elif c is None:
                continue
            else:
                c = conform(c, parent, kept)
            time = parent.time
            if time in cotangents:
                _accumulate(cotangents, time, c, owned)
            else:
                cotangents[time] = c
    return leaves | _of_starts(tape, cotangents, waiting, kept, owned)


def _of_starts(
    tape: Tape, cotangents: Cotangents, waiting: Waiting, kept: frozenset[Axis], owned: set[int]
) -> Cotangents:
    """What has arrived at the tape's starts, which no loop visits."""
    for start in tape.starts:
        if start.time in waiting:
            _collect(cotangents, start, waiting[start.time], kept, owned)
    return {s.time: cotangents[s.time] for s in tape.starts if s.time in cotangents}


Waiting = dict[int, list[tuple[Any, Sequence[Any], Tensor]]]
"""Cotangents, the other operands and the nodes that they belong to, by the time of the operand to
which rows that ``accumulate`` send them: all at once, when that is their turn."""


def _collect(
    cotangents: Cotangents, x: Tensor, parts: Any, kept: frozenset[Axis], owned: set[int]
) -> None:
    """Add what waited for ``x`` to its cotangent."""
    g, others, node = parts[0]
    if len(parts) == 1:
        params: Any = node.params
        c = node.prim.vjps[0](g, None, x, *others, **params)
    else:
        c = node.prim.accumulate([(g, others, node.params) for g, others, node in parts], x)
    c = conform(c, x, kept)
    if x.time in cotangents:
        _accumulate(cotangents, x.time, c, owned)
    else:
        cotangents[x.time] = c


def _accumulate(cotangents: Cotangents, time: int, c: Any, owned: set[int]) -> None:
    """Add to a cotangent: in place where the sum so far is an array that this sweep made."""
    so_far = cotangents[time]
    if time in owned and type(c) is _ndarray:
        np.add(so_far, c, out=so_far)
        return
    cotangents[time] = total = so_far + c
    if type(total) is _ndarray and not isinstance(so_far, Tensor):
        owned.add(time)
    else:
        owned.discard(time)


def _reverse(
    tape: Tape,
    cotangents: Cotangents,
    recorded: bool,
    visit: Visit | None = None,
    begun: Begun | None = None,
) -> Cotangents:
    kept = _batch_axes(tape, cotangents)
    safe, debug = modes.is_nan_safe(), modes.is_debugging_nans()
    take = cotangents.pop
    active = tape.active
    leaves: Cotangents = {}
    owned: set[int] = set()  # nodes whose cotangent is an array that this sweep made
    waiting: Waiting = {}
    for node in reversed(tape.nodes):
        if waiting and node.time in waiting:
            _collect(cotangents, node, waiting.pop(node.time), kept, owned)
        g = take(node.time, None)
        if g is None:
            continue
        if visit is not None:
            g = visit(node, g)
        if begun is not None:
            begun.append((tick(), node))
        parents = node.parents
        if not parents:
            leaves[node.time] = g
            continue
        prim: Any = node.prim
        params = node.params
        if prim.accumulate is not None and not debug:
            parent = parents[0]
            if parent is not None and (active is None or parent.time in active):
                others = (_operands(node) if recorded else node.args)[1:]
                waiting.setdefault(parent.time, []).append((g, others, node))
            continue
        if recorded:
            y: Any = node
            args: Any = _operands(node)
        else:
            y = node.value if type(node) is Tensor else unrecorded(node)
            args = node.args
        rules = prim.vjps
        if rules is None:
            parts = prim.pullback(g, y, args, params)
        i = -1
        for parent in parents:
            i += 1
            if parent is None or (active is not None and parent.time not in active):
                continue
            if rules is None:
                c = parts[i]
            elif (rule := rules[i]) is None:
                continue
            elif safe and prim.kind == "elementwise":
                c = _nan_safe(rule, g, y, args, params)
            elif debug:
                c = _debugged(node, "reverse", rule, g, y, *args, **(params or {}))
            else:
                c = rule(g, y, *args) if params is None else rule(g, y, *args, **params)
            if c is None:
                continue
            value = parent.value
            if (
                c.shape != value.shape
                or c.dtype is not value.dtype
                or type(c) is Batched
                or type(parent) is Batched
            ):
                c = conform(c, parent, kept)
            if debug:
                _check_nan(c, node, "reverse")
            time = parent.time
            if time in cotangents:
                _accumulate(cotangents, time, c, owned)
            else:
                cotangents[time] = c
    return leaves | _of_starts(tape, cotangents, waiting, kept, owned)


def forward(
    tape: Tape, tangents: Cotangents, roots: set[int], recorded: bool = False
) -> Cotangents:
    """Push tangents of the tape's starts to its ``roots`` (given by time); zeros are left out.

    Tangents of nodes that nothing later reads are dropped on the way, so memory follows the
    width of the computation and not its length.
    """
    with np.errstate(all="ignore"):
        if recorded:
            with _Seeded(tangents, "tangent") as seeded:
                return _forward(tape, seeded.seeds, roots, True, seeded.note.rules)
        return _forward(tape, dict(tangents), roots, False)


def _forward(
    tape: Tape,
    tangents: Cotangents,
    roots: set[int],
    recorded: bool,
    begun: Begun | None = None,
) -> Cotangents:
    safe, debug = modes.is_nan_safe(), modes.is_debugging_nans()
    get = tangents.get
    for node, dead in zip(tape.nodes, tape.last_uses(roots), strict=True):
        parents = node.parents
        if not parents:
            continue
        ts = [None if p is None else get(p.time) for p in parents]
        if any([t is not None for t in ts]):
            if begun is not None:
                begun.append((tick(), node))
            if recorded:
                y: Any = node
                args: Any = _operands(node)
            else:
                y = node.value if type(node) is Tensor else unrecorded(node)
                args = node.args
            prim: Any = node.prim
            if safe and prim.kind == "elementwise":
                t = _nan_safe_forward(prim, ts, y, args, node.params)
            elif debug:
                t = _debugged(node, "forward", prim.pushforward, ts, y, args, node.params)
            else:
                t = prim.pushforward(ts, y, args, node.params)
            if t is not None:
                value = node.value
                if type(t) is not Batched and t.shape == value.shape and t.dtype is value.dtype:
                    tangents[node.time] = t
                else:
                    tangents[node.time] = _conform_tangent(t, node)
                if debug:
                    _check_nan(t, node, "forward")
        for time in dead:
            tangents.pop(time, None)
    return {time: t for time, t in tangents.items() if time in roots}


# ---- what both sweeps share ---------------------------------------------------------------------


_NO_AXES: frozenset[Axis] = frozenset()


def _operands(node: Tensor) -> tuple[Any, ...]:
    """The operands as the tape's tensors where they are on it, raw elsewhere."""
    found = []
    for p, a in zip(node.parents, node.args, strict=True):
        if type(p) is Tensor and p.value is not a:
            raise TapeReleasedError(
                f"{_name(node)}: an operand, {describe(p)}, was given another value since it "
                "was recorded (an optimiser's step does that), so a sweep over it cannot be "
                "recorded. Compute the loss again first."
            )
        found.append(a if p is None else p)
    return tuple(found)


def _batch_axes(tape: Tape, cotangents: Cotangents) -> frozenset[Axis]:
    """Batch axes of the roots and their cotangents: a batch of sweeps, never to be summed."""
    axes = _NO_AXES
    for x in (*cotangents.values(), *tape.roots):
        if type(x) is Batched:
            axes = axes.union(x.axes)
    return axes


def conform(c: Any, primal: Tensor, kept: frozenset[Axis]) -> Any:
    """Give a cotangent its primal's shape and dtype, by summing what was broadcast."""
    if type(c) is Parts:
        return c
    if type(c) is Batched:
        own = primal.axes if type(primal) is Batched else ()
        for axis in c.axes:
            if axis not in own and axis not in kept:
                c = reduce_sum(leave(c, axis=axis), axis=(-c.ndim - 1,), keepdims=False)
    shape = primal.shape
    if c.shape != shape:
        summed = _broadcast_axes(c.shape, shape)
        if summed == _ROWS and type(c) is _ndarray and len(c.shape) == 2:
            c = np.dot(_ones(len(c), c.dtype), c)  # a bias: BLAS sums rows fastest
        elif type(c) is _ndarray:
            c = np.add.reduce(c, axis=summed)
        elif summed:
            c = reduce_sum(c, axis=summed, keepdims=False)
        if c.shape != shape:
            narrower = c.size != primal.size
            c = broadcast_to(c, shape=shape) if narrower else reshape(c, shape=shape)
    if c.dtype != primal.dtype:
        c = cast(c, dtype=primal.dtype)
    return c


_ROWS = (-2,)


@functools.lru_cache(maxsize=64)
def _ones(n: int, dtype: Any) -> Any:
    ones = np.ones(n, dtype)
    ones.flags.writeable = False
    return ones


@functools.lru_cache(maxsize=4096)
def _broadcast_axes(wide: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Axes along which an operand of ``shape`` was repeated to give one of shape ``wide``."""
    ndim, extra = len(wide), len(wide) - len(shape)
    return tuple(
        i - ndim for i in range(ndim) if i < extra or (shape[i - extra] == 1 and wide[i] != 1)
    )


def _conform_tangent(t: Any, node: Tensor) -> Any:
    if t.shape != node.shape:
        t = broadcast_to(t, shape=node.shape)
    if t.dtype != node.dtype:
        t = cast(t, dtype=node.dtype)
    return t


def _nan_safe(rule: Any, g: Any, y: Any, args: Any, params: Any) -> Any:
    """``g`` times a partial, where either being exactly zero makes the product zero."""
    partial = rule(np.ones((), g.dtype), y, *args, **(params or {}))
    if partial is None:
        return None
    product = g * partial
    return where(equal(g, 0) | equal(partial, 0), np.zeros((), g.dtype), product)


def _nan_safe_forward(prim: Any, tangents: Any, y: Any, args: Any, params: Any) -> Any:
    total = None
    for rule, t in zip(prim.vjps, tangents, strict=True):
        if t is not None and rule is not None:
            term = _nan_safe(rule, t, y, args, params)
            total = term if total is None else total if term is None else total + term
    return total


def _debugged(node: Tensor, sweep: str, rule: Any, *args: Any, **params: Any) -> Any:
    """Call a rule; a NaN that an operation inside it makes is the derivative's."""
    try:
        return rule(*args, **params)
    except NanError as error:
        raise _nan_derivative(node, sweep) from error


def _check_nan(c: Any, node: Tensor, sweep: str) -> None:
    if has_nan(c):
        raise _nan_derivative(node, sweep)


def _nan_derivative(node: Tensor, sweep: str) -> NanError:
    line = getattr(node, "_where", None)
    recorded = f"recorded at {line}" if line else "recorded before debug_nans() was on"
    what = operands(node.args, node.params)
    part = {"reverse": "cotangents", "forward": "tangents"}[sweep]
    return NanError(
        f"the derivative of {_name(node)}({what}) is NaN, in the {sweep} sweep ({part}); {recorded}"
    )


def _name(node: Tensor) -> str:
    return "leaf" if node.prim is None else node.prim.name


class Note(dict[str, Any]):
    """What the seeds of one recorded sweep share: which sweep they start, and when it ended.

    Where nodes note their lines, ``rules`` tells when the rule of which node was begun.
    """

    rules: Begun | None = None


class _Seeded:
    """Mark a recorded sweep on the tape, by its seeds."""

    def __init__(self, given: Cotangents, sweep: str):
        self.note = Note(sweep=sweep, until=0)
        if modes.is_noting_lines():
            self.note.rules = []
        self.seeds = {time: self._seed(g) for time, g in given.items()}

    def _seed(self, g: Any) -> Tensor:
        value = unrecorded(g)
        parent = g if isinstance(g, Tensor) and g.prim is not None else None
        return record(seed.primitive, value, (value,), (parent,), self.note)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.note["until"] = tick()
