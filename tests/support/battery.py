"""The battery: what every primitive must satisfy, checked from its row alone.

    row -> samples -> value, jvp, vjp, second order, batching, edge points, axes, memory

Each check is a function of one row that raises AssertionError naming the row, the sample and
what disagrees. The oracles are NumPy's and SciPy's functions, the complex step, and extrapolated
differences of those functions.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import battery_axes
import comparing
import numpy as np
from differencing import complex_step, differences, inner
from sampling import CALLS, Point, Values, domains, joined, points, samples

import tinygrad_hess as tg
import tinygrad_hess.scipy.integrate  # declares rows of its own
from tinygrad_hess.core.primitive import Primitive
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.core.tensor import constant
from tinygrad_hess.ops._rows import load_all

close = functools.partial(comparing.close, finite=True)

load_all()

ROWS: tuple[Primitive, ...] = tuple(map(joined, REGISTRY.values()))
"""The library's own rows. Tests may declare more; those are not walked."""

EXEMPT: dict[tuple[str, str], str] = {}
"""(row, check) -> reason. Every entry is a hole in the battery, so it stays short."""


def check_value(row: Primitive) -> None:
    """The value equals NumPy's in value, shape and type: raw, as a constant, and on the tape."""
    for dtype, rtol in ((np.float64, 1e-13), (np.float32, 2e-6)):
        for where, p in points(row, dtype):
            want = np.asarray(p.expected(*p.xs))
            raw = p.f(*p.xs)
            held = p.call(*(constant(a) for a in p.args), **p.params)
            taped = p.f(*(tg.tensor(x, requires_grad=True) for x in p.xs)) if p.xs else held
            strided = p.call(*(_strided(a) for a in p.args), **p.params)
            forms = {"raw": raw, "constant": held, "recorded": taped, "strided": strided}
            for form, got in forms.items():
                value = getattr(got, "value", got)
                what = f"{where}, {form} {np.dtype(dtype)} value"
                assert value.dtype == want.dtype, f"{what}: {value.dtype}, expected {want.dtype}"
                close(value, want, rtol, rtol, what)
            unboxed = not isinstance(raw, tg.Tensor) or row.name in CALLS
            assert unboxed, f"{where}: arrays in gave a tensor out"
            assert isinstance(held, tg.Tensor), f"{where}: a tensor in gave an array out"


def _strided(x: Any) -> Any:
    """The same values, neither contiguous nor writeable."""
    x = np.asarray(x)
    wide = np.zeros((*x.shape, 2), x.dtype)
    wide[..., 0] = x
    view = wide[..., 0]
    view.flags.writeable = False
    return view


def check_forward(row: Primitive) -> None:
    """The jvp equals the complex step (analytic rows) or extrapolated differences."""
    for where, p in points(row):
        analytic, rtol = (complex_step, 1e-11) if row.analytic else (differences, 1e-8)
        y, t = tg.jvp(p.f, p.xs, p.tangents)
        assert t.dtype == y.dtype, f"{where}: a tangent of type {t.dtype} for {y.dtype}"
        close(t, analytic(p.expected, p.xs, p.tangents), rtol, rtol, f"{where}, jvp")
        for i, (x, v) in enumerate(zip(p.xs, p.tangents, strict=True)):
            alone = _only(p, i)
            zeros = tuple(v if j == i else np.zeros_like(x) for j, x in enumerate(p.xs))
            want = analytic(p.expected, p.xs, zeros)
            close(
                tg.jvp(alone, (x,), (v,))[1], want, rtol, rtol, f"{where}, jvp in operand {i} alone"
            )


def _only(p: Point, i: int) -> Callable[[Any], Any]:
    """The function of one operand, the others being constants."""
    return lambda x: p.f(*p.xs[:i], x, *p.xs[i + 1 :])


def check_transpose(row: Primitive) -> None:
    """<u, J v> = <Jᵀ u, v>, and cotangents have their primal's shape and type."""
    for dtype, rtol in ((np.float64, 1e-12), (np.float32, 1e-4)):
        for where, p in points(row, dtype):
            tangent = tg.jvp(p.f, p.xs, p.tangents)[1]
            _, pull = tg.vjp(p.f, *p.xs)
            found = pull(p.cotangent)
            for i, (c, x) in enumerate(zip(found, p.xs, strict=True)):
                assert c.shape == np.shape(x) and c.dtype == dtype, (
                    f"{where}: operand {i} is {dtype.__name__}{np.shape(x)}, "
                    f"its cotangent {c.dtype}{c.shape}"
                )
            left, right = inner(p.cotangent, tangent), inner(found, p.tangents)
            size = max(1.0, float(np.sum(np.abs(p.cotangent * tangent))))
            assert abs(left - right) <= rtol * size, f"{where}: <u, Jv> {left} but <J'u, v> {right}"
            for i, x in enumerate(p.xs):
                (alone,) = tg.vjp(_only(p, i), x)[1](p.cotangent)
                close(alone, found[i], 10 * rtol, 10 * rtol, f"{where}, vjp in operand {i} alone")


def check_narrow(row: Primitive) -> None:
    """Rules of float32 operands compute in float32, and so does a call with a Python number."""
    for where, p in points(row, np.float32):
        if p.y.dtype != np.float32:
            continue
        args, y, g = p.args, p.y, p.cotangent
        with np.errstate(all="ignore"):
            if row.name in CALLS:
                parts: Any = []
            elif row.vjps is None:
                parts = row.pullback(g, y, args, p.params)  # type: ignore[misc]
            else:
                parts = [rule and rule(g, y, *args, **p.params) for rule in row.vjps]
        for i, part in enumerate(parts):
            if part is not None:
                assert part.dtype == np.float32, f"{where}: rule {i} gives {part.dtype}"
        if row.kind == "elementwise" and len(p.xs) == 2 == len(args):
            number = 0.5 * sum(domains(row.domain, 2)[1])
            got = tg.vjp(lambda x, n=number, p=p: p.call(x, n), p.xs[0])
            assert got[0].dtype == np.float32, (
                f"{where}: a Python float widens it to {got[0].dtype}"
            )


def check_mixed(row: Primitive) -> None:
    """An integer or float32 operand beside a float64 one: the derivative is the float64 one."""
    if row.kind != "elementwise" or len(row.vjps or ()) != 2 or row.domain is None:
        return
    intervals = domains(row.domain, 2)
    for i, (low, high) in enumerate(intervals):
        whole = np.ceil(high) - 1
        if not low < whole < high:
            continue
        x = np.full(3, 0.25 * intervals[1 - i][0] + 0.75 * intervals[1 - i][1])
        u, v = np.array([1.0, -2.0, 0.5]), np.array([0.5, 1.0, -1.0])
        others = (whole, np.full(3, whole), int(whole), np.full(3, int(whole)), np.float32(whole))
        found = []
        for other in others:

            def f(x: Any, other: Any = other, i: int = i) -> Any:
                return row.call(other, x) if i == 0 else row.call(x, other)

            def pulled(x: Any, f: Any = f, u: Any = u) -> Any:
                return tg.vjp(f, x)[1](u)[0]

            slope, curve = pulled(x), tg.jvp(pulled, (x,), (v,))[1]
            found.append((f(x), slope, curve, tg.jvp(f, (x,), (v,))[1]))
        for other, got in zip(others[1:], found[1:], strict=True):
            what = f"{row.name}, operand {i} given as {type(other).__name__} {other!r}"
            close(got, found[0], 1e-14, 1e-14, what)


def check_second_order(row: Primitive) -> None:
    """All four nestings of jvp and vjp agree with each other and with differences."""
    for where, p in points(row):
        f, xs, v, w, u = p.f, p.xs, p.tangents, p.others, p.cotangent

        def pushed(*xs: Any, f: Any = f, v: Any = v) -> Any:
            return tg.jvp(f, xs, v)[1]

        def pulled(*xs: Any, f: Any = f, u: Any = u) -> Any:
            return tg.vjp(f, *xs)[1](u)

        vjp_of_jvp = tg.vjp(pushed, *xs)[1](u)
        jvp_of_vjp = tg.jvp(pulled, xs, v)[1]
        vjp_of_vjp = tg.vjp(pulled, *xs)[1](v)
        close(vjp_of_jvp, jvp_of_vjp, 1e-10, 1e-10, f"{where}, vjp of jvp against jvp of vjp")
        close(vjp_of_vjp, jvp_of_vjp, 1e-10, 1e-10, f"{where}, vjp of vjp against jvp of vjp")
        jvp_of_jvp = tg.jvp(pushed, xs, w)[1]
        left, right = inner(u, jvp_of_jvp), inner(jvp_of_vjp, w)
        size = max(1.0, float(np.sum(np.abs(u * jvp_of_jvp))))
        assert abs(left - right) <= 1e-10 * size, f"{where}, jvp of jvp: {left}, others {right}"
        want = differences(pulled, xs, v)
        want = want if isinstance(want, list) else [want]
        close(jvp_of_vjp, want, 1e-6, 1e-6, f"{where}, jvp of vjp against differences")
        # A cotangent's own derivative: the pullback is linear in it, with the jvp as transpose.
        back = tg.vjp(lambda u, f=f, xs=xs: tg.vjp(f, *xs)[1](u), u)[1](v)[0]
        close(back, tg.jvp(f, xs, v)[1], 1e-12, 1e-12, f"{where}, vjp of the pullback")


def check_zero(row: Primitive) -> None:
    """The derivative of a piecewise constant row is zero arrays, in every nesting."""
    for dtype in (np.float64, np.float32):
        for where, p in points(row, dtype):
            if not p.xs:
                continue

            def weighed(*xs: Any, p: Point = p) -> Any:
                return p.f(*xs) * np.ones((), p.xs[0].dtype)

            y, t = tg.jvp(weighed, p.xs, p.tangents)
            assert t.shape == y.shape and t.dtype == y.dtype, f"{where}: tangent {t.dtype}{t.shape}"
            assert not np.any(t), f"{where}: its tangent is not zero"
            u = np.ones(y.shape, y.dtype)
            first = tg.vjp(weighed, *p.xs)[1](u)
            second = tg.vjp(lambda *xs, u=u, g=weighed: tg.vjp(g, *xs)[1](u), *p.xs)[1](first)
            mixed = tg.jvp(lambda *xs, u=u, g=weighed: tg.vjp(g, *xs)[1](u), p.xs, p.tangents)[1]
            for found in (first, second, mixed):
                for c, x in zip(found, p.xs, strict=True):
                    assert c.shape == x.shape and c.dtype == x.dtype, f"{where}: {c.dtype}{c.shape}"
                    assert not np.any(c), f"{where}: its cotangent is not zero"


def check_batched(row: Primitive) -> None:
    """vmap of value, jvp, vjp and jvp of vjp equals a loop and a stack, whatever is batched."""
    for sample in samples(row):
        where = f"{row.name} at {sample.label}"
        several = [Point(row, sample, seed=seed) for seed in range(3)]
        p = several[0]
        count = len(p.args)
        stacks = [np.stack([_turned(q.args[i], k) for k, q in enumerate(several)])
                  for i in range(count)]  # fmt: skip
        chosen = [tuple(range(count)), *((i,) for i in range(count))] if count > 1 else [(0,)]
        for mapped in chosen:
            axes = tuple(0 if i in mapped else None for i in range(count))
            given = [stacks[i] if i in mapped else p.args[i] for i in range(count)]
            each = [[g[k] if i in mapped else g for i, g in enumerate(given)] for k in range(3)]
            what = f"{where}, operands {mapped} batched"
            _check_mapped(p, what, axes, given, each)


def _turned(x: Any, k: int) -> Any:
    """Another valid operand where a case gives the same integers each time: shifted positions."""
    return np.roll(x, k) if np.asarray(x).dtype.kind in "iu" else x


def _check_mapped(p: Point, what: str, axes: Any, given: Any, each: Any) -> None:
    def value(*args: Any) -> Any:
        return p.call(*args, **p.params)

    close(
        tg.vmap(value, axes)(*given),
        np.stack([value(*a) for a in each]),
        1e-13,
        1e-13,
        f"{what}, vmap",
    )
    outer = tuple(None if a is None else 1 for a in axes)
    doubled = [
        g if a is None else np.stack([g, g[::-1]], 1) for g, a in zip(given, axes, strict=True)
    ]
    turned = tg.vmap(tg.vmap(value, axes), outer)(*doubled)
    want = np.stack([value(*a) for a in each])
    close(turned, np.stack([want, want[::-1]]), 1e-13, 1e-13, f"{what}, vmap of vmap")
    if p.row.kind == "zero" or not p.moving:
        return
    rng = np.random.default_rng(1)
    one = [rng.uniform(-1, 1, np.shape(p.args[i])) for i in p.moving]
    ts = [rng.uniform(-1, 1, (3, *np.shape(x))) for x in one]
    us = rng.uniform(-1, 1, (3, *np.shape(p.y)))

    def at(args: Any) -> tuple[Any, Any]:
        def f(*xs: Any) -> Any:
            full = list(args)
            for i, x in zip(p.moving, xs, strict=True):
                full[i] = x
            return p.call(*full, **p.params)

        return f, tuple(args[i] for i in p.moving)

    def jvp(args: Any, ts: Any) -> Any:
        f, xs = at(args)
        return tg.jvp(f, xs, tuple(ts))[1]

    def vjp(args: Any, u: Any) -> Any:
        f, xs = at(args)
        return tg.vjp(f, *xs)[1](u)

    def second(args: Any, ts: Any, u: Any) -> Any:
        f, xs = at(args)
        return tg.jvp(lambda *xs: tg.vjp(f, *xs)[1](u), xs, tuple(ts))[1]

    seconds = [second(a, [t[k] for t in ts], us[k]) for k, a in enumerate(each)]
    firsts = [vjp(a, u) for a, u in zip(each, us, strict=True)]
    tangents = np.stack([jvp(a, [t[k] for t in ts]) for k, a in enumerate(each)])
    close(tg.vmap(jvp, (axes, 0))(tuple(given), ts), tangents, 1e-12, 1e-12, f"{what}, vmap of jvp")
    close(
        tg.vmap(vjp, (axes, 0))(tuple(given), us),
        _stacked(firsts),
        1e-12,
        1e-12,
        f"{what}, vmap of vjp",
    )
    close(
        tg.vmap(second, (axes, 0, 0))(tuple(given), ts, us),
        _stacked(seconds),
        1e-11,
        1e-11,
        f"{what}, vmap of jvp of vjp",
    )
    # The same direction at many points: the cotangent starts without the batch.
    close(
        tg.vmap(vjp, (axes, None))(tuple(given), us[0]),
        _stacked([vjp(a, us[0]) for a in each]),
        1e-12,
        1e-12,
        f"{what}, vmap of vjp with one cotangent",
    )
    close(
        tg.vmap(jvp, (axes, None))(tuple(given), [t[0] for t in ts]),
        np.stack([jvp(a, [t[0] for t in ts]) for a in each]),
        1e-12,
        1e-12,
        f"{what}, vmap of jvp with one tangent",
    )
    # Many directions at one point: only the sweep is batched.
    close(
        tg.vmap(jvp, (None, 0))(tuple(each[0]), ts),
        np.stack([jvp(each[0], [t[k] for t in ts]) for k in range(3)]),
        1e-12,
        1e-12,
        f"{what}, vmap over tangents alone",
    )
    close(
        tg.vmap(vjp, (None, 0))(tuple(each[0]), us),
        _stacked([vjp(each[0], u) for u in us]),
        1e-12,
        1e-12,
        f"{what}, vmap over cotangents alone",
    )
    # The derivative of the mapped function: an operand that all examples share sums its cotangents.
    moved = [given[i] for i in p.moving]

    def mapped(*xs: Any) -> Any:
        full = list(given)
        for i, x in zip(p.moving, xs, strict=True):
            full[i] = x
        return tg.vmap(value, axes)(*full)

    totals = [
        np.sum(c, axis=0) if axes[i] is None else c
        for i, c in zip(p.moving, _stacked(firsts), strict=True)
    ]
    close(tg.vjp(mapped, *moved)[1](us), totals, 1e-12, 1e-12, f"{what}, vjp of vmap")


def _stacked(rows: Any) -> list[Any]:
    return [np.stack(column) for column in zip(*rows, strict=True)]


def check_untouched(row: Primitive) -> None:
    """Nothing writes to an operand, a tangent or a cotangent; read-only ones are fine too."""
    for where, p in points(row):
        given = (*p.args, *p.tangents, p.cotangent)
        before = [np.copy(x) for x in given]
        for frozen in (False, True):
            for x in given:
                if isinstance(x, np.ndarray):
                    x.flags.writeable = not frozen
            p.f(*p.xs)
            if row.kind != "zero":
                tg.jvp(p.f, p.xs, p.tangents)
                tg.vjp(p.f, *p.xs)[1](p.cotangent)
                tg.jvp(lambda *xs, p=p: tg.vjp(p.f, *xs)[1](p.cotangent), p.xs, p.tangents)
            for x, copy in zip(given, before, strict=True):
                assert np.array_equal(x, copy), f"{where}: an operand was written to"


def check_edges(row: Primitive) -> None:
    """Derivatives at the declared edge points, without a warning, in both directions."""
    for given, answers in row.edges:
        if row.kind in ("elementwise", "zero"):
            args, params = tuple(np.float64(a) for a in given), {}
        else:
            args, params = tuple(given[:-1]), given[-1]
        where = f"{row.name} at the edge {args}"
        with np.errstate(all="ignore"):  # the value may warn, as NumPy's does
            _, pull = tg.vjp(lambda *xs, p=params: row.call(*xs, **p), *args)
            y, push = tg.linearize(lambda *xs, p=params: row.call(*xs, **p), *args)
            stacked = tuple(np.stack([a, a]) for a in args)
            _, pull_both = tg.vjp(tg.vmap(lambda *xs, p=params: row.call(*xs, **p)), *stacked)
        if np.asarray(y).dtype.kind != "f":
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = pull(np.ones_like(y))
            both = pull_both(np.ones((2, *np.shape(y))))
            for i, answer in enumerate(answers):
                comparing.close(
                    found[i],
                    answer,
                    1e-12,
                    what=f"{where}, cotangent of operand {i}",
                    elementwise=True,
                )
                comparing.close(
                    both[i],
                    np.stack([answer, answer]),
                    1e-12,
                    what=f"{where}, batched cotangent {i}",
                    elementwise=True,
                )
                for place in np.ndindex(np.shape(answer)):
                    ts = [np.zeros_like(a) for a in args]
                    ts[i] = ts[i] + 0.0
                    if np.ndim(ts[i]):
                        ts[i][place] = 1.0
                    else:
                        ts[i] = np.float64(1.0)
                    if len(args) == 1:  # other operands would add 0 times their partials
                        t = np.sum(push(*ts))
                    else:
                        t = _alone(row, args, params, i)
                    comparing.close(
                        t,
                        np.asarray(answer)[place],
                        1e-12,
                        what=f"{where}, tangent of operand {i}",
                        elementwise=True,
                    )


def _alone(row: Primitive, args: Values, params: dict[str, Any], i: int) -> Any:
    f = lambda x: row.call(*args[:i], x, *args[i + 1 :], **params)
    with np.errstate(all="ignore"):
        _, push = tg.linearize(f, args[i])
    return np.sum(push(np.ones_like(args[i])))


CHECKS: dict[str, Callable[[Primitive], None]] = {
    "value": check_value,
    "forward": check_forward,
    "transpose": check_transpose,
    "narrow": check_narrow,
    "mixed": check_mixed,
    "second order": check_second_order,
    "zero": check_zero,
    "batched": check_batched,
    "untouched": check_untouched,
    "edges": check_edges,
    **battery_axes.CHECKS,
}


def is_complex(row: Primitive) -> bool:
    """Whether what goes in or comes out is complex: that is for the battery of complex numbers."""
    given = [a for sample in samples(row)[:1] for a in sample.args()[0]] if row.cases else []
    return row.name in GIVING_COMPLEX or any(map(np.iscomplexobj, given))


GIVING_COMPLEX = ("rfft",)
"""Rows that make complex numbers of real ones."""


def applies(check: str, row: Primitive) -> bool:
    """Whether a check is meant for a row: zero rows have a check of their own."""
    if (row.name, check) in EXEMPT:
        return False
    if check in ("cut", "lowered", "fresh"):
        return True
    if is_complex(row):
        return False
    if check == "zero":
        return row.kind == "zero"
    if check == "edges":
        return bool(row.edges)
    return row.kind != "zero" or check in ("value", "batched", "untouched")


def run(check: str, row: Primitive) -> None:
    """Run one check; any error, such as a shape that does not fit, counts as a failure."""
    try:
        CHECKS[check](joined(row))
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{row.name}, {check}: {type(error).__name__}: {error}") from error


def run_all(row: Primitive) -> None:
    """Run every check that applies to a row."""
    for check in CHECKS:
        if applies(check, row):
            run(check, row)
