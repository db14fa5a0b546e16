"""The battery: what every primitive must satisfy, checked from its row alone.

    row -> samples -> value, jvp, vjp, second order, batching, edge points

Each check is a function of one row that raises AssertionError naming the row, the sample and
what disagrees. The oracles are NumPy's and SciPy's functions (:data:`REFERENCES` where a row has
no namesake there), the complex step, and extrapolated differences of those functions.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special

import tinygrad_hess as tg
from tinygrad_hess.ops.hidden_axes import enter, leave
from tinygrad_hess.ops.indexing import ARRAY
from tinygrad_hess.primitive import REGISTRY, Primitive
from tinygrad_hess.tape import constant

ROWS: tuple[Primitive, ...] = tuple(REGISTRY.values())
"""The library's own rows. Tests may declare more; those are not walked."""

# ---- exemptions: a check that cannot apply to a row, and why ------------------------------------

EXEMPT: dict[tuple[str, str], str] = {}
"""(row, check) -> reason. Every entry is a hole in the battery, so it stays short."""

CALLS: dict[str, Callable[..., Any]] = {
    # Hiding an axis gives a batch, which a function of arrays cannot return: so it is shown again.
    "enter": lambda x, axis: leave(enter(x, axis=axis), axis=axis),
}
"""Rows that are checked through another function than their own call."""


# ---- references: the same function, written another way -----------------------------------------


def _filled(pattern: Any, arrays: Any) -> tuple[Any, ...]:
    supply = iter(arrays)
    return tuple(next(supply) if e is ARRAY else e for e in pattern)


def _scatter(g: Any, *arrays: Any, pattern: Any, shape: Any) -> Any:
    out = np.zeros(shape, g.dtype)
    places = np.arange(out.size).reshape(shape)[_filled(pattern, arrays)]
    for place, v in zip(np.ravel(places), np.ravel(g), strict=True):
        out.flat[place] += v
    return out


def _windows(x: Any, *, size: Any, stride: Any, dilation: Any) -> Any:
    rank = len(size)
    reach = tuple((k - 1) * d + 1 for k, d in zip(size, dilation, strict=True))
    seen = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(range(-rank, 0)))
    every = tuple(slice(None, None, s) for s in (*stride, *dilation))
    return seen[(Ellipsis, *every)]


def _fold(g: Any, *, space: Any, size: Any, stride: Any, dilation: Any) -> Any:
    rank = len(size)
    out = np.zeros((*g.shape[: -2 * rank], *space), g.dtype)
    for place in np.ndindex(g.shape[-2 * rank :]):
        at = tuple(
            p * s + o * d
            for p, o, s, d in zip(place[:rank], place[rank:], stride, dilation, strict=True)
        )
        out[(Ellipsis, *at)] += g[(Ellipsis, *place)]
    return out


def _sinc(x: Any, *, order: int) -> Any:
    """The power series of sin(πx)/(πx), differentiated term by term."""
    total = np.zeros_like(x, dtype=np.float64)
    for k in range((order + 1) // 2, 40):
        falling = scipy.special.poch(2 * k - order + 1, order)  # (2k)! / (2k - order)!
        coefficient = (-1) ** k * np.pi ** (2 * k) / scipy.special.factorial(2 * k + 1)
        total = total + coefficient * falling * np.asarray(x, np.float64) ** (2 * k - order)
    return np.asarray(total, x.dtype)


def _tie_share(x: Any, *, axis: Any) -> Any:
    selected = x == np.max(x, axis, keepdims=True)
    return (selected / np.sum(selected, axis, keepdims=True)).astype(x.dtype)


def _greater_share(a: Any, b: Any) -> Any:
    return ((1 + np.sign(a - b)) / 2).astype(np.result_type(a, b))


def _same(x: Any, **note: Any) -> Any:
    return x


REFERENCES: dict[str, Callable[..., Any]] = {
    "power_scalar": lambda x, exponent: np.power(x, exponent),
    "log_of_base": np.log,
    "greater_share": _greater_share,
    "tie_share": _tie_share,
    "sigmoid": scipy.special.expit,
    "softplus": lambda x: np.log1p(np.exp(x)),
    "relu": lambda x: x * (x > 0),
    "sinc": _sinc,
    "matmul_nt": lambda a, b: np.einsum("...ik,...jk->...ij", a, b),
    "matmul_tn": lambda a, b: np.einsum("...ki,...kj->...ij", a, b),
    "norm": lambda x, axis, keepdims: np.sum(x * x, axis=axis, keepdims=keepdims) ** 0.5,
    "logsumexp": scipy.special.logsumexp,
    "softmax": scipy.special.softmax,
    "log_softmax": scipy.special.log_softmax,
    "concatenate": lambda *xs, axis: np.concatenate(xs, axis=axis),
    "pad": lambda x, width: np.pad(x, width),
    "index": lambda x, *arrays, pattern, shape: x[_filled(pattern, arrays)],
    "scatter_add": _scatter,
    "windows": _windows,
    "fold": _fold,
    "one_minus_square": lambda x: 1 - x * x,
    "hyperbola": lambda x: np.sqrt(x * x - 1),
    "tanh_slope": lambda g, y: g * (1 - y * y),
    "astype": lambda x, dtype: np.asarray(x, dtype),
    "astype_integer": lambda x, dtype: np.asarray(x, dtype),
    "alias": _same,
    "seed": _same,
    "stop_gradient": _same,
    "enter": lambda x, axis: x,
    "leave": lambda x, axis: np.stack([x] * axis.size),
}


def reference(row: Primitive) -> Callable[..., Any]:
    """The function that a row's value is held against."""
    for found in (REFERENCES.get(row.name), getattr(np, row.name, None)):
        if found is not None:
            return found
    found = getattr(scipy.special, row.name, None)
    assert found is not None, (
        f"{row.name}: neither NumPy nor scipy.special has this name; add it to battery.REFERENCES"
    )
    return found


# ---- samples ------------------------------------------------------------------------------------

Values = tuple[Any, ...]
Maker = Callable[[np.random.Generator], tuple[Values, dict[str, Any]]]

_SHAPES: dict[int, list[tuple[tuple[int, ...], ...]]] = {
    1: [((),), ((3,),), ((2, 3),), ((0, 3),)],
    2: [
        ((), ()), ((2, 3), (2, 3)), ((1, 3), (2, 1)), ((), (3,)), ((3,), ()), ((2, 3), (3,)),
        ((0,), (1,)), ((0, 3), (3,)),
    ],
    3: [
        ((3,), (3,), (3,)), ((1, 3), (2, 1), ()), ((), (3,), (2, 1)), ((2, 3), (3,), (2, 1)),
        ((0,), (1,), ()),
    ],
}  # fmt: skip
"""Shapes for elementwise rows, by their number of operands."""


@dataclass
class Sample:
    """Where a row is tried: operands made from a random generator, and its parameters."""

    label: str
    make: Maker

    def args(self, seed: int = 0) -> tuple[Values, dict[str, Any]]:
        """Operands for this seed."""
        return self.make(np.random.default_rng(seed))


def spaced(rng: np.random.Generator, shape: tuple[int, ...], domain: Any = None) -> Any:
    """Values in an open interval of which no two are close, so that differences meet no ties."""
    if domain == "bool":
        return rng.random(shape) > 0.5
    low, high = (-2.0, 2.0) if domain is None else domain
    n = int(np.prod(shape))
    places = rng.permutation(n) + rng.uniform(0.3, 0.7, n)
    return (low + (high - low) * places / max(n, 1)).reshape(shape)


def samples(row: Primitive) -> list[Sample]:
    """Every point at which a row is tried; an AssertionError if it declares none."""
    found: list[Sample] = []
    simple = row.kind in ("elementwise", "zero") and row.domain is not None
    if simple:
        count = len(row.vjps or ())
        domains = _domains(row.domain, count)
        for params in [case[1] for case in row.cases] or [{}]:
            found += [_shaped(shapes, params, domains) for shapes in _SHAPES[count]]
    else:
        for i, case in enumerate(row.cases):
            if callable(case):
                found.append(Sample(f"case {i}", case))
            else:
                shapes, params = case
                found.append(_shaped(shapes, params, _domains(row.domain, len(shapes))))
    assert found, f"{row.name}: the row has neither a domain nor cases, so nothing tests it"
    return found


def _domains(domain: Any, count: int) -> list[Any]:
    several = isinstance(domain, tuple) and not isinstance(domain[0], (int, float))
    return list(domain) if several else [domain] * count


def _shaped(shapes: Any, params: dict[str, Any], domains: list[Any]) -> Sample:
    def make(rng: np.random.Generator) -> tuple[Values, dict[str, Any]]:
        return tuple(spaced(rng, s, d) for s, d in zip(shapes, domains, strict=True)), params

    label = " ".join(str(s).replace(" ", "") for s in shapes)
    return Sample(f"{label} {params}" if params else label, make)


def _is_float(x: Any) -> bool:
    return np.asarray(x).dtype.kind == "f"


class Point:
    """A row at one sample: its function of the floating operands alone, and directions."""

    def __init__(self, row: Primitive, sample: Sample, dtype: Any = np.float64, seed: int = 0):
        args, self.params = sample.args(seed)
        self.row, self.seed = row, seed
        self.args = tuple(np.asarray(a, dtype) if _is_float(a) else a for a in args)
        self.moving = [i for i, a in enumerate(self.args) if _is_float(a)]
        self.xs = tuple(self.args[i] for i in self.moving)
        rng = np.random.default_rng(seed + 1000)
        self.tangents, self.others = (
            tuple(rng.uniform(-1, 1, np.shape(x)).astype(dtype) for x in self.xs) for _ in range(2)
        )
        self.call = CALLS.get(row.name, row.call)
        with np.errstate(all="ignore"):
            self.y = self.f(*self.xs)
        self.cotangent = rng.uniform(-1, 1, np.shape(self.y)).astype(self.y.dtype)

    def filled(self, xs: Values) -> list[Any]:
        """All operands, the floating ones replaced."""
        args = list(self.args)
        for i, x in zip(self.moving, xs, strict=True):
            args[i] = x
        return args

    def f(self, *xs: Any) -> Any:
        """The primitive itself."""
        return self.call(*self.filled(xs), **self.params)

    def expected(self, *xs: Any) -> Any:
        """The reference."""
        return reference(self.row)(*self.filled(xs), **self.params)


def points(row: Primitive, dtype: Any = np.float64) -> Iterator[tuple[str, Point]]:
    """A row at each of its samples."""
    for sample in samples(row):
        yield f"{row.name} at {sample.label}", Point(row, sample, dtype)


# ---- comparing ----------------------------------------------------------------------------------


def close(got: Any, want: Any, rtol: float, what: str) -> None:
    """Equal shapes, and values within ``rtol`` of the largest one."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    if want.dtype.kind != "f":
        assert np.array_equal(got, want), f"{what}: {got} instead of {want}"
        return
    scale = max(1.0, float(np.max(np.abs(want), initial=0.0)))
    worst = np.max(np.abs(got - want), initial=0.0)
    assert worst <= rtol * scale, f"{what}: off by {worst:.3g} (allowed {rtol * scale:.3g})"


def all_close(got: Any, want: Any, rtol: float, what: str) -> None:
    """The same for two sequences."""
    assert len(got) == len(want), f"{what}: {len(got)} results, expected {len(want)}"
    for i, (a, b) in enumerate(zip(got, want, strict=True)):
        close(a, b, rtol, f"{what}, part {i}")


def inner(a: Any, b: Any) -> float:
    """The sum of products over all parts."""
    a, b = (x if isinstance(x, tuple) else (x,) for x in (a, b))
    return float(sum(np.sum(x * y) for x, y in zip(a, b, strict=True)))


def differences(f: Callable[..., Any], xs: Values, ts: Values, step: float = 1e-2) -> Any:
    """The derivative of ``f`` along ``ts``, by central differences extrapolated to order eight."""

    def central(h: float) -> list[Any]:
        ends = [_parts(f(*(x + s * h * t for x, t in zip(xs, ts, strict=True)))) for s in (1, -1)]
        return [(a - b) / (2 * h) for a, b in zip(*ends, strict=True)]

    table = [central(step / 2**k) for k in range(4)]
    for k in range(1, 4):
        table = [
            [(4**k * fine - coarse) / (4**k - 1) for coarse, fine in zip(a, b, strict=True)]
            for a, b in itertools.pairwise(table)
        ]
    return table[0] if len(table[0]) > 1 else table[0][0]


def _parts(y: Any) -> tuple[Any, ...]:
    return tuple(map(np.asarray, y)) if isinstance(y, tuple) else (np.asarray(y),)


def complex_step(f: Callable[..., Any], xs: Values, ts: Values) -> Any:
    """The derivative of an analytic ``f`` along ``ts``, exact to rounding."""
    h = 1e-30
    return np.imag(f(*(x + 1j * h * t for x, t in zip(xs, ts, strict=True)))) / h


# ---- the checks ---------------------------------------------------------------------------------


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
                close(value, want, rtol, what)
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
        close(t, analytic(p.expected, p.xs, p.tangents), rtol, f"{where}, jvp")
        for i, (x, v) in enumerate(zip(p.xs, p.tangents, strict=True)):
            alone = _only(p, i)
            zeros = tuple(v if j == i else np.zeros_like(x) for j, x in enumerate(p.xs))
            want = analytic(p.expected, p.xs, zeros)
            close(tg.jvp(alone, (x,), (v,))[1], want, rtol, f"{where}, jvp in operand {i} alone")


def _only(p: Point, i: int) -> Callable[[Any], Any]:
    """The function of one operand, the others being constants."""
    return lambda x: p.f(*p.xs[:i], x, *p.xs[i + 1 :])


def check_transpose(row: Primitive) -> None:
    """<u, J v> = <Jᵀ u, v>, and cotangents have their primal's shape and type."""
    for dtype, rtol in ((np.float64, 1e-12), (np.float32, 1e-4)):
        for where, p in points(row, dtype):
            tangent = tg.jvp(p.f, p.xs, p.tangents)[1]
            y, pull = tg.vjp(p.f, *p.xs)
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
                close(alone, found[i], 10 * rtol, f"{where}, vjp in operand {i} alone")


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
            number = 0.5 * sum(_domains(row.domain, 2)[1])
            got = tg.vjp(lambda x, n=number, p=p: p.call(x, n), p.xs[0])
            assert got[0].dtype == np.float32, f"{where}: a Python float widens it to {got[0].dtype}"


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
        all_close(vjp_of_jvp, jvp_of_vjp, 1e-10, f"{where}, vjp of jvp against jvp of vjp")
        all_close(vjp_of_vjp, jvp_of_vjp, 1e-10, f"{where}, vjp of vjp against jvp of vjp")
        jvp_of_jvp = tg.jvp(pushed, xs, w)[1]
        left, right = inner(u, jvp_of_jvp), inner(jvp_of_vjp, w)
        size = max(1.0, float(np.sum(np.abs(u * jvp_of_jvp))))
        assert abs(left - right) <= 1e-10 * size, f"{where}, jvp of jvp: {left}, others {right}"
        want = differences(pulled, xs, v)
        want = want if isinstance(want, list) else [want]
        all_close(jvp_of_vjp, want, 1e-6, f"{where}, jvp of vjp against differences")
        # A cotangent's own derivative: the pullback is linear in it, with the jvp as transpose.
        back = tg.vjp(lambda u, f=f, xs=xs: tg.vjp(f, *xs)[1](u), u)[1](v)[0]
        close(back, tg.jvp(f, xs, v)[1], 1e-12, f"{where}, vjp of the pullback")


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

    close(tg.vmap(value, axes)(*given), np.stack([value(*a) for a in each]), 1e-13, f"{what}, vmap")
    outer = tuple(None if a is None else 1 for a in axes)
    doubled = [g if a is None else np.stack([g, g[::-1]], 1) for g, a in zip(given, axes, strict=True)]
    turned = tg.vmap(tg.vmap(value, axes), outer)(*doubled)
    want = np.stack([value(*a) for a in each])
    close(turned, np.stack([want, want[::-1]]), 1e-13, f"{what}, vmap of vmap")
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
    close(tg.vmap(jvp, (axes, 0))(tuple(given), ts), tangents, 1e-12, f"{what}, vmap of jvp")
    all_close(
        tg.vmap(vjp, (axes, 0))(tuple(given), us), _stacked(firsts), 1e-12, f"{what}, vmap of vjp"
    )
    all_close(
        tg.vmap(second, (axes, 0, 0))(tuple(given), ts, us),
        _stacked(seconds),
        1e-11,
        f"{what}, vmap of jvp of vjp",
    )
    # The same direction at many points: the cotangent starts without the batch.
    all_close(
        tg.vmap(vjp, (axes, None))(tuple(given), us[0]),
        _stacked([vjp(a, us[0]) for a in each]),
        1e-12,
        f"{what}, vmap of vjp with one cotangent",
    )
    close(
        tg.vmap(jvp, (axes, None))(tuple(given), [t[0] for t in ts]),
        np.stack([jvp(a, [t[0] for t in ts]) for a in each]),
        1e-12,
        f"{what}, vmap of jvp with one tangent",
    )
    # Many directions at one point: only the sweep is batched.
    close(
        tg.vmap(jvp, (None, 0))(tuple(each[0]), ts),
        np.stack([jvp(each[0], [t[k] for t in ts]) for k in range(3)]),
        1e-12,
        f"{what}, vmap over tangents alone",
    )
    all_close(
        tg.vmap(vjp, (None, 0))(tuple(each[0]), us),
        _stacked([vjp(each[0], u) for u in us]),
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
    all_close(tg.vjp(mapped, *moved)[1](us), totals, 1e-12, f"{what}, vjp of vmap")


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
                _same_edge(found[i], answer, f"{where}, cotangent of operand {i}")
                _same_edge(both[i], np.stack([answer, answer]), f"{where}, batched cotangent {i}")
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
                    _same_edge(t, np.asarray(answer)[place], f"{where}, tangent of operand {i}")


def _alone(row: Primitive, args: Values, params: dict[str, Any], i: int) -> Any:
    f = lambda x: row.call(*args[:i], x, *args[i + 1 :], **params)  # noqa: E731
    with np.errstate(all="ignore"):
        _, push = tg.linearize(f, args[i])
    return np.sum(push(np.ones_like(args[i])))


def _same_edge(got: Any, want: Any, what: str) -> None:
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-300, err_msg=what)


CHECKS: dict[str, Callable[[Primitive], None]] = {
    "value": check_value,
    "forward": check_forward,
    "transpose": check_transpose,
    "narrow": check_narrow,
    "second order": check_second_order,
    "zero": check_zero,
    "batched": check_batched,
    "untouched": check_untouched,
    "edges": check_edges,
}


def applies(check: str, row: Primitive) -> bool:
    """Whether a check is meant for a row: zero rows have a check of their own."""
    if (row.name, check) in EXEMPT:
        return False
    if check == "zero":
        return row.kind == "zero"
    if check == "edges":
        return bool(row.edges)
    return row.kind != "zero" or check in ("value", "batched", "untouched")


def run(check: str, row: Primitive) -> None:
    """Run one check; any error, such as a shape that does not fit, counts as a failure."""
    try:
        CHECKS[check](row)
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{row.name}, {check}: {type(error).__name__}: {error}") from error


def run_all(row: Primitive) -> None:
    """Run every check that applies to a row."""
    for check in CHECKS:
        if applies(check, row):
            run(check, row)
