"""The battery's checks of what a row says about its axes and its memory, as data.

    cut       parts of operands give parts of the value, or parts of a sum
    sparsity  what an element depends on is in the pattern
    lowered   a batch that is compiled is the batch
    fresh     out, aliases, moves, identity, commutative, neutral

Programs are cut, batched, fused and written into buffers by these words alone, so a wrong one is a
wrong number somewhere else. Nothing here reads them but to compare with what the function does.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from comparing import close, same
from replayed import LAYOUTS, laid_out
from sampling import Point, points, samples

import tinygrad_hess as tg
from tinygrad_hess.core.batching import line_up_loops
from tinygrad_hess.core.cuts import Cut
from tinygrad_hess.core.primitive import Primitive
from tinygrad_hess.core.signatures import CORE, parsed
from tinygrad_hess.replay.codegen.writers import takes_out
from tinygrad_hess.transforms.sparse.plan import sparsity

Values = tuple[Any, ...]

# ---- axes ---------------------------------------------------------------------------------------

UNKNOWN = {
    "enter": "it hides an axis, which is no longer one of the array's",
    "leave": "it shows a hidden axis, which was none of the array's",
    "integral": "it calls a function of the user's",
    "ode_solution": "it calls a function of the user's",
    "ode_adjoint": "it calls a function of the user's",
}
"""Row -> why none of its axes can be cut."""

LONGER = {
    "reshape": [
        ((6, 4), (2, 3, 4)), ((2, 3, 4), (6, 4)), ((2, 3, 4), (2, 12)), ((1, 3), (3, 1)),
    ],
}  # fmt: skip
"""Shapes before and after, for a row whose samples have no axis that can be cut."""

LARGE = 200
"""Elements of a sample that needs no further axes, and that would take long with them."""


def check_cut(row: Primitive) -> None:
    """Labels that an operand shares with the value are cut alike; others give parts of a sum."""
    count = 0
    for where, args, params in _operands(row):
        value = np.asarray(row.fn(*args, **params))
        if row.cut is None:
            count += _check_labels(row, where, args, params, value)
        else:
            count += _check_stretches(row, where, *args, params, value)
    if row.name in UNKNOWN:
        assert not count, f"{row.name}: it has axes that can be cut, against UNKNOWN"
    else:
        assert count, f"{row.name}: no sample has an axis that can be cut, so nothing tests labels"


def _operands(row: Primitive) -> Iterator[tuple[str, Values, dict[str, Any]]]:
    """Each sample; and, where a signature says that loop axes broadcast, with loop axes added."""
    for sample in samples(row):
        args, params = sample.args()
        where = f"{row.name} at {sample.label}"
        yield where, tuple(map(np.asarray, args)), params
        if isinstance(row.signature, str) and sum(map(np.size, args)) <= LARGE:
            for lead in _leads(len(args)):
                what = f"{where}, with axes {lead}"
                yield what, _check_loops(row, what, sample, lead), params
    for old, new in LONGER.get(row.name, ()):
        x = np.arange(np.prod(old), dtype=float).reshape(old)
        yield f"{row.name} of {old} to {new}", (x,), {"shape": new}


def _leads(count: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Loop axes for each operand: in one alone, in all, and such that they broadcast."""
    yield ((3,),) * count
    if count > 1:
        for i in range(count):
            yield tuple((4, 3) if j == i else () for j in range(count))
            yield tuple((4, 1) if j == i else (3,) for j in range(count))


def _check_loops(row: Primitive, where: str, sample: Any, lead: Any) -> Values:
    """Operands with loop axes in front; the value is that of each index by itself."""
    ranks = parsed(str(row.signature)).ranks
    found = []
    for i, loops in enumerate(lead):
        several = [sample.args(seed)[0][i] for seed in range(int(np.prod(loops)))]
        found.append(np.reshape(several, (*loops, *np.shape(several[0]))))
    own = [None if not loops else x.ndim - len(loops) for x, loops in zip(found, lead)]
    deepest = max(map(len, lead))
    wide = [  # so that the axes of the sample, and those in front of them, meet each other
        x if n is None else x.reshape((1,) * (deepest - len(loops)) + x.shape)
        for x, n, loops in zip(found, own, lead)
    ]
    args = tuple(line_up_loops(wide, own, (1,) * deepest, ranks))
    params = sample.args()[1]
    value = np.asarray(row.fn(*args, **params))
    shape = np.broadcast_shapes(*(x.shape[: x.ndim - r] for x, r in zip(args, ranks)))
    spread = [np.broadcast_to(x, shape + x.shape[x.ndim - r :]) for x, r in zip(args, ranks)]
    for at in np.ndindex(shape):
        alone = np.asarray(row.fn(*(x[at] for x in spread), **params))
        close(value[at], alone, ulps=256, strict=True, what=f"{where}, index {at} by itself")
    return args


def _check_labels(
    row: Primitive, where: str, args: Values, params: dict[str, Any], value: Any
) -> int:
    """Check the labels of all axes; the answer is how many could be cut."""
    arrays = [*args, value]
    axes = row.axes(params, [x.shape for x in args], value.shape)
    labels = [*axes.operands, axes.result]
    assert len(labels) == len(arrays), f"{where}: labels for {len(labels) - 1} operands"
    for x, own in zip(arrays, labels, strict=True):
        assert len(own) == x.ndim, f"{where}: labels {own} for shape {x.shape}"
        named = [k for k in own if k not in (CORE, None)]
        assert len(set(named)) == len(named), f"{where}: {own} names two axes alike"
        repeated = [n for k, n in zip(own, x.shape, strict=True) if k is None]
        assert set(repeated) <= {1}, f"{where}: an axis that is repeated in {x.shape} is not 1 long"
    of_operands = dict.fromkeys(itertools.chain(*axes.operands))
    for label in axes.result:
        if label not in of_operands and label not in (CORE, None):
            k = axes.result.index(label)
            first = value.take([0] * value.shape[k], k)
            close(
                value,
                first,
                ulps=256,
                strict=True,
                what=f"{where}, the axis {label!r} of the value alone",
            )
    cuts = [k for k in of_operands if k not in (CORE, None)]
    return sum(_check_cut(row, where, args, params, value, labels, k) for k in cuts)


def _place(labels: Any, label: Any) -> int | None:
    return labels.index(label) if label in labels else None


def _check_cut(
    row: Primitive, where: str, args: Values, params: dict[str, Any], value: Any, labels: Any,
    label: Any,
) -> bool:  # fmt: skip
    """Whether the label could be cut; if so, it was found to be right."""
    *places, of_value = [_place(own, label) for own in labels]
    lengths = {x.shape[k] for x, k in zip([*args, value], [*places, of_value]) if k is not None}
    assert len(lengths) == 1, f"{where}: the axes {label!r} have lengths {lengths}"
    (n,) = lengths
    if n < 2:
        return False
    middle = max(1, (n - 1) // 2)
    found = []
    for part in (range(middle), range(middle, n)):
        given = [x if k is None else x.take(part, k) for x, k in zip(args, places)]
        shape = list(value.shape)
        if of_value is not None:
            shape[of_value] = len(part)
        own = params
        if row.resized is not None:
            own = row.resized(params, [x.shape for x in given], tuple(shape))
        found.append(np.asarray(row.fn(*given, **own)))
        if of_value is not None:
            what = f"{where}, {part} of the axis {label!r}"
            close(found[-1], value.take(part, of_value), ulps=256, strict=True, what=what)
    if of_value is None:
        close(
            found[0] + found[1],
            value,
            ulps=256,
            strict=True,
            what=f"{where}, the sum over parts of the axis {label!r}",
        )
    return True


def _check_stretches(row: Primitive, where: str, x: Any, params: dict[str, Any], value: Any) -> int:
    """The same for a row that says where each stretch goes; there is no stretch of a stretch."""
    assert row.cut is not None and row.resized is not None
    count = 0
    for axis in range(-x.ndim, 0):
        n, middle = x.shape[axis], max(1, (x.shape[axis] - 1) // 2)
        goes = row.cut(x.shape, value.shape, Cut(axis), n) if n > 1 else None
        for low, high in ((0, middle), (middle, n)) if goes else ():
            given = _stretch(x, Cut(axis), n, low, high)
            shape = goes.shape(value.shape, high - low)
            got = row.fn(given, **row.resized(params, [given.shape], shape))
            close(
                got,
                _stretch(value, goes, n, low, high),
                ulps=256,
                strict=True,
                what=f"{where}, {low}:{high} of axis {axis}",
            )
        count += goes is not None
    return count


def _stretch(x: Any, cut: Cut, n: int, low: int, high: int) -> Any:
    """What a cut takes from step ``low`` to ``high`` of n, wherever it is repeated."""
    k = x.ndim + cut.axis
    steps = x.reshape(*x.shape[:k], cut.times, n, cut.each, *x.shape[k + 1 :])
    return steps.take(range(low, high), k + 1).reshape(cut.shape(x.shape, high - low))


# ---- sparsity -----------------------------------------------------------------------------------


COLUMNS = 24
"""How many elements of an operand are tried."""


def check_sparsity(row: Primitive) -> None:
    """Alone and in a batch, an element changes with those alone that the pattern names.

    Each column is compared with a difference; of an operand with many elements, some columns.
    """
    for where, p in points(row):
        if not p.xs:
            continue
        _check_pattern(p.f, p.xs, where)
        if row.name not in ("enter", "leave"):
            stacks = tuple(np.stack([x, x + 0.01]) for x in p.xs)
            _check_pattern(tg.vmap(p.f), stacks, f"{where}, mapped")


def _check_pattern(f: Callable[..., Any], xs: Values, where: str) -> None:
    pattern = sparsity(f, *xs, argnums=tuple(range(len(xs)))).toarray()
    with np.errstate(all="ignore"):
        value = np.asarray(f(*xs))
    assert pattern.shape == (value.size, sum(map(np.size, xs))), f"{where}: shape {pattern.shape}"
    least = 1e-10 * max(1.0, float(np.max(np.abs(value), initial=0.0)))
    rng, first = np.random.default_rng(0), 0
    for i, x in enumerate(xs):
        for place in rng.permutation(np.size(x))[:COLUMNS]:
            moved = np.array(x)
            moved.flat[place] += 1e-3
            with np.errstate(all="ignore"):
                change = np.abs(f(*xs[:i], moved, *xs[i + 1 :]) - value)
            missed = np.flatnonzero((change.ravel() > least) & ~pattern[:, first + place])
            assert not len(missed), (
                f"{where}: the pattern has nothing at {missed} for element {place} of operand {i}"
            )
        first += np.size(x)


# ---- batches, compiled --------------------------------------------------------------------------


def check_lowered(row: Primitive) -> None:
    """What jit makes of vmap, of the value, the jvp and the vjp, is what vmap does by itself."""
    for sample in samples(row):
        several = [Point(row, sample, seed=seed) for seed in range(3)]
        count = len(several[0].args)
        chosen = [tuple(range(count)), *((i,) for i in range(count))] if count > 1 else [(0,)]
        for mapped in chosen:
            what = f"{row.name} at {sample.label}, operands {mapped} batched"
            _check_compiled(several, mapped, what)


def _check_compiled(several: list[Point], mapped: tuple[int, ...], what: str) -> None:
    p = several[0]
    args = [
        np.stack([q.args[i] for q in several]) if i in mapped else x for i, x in enumerate(p.args)
    ]
    tangents = [np.stack(ts) for ts in zip(*(q.tangents for q in several), strict=True)]
    cotangents = np.stack([q.cotangent for q in several])
    axes = [0 if i in mapped else None for i in range(len(args))]

    def both(args: Any, ts: Any, u: Any) -> Any:
        if p.row.kind == "zero" or not p.moving:
            return p.call(*args, **p.params)

        def f(*xs: Any) -> Any:
            full = list(args)
            for i, x in zip(p.moving, xs, strict=True):
                full[i] = x
            return p.call(*full, **p.params)

        xs = [args[i] for i in p.moving]
        return *tg.jvp(f, xs, ts), *tg.vjp(f, *xs)[1](u)

    plain = tg.vmap(both, (axes, 0, 0))
    compiled = tg.jit(plain)
    turned = [x[::-1].copy() if i in mapped else x for i, x in enumerate(args)]
    with np.errstate(all="ignore"):
        for given in (args, turned):  # the second is replayed
            got, want = (g(given, tangents, cotangents) for g in (compiled, plain))
            close(got, want, ulps=256, strict=True, what=what)


# ---- memory and exchanges -----------------------------------------------------------------------


def check_fresh(row: Primitive) -> None:
    """What the row says of its memory, and of operands that it moves, keeps or exchanges."""
    for sample in samples(row):
        args, params = sample.args()
        args = tuple(map(np.asarray, args))
        where, fn = f"{row.name} at {sample.label}", functools.partial(row.fn, **params)
        with np.errstate(all="ignore"):
            for given in _kinds(row, args):
                for layout in LAYOUTS:
                    _check_memory(row, fn, laid_out(given, layout), where)
                if row.aliases and not row.effects and len(given) == 1:
                    _check_view(fn, given[0])
                if takes_out(row.fn):
                    _check_written(fn, given, where)
                if row.identity:
                    _check_identity(fn, given, where)
                if row.commutative:
                    _check_exchange(fn, given, where)
            if row.moves:
                _check_moves(fn, args, where)
            if row.is_broadcasting and row.domain != "bool":
                for dtype in (np.float64, np.float32):
                    _check_special(row, fn, SPECIAL.astype(dtype), where)


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.3, -7e5, 1e-30, np.inf, -np.inf, np.nan])
"""Numbers at which what holds for others may not hold."""


def _kinds(row: Primitive, args: Values) -> Iterator[Values]:
    """The operands, and as complex numbers where each element is for itself."""
    yield args
    if row.on_complex and row.is_broadcasting and row.domain != "bool":
        yield tuple(x * (1 + 0.5j) if x.dtype.kind == "f" else x for x in args)


def _check_memory(row: Primitive, fn: Any, args: Any, where: str) -> None:
    value = fn(*args)
    if not isinstance(value, np.ndarray):
        return  # a scalar has no memory to share
    for i, x in enumerate(args):
        if i == 0 and row.aliases:
            continue
        shared = value is x or np.may_share_memory(value, x)
        assert not shared, (
            f"{where}: the value shares memory with operand {i}, of strides {x.strides}"
        )


def _check_view(fn: Any, x: Any) -> None:
    """It takes all numbers: a replay makes a view once, of memory that holds anything as yet."""
    for number in (0, np.nan) if x.dtype.kind in "fc" else (0,):
        fn(np.full_like(x, number))


def _check_written(fn: Any, args: Values, where: str) -> None:
    """It fills an array that it is given with what it returns without one."""
    value = fn(*args)
    if not isinstance(value, np.ndarray):
        return  # NumPy computes scalars by another way, and nothing fills one
    for order in ("C", "F"):
        out = np.empty(value.shape, value.dtype, order=order)  # type: ignore[call-overload]
        assert fn(*args, out=out) is out, f"{where}: it returns another array than out"
        same(out, value, f"{where}, written into an array of order {order}")


def _check_moves(fn: Any, args: Values, where: str) -> None:
    """It does with numbers of places what it does with elements."""
    first, numbers = 1, []
    for x in args:
        moving = x.dtype.kind in "fc"
        numbers.append(np.arange(first, first + x.size).reshape(x.shape) if moving else x)
        first += x.size if moving else 0
    moved = np.asarray(fn(*numbers))
    assert moved.dtype.kind == "i", f"{where}: moving integers gives {moved.dtype}"
    elements = [x.ravel() for x in args if x.dtype.kind in "fc"]
    within = moved.size == 0 or 0 <= moved.min() <= moved.max() < first
    assert within, f"{where}: numbers of places were changed to {moved}"
    same(fn(*args), np.concatenate([[0.0], *elements])[moved], f"{where}, moved")


def _check_identity(fn: Any, args: Values, where: str) -> None:
    value = np.asarray(fn(*args))
    if (value.shape, value.dtype) == (args[0].shape, args[0].dtype):
        same(value, args[0], f"{where}, an identity")


def _check_exchange(fn: Any, args: Values, where: str) -> None:
    """The sign of a zero does not count: of 0.0 and -0.0, NumPy's maximum gives the first."""
    a, b = args
    exchanged, value = (np.asarray(fn(*xs)) + np.zeros((), bool) for xs in ((b, a), (a, b)))
    same(exchanged, value, f"{where}, operands exchanged")


def _check_special(row: Primitive, fn: Any, x: Any, where: str) -> None:
    if row.identity:
        _check_identity(fn, (x,), f"{where}, at {x}")
    if row.commutative:
        _check_exchange(fn, (x[:, None], x), f"{where}, at {x}")
    for place, number in row.neutral.items():
        value = fn(x, number) if place else fn(number, x)
        same(value, x, f"{where}, operand {place} being {number}, at {x}")


CHECKS: dict[str, Callable[[Primitive], None]] = {
    "cut": check_cut,
    "sparsity": check_sparsity,
    "lowered": check_lowered,
    "fresh": check_fresh,
}
