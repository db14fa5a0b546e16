"""The battery for complex operands: every row that claims them, against real-pair differences.

A function of complex numbers is here a function of their real and imaginary parts: its derivative
along a complex direction is found by differences, which know nothing of any convention. Cotangents
and tangents are paired by Re(sum(c t)), without a conjugate: that is the library's convention.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import comparing
import numpy as np
from battery import GIVING_COMPLEX, ROWS
from differencing import differences
from references import reference
from references_complex import ON_COMPLEX
from sampling import CALLS, Sample, join, joined, samples, spaced

import tinygrad_hess as tg
from tinygrad_hess.core.primitive import Primitive
from tinygrad_hess.core.tensor import constant

close = functools.partial(comparing.close, finite=True)

CLAIMING = tuple(row for row in ROWS if row.on_complex or row.name in GIVING_COMPLEX)

EXEMPT = {
    (name, check): "phases of the vectors are not determined"
    for name in ("eigh", "svd")
    for check in (
        "value",
        "forward",
        "transpose",
        "second order",
        "gradient",
        "batched",
        "replayed",
    )
}
EXEMPT["phase_free", "second order"] = "it refuses the points beside a sample"
"""(row, check) -> reason. The first two are checked by functions that do not depend on phases."""

ONE_TYPE = ("scatter",)
"""Rows whose operands must have one type."""

REAL = {"eigenvalue_gradient": 0, "singular_value_gradient": 0}
"""Operands that are real by their meaning."""


class Point:
    """A row at one sample, some operands made complex, and directions there."""

    def __init__(
        self, row: Primitive, sample: Sample, chosen: tuple[int, ...], wide: bool, seed: int = 0
    ):
        args, self.params = sample.args(seed)
        if row.name == "eig":
            self.params = {"real": False}
        rng = np.random.default_rng(seed + 77)
        self.row = row
        self.args = [np.asarray(a) for a in args]
        self.moving = [i for i, a in enumerate(self.args) if a.dtype.kind in "fc"]
        for i in self.moving:
            a = self.args[i]
            if i in chosen and a.dtype.kind == "f" and row.on_complex and REAL.get(row.name) != i:
                low = 0.2 if row.kind in ("elementwise", "zero") else -0.2
                a = a + 1j * spaced(rng, a.shape, (low, 0.4))
            narrow = np.complex64 if a.dtype.kind == "c" else np.float32
            self.args[i] = a if wide else a.astype(narrow)
        self.xs = tuple(self.args[i] for i in self.moving)
        self.tangents, self.others = (
            tuple(self._direction(rng, x) for x in self.xs) for _ in range(2)
        )
        self.call = CALLS.get(row.name, row.call)
        with np.errstate(all="ignore"):
            self.y = np.asarray(self.f(*self.xs))
        self.cotangent = self._direction(rng, self.y)

    @staticmethod
    def _direction(rng: Any, x: Any) -> Any:
        drawn = rng.uniform(-1, 1, np.shape(x))
        if x.dtype.kind == "c":
            drawn = drawn + 1j * rng.uniform(-1, 1, np.shape(x))
        return np.asarray(drawn.astype(x.dtype) if x.dtype.kind in "fc" else drawn)

    def filled(self, xs: Any) -> list[Any]:
        """All operands, the moving ones replaced."""
        args = list(self.args)
        for i, x in zip(self.moving, xs, strict=True):
            args[i] = x
        return args

    def f(self, *xs: Any) -> Any:
        """The primitive itself."""
        return self.call(*self.filled(xs), **self.params)

    def expected(self, *xs: Any) -> Any:
        """The reference."""
        found = ON_COMPLEX.get(self.row.name) or reference(self.row)
        return join(self.row.name, found(*self.filled([np.asarray(x) for x in xs]), **self.params))


def points(row: Primitive, wide: bool = True, seed: int = 0) -> Iterator[tuple[str, Point]]:
    """A row at its samples, all operands complex, and each alone where types may be mixed."""
    for sample in samples(row):
        args = sample.args()[0]
        moving = [i for i, a in enumerate(args) if np.asarray(a).dtype.kind in "fc"]
        chosen = [tuple(moving)]
        if len(moving) > 1 and row.name not in ONE_TYPE:
            chosen += [(i,) for i in moving]
        for these in chosen:
            where = f"{row.name} at {sample.label}, operands {these} complex"
            yield where, Point(row, sample, these, wide, seed)


def inner(a: Any, b: Any) -> float:
    """Re(sum(a b)) over all parts."""
    a, b = (x if isinstance(x, (tuple, list)) else (x,) for x in (a, b))
    return float(sum(np.sum(np.real(np.asarray(x) * y)) for x, y in zip(a, b, strict=True)))


def check_value(row: Primitive) -> None:
    """The value is the reference's, and complex64 stays complex64."""
    for wide, rtol in ((True, 1e-12), (False, 2e-5)):
        for where, p in points(row, wide):
            want = np.asarray(p.expected(*p.xs))
            held = p.call(*(constant(a) for a in p.args), **p.params)
            taped = p.f(*(tg.tensor(x, requires_grad=True) for x in p.xs))
            for form, got in (("raw", p.y), ("constant", held), ("recorded", taped)):
                value = np.asarray(getattr(got, "value", got))
                what = f"{where}, {form}"
                if want.dtype.kind in "fc":
                    kinds = "fF" if not wide else "dD"
                    kind = (
                        want.dtype.char if row.name == "astype" else kinds[want.dtype.kind == "c"]
                    )
                    assert value.dtype.char == kind, f"{what}: {value.dtype}"
                close(value, want, rtol, rtol, what)


def check_forward(row: Primitive) -> None:
    """The jvp is the derivative of the function of real and imaginary parts."""
    for where, p in points(row):
        y, t = tg.jvp(p.f, p.xs, p.tangents)
        assert t.dtype == y.dtype, f"{where}: a tangent of type {t.dtype} for {y.dtype}"
        close(t, differences(p.expected, p.xs, p.tangents), 1e-8, 1e-8, f"{where}, jvp")


def check_transpose(row: Primitive) -> None:
    """Re <u, J v> = Re <Jᵀ u, v>; a cotangent has its primal's type, so that of a real is real."""
    for wide, rtol in ((True, 1e-12), (False, 1e-4)):
        for where, p in points(row, wide):
            tangent = tg.jvp(p.f, p.xs, p.tangents)[1]
            found = tg.vjp(p.f, *p.xs)[1](p.cotangent)
            for i, (c, x) in enumerate(zip(found, p.xs, strict=True)):
                assert c.shape == x.shape and c.dtype == x.dtype, (
                    f"{where}: operand {i} is {x.dtype}{x.shape}, its cotangent {c.dtype}{c.shape}"
                )
            left, right = inner(p.cotangent, tangent), inner(found, p.tangents)
            size = max(1.0, float(np.sum(np.abs(p.cotangent * tangent))))
            assert abs(left - right) <= rtol * size, f"{where}: <u, Jv> {left} but <J'u, v> {right}"


def check_second_order(row: Primitive) -> None:
    """All four nestings agree with each other and with differences."""
    for where, p in points(row):
        f, xs, v, w, u = p.f, p.xs, p.tangents, p.others, p.cotangent

        def pushed(*xs: Any, f: Any = f, v: Any = v) -> Any:
            return tg.jvp(f, xs, v)[1]

        def pulled(*xs: Any, f: Any = f, u: Any = u) -> Any:
            return tg.vjp(f, *xs)[1](u)

        jvp_of_vjp = tg.jvp(pulled, xs, v)[1]
        want = differences(pulled, xs, v)
        close(jvp_of_vjp, want if isinstance(want, list) else [want], 1e-6, 1e-6, f"{where}, jvp of vjp against differences")  # fmt: skip
        vjp_of_jvp = tg.vjp(pushed, *xs)[1](u)
        close(vjp_of_jvp, jvp_of_vjp, 1e-9, 1e-9, f"{where}, vjp of jvp against jvp of vjp")
        vjp_of_vjp = tg.vjp(pulled, *xs)[1](v)
        close(vjp_of_vjp, jvp_of_vjp, 1e-9, 1e-9, f"{where}, vjp of vjp against jvp of vjp")
        jvp_of_jvp = tg.jvp(pushed, xs, w)[1]
        left, right = inner(u, jvp_of_jvp), inner(jvp_of_vjp, w)
        size = max(1.0, float(np.sum(np.abs(u * jvp_of_jvp))))
        assert abs(left - right) <= 1e-9 * size, f"{where}, jvp of jvp: {left}, others {right}"


def _derivatives(p: Point) -> dict[str, Callable[..., Any]]:
    """Value, jvp, vjp and jvp of vjp as functions of operands, tangents and a cotangent."""

    def of(args: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        def f(*xs: Any) -> Any:
            full = list(args)
            for i, x in zip(p.moving, xs, strict=True):
                full[i] = x
            return p.call(*full, **p.params)

        return f, tuple(args[i] for i in p.moving)

    def second(args: Any, ts: Any, u: Any) -> Any:
        f, xs = of(args)
        return tg.jvp(lambda *xs: tg.vjp(f, *xs)[1](u), xs, tuple(ts))[1]

    functions: dict[str, Callable[..., Any]] = {
        "value": lambda args, ts, u: (p.call(*args, **p.params),),
    }
    if p.row.kind != "zero" and p.moving:
        functions |= {
            "jvp": lambda args, ts, u: tg.jvp(of(args)[0], of(args)[1], tuple(ts)),
            "vjp": lambda args, ts, u: tg.vjp(of(args)[0], *of(args)[1])[1](u),
            "jvp of vjp": second,
        }
    return functions


def _several(row: Primitive) -> Iterator[tuple[str, list[Point]]]:
    """Points of three seeds, at up to six of the row's samples."""
    found = zip(*(points(row, seed=seed) for seed in range(3)), strict=True)
    for same in itertools.islice(found, 6):
        yield same[0][0], [p for _, p in same]


def check_batched(row: Primitive) -> None:
    """vmap of value, jvp, vjp and jvp of vjp equals a loop, operands batched or shared."""
    for where, several in _several(row):
        p = several[0]
        count = len(p.args)
        for mapped in {tuple(range(count)), (0,), (count - 1,)}:
            axes = tuple(0 if i in mapped else None for i in range(count))
            args = [
                np.stack([q.args[i] for q in several]) if i in mapped else p.args[i]
                for i in range(count)
            ]
            ts = [np.stack(t) for t in zip(*(q.tangents for q in several), strict=True)]
            us = np.stack([q.cotangent for q in several])
            for what, f in _derivatives(p).items():
                each = [
                    f([a[k] if i in mapped else a for i, a in enumerate(args)], [t[k] for t in ts],
                      us[k]) for k in range(3)
                ]  # fmt: skip
                want = [np.stack(column) for column in zip(*each, strict=True)]
                got = tg.vmap(f, (list(axes), 0, 0))(args, ts, us)
                close(
                    got, want, 1e-11, 1e-11, f"{where}, operands {mapped} batched, vmap of {what}"
                )


def check_replayed(row: Primitive) -> None:
    """jit of value, jvp, vjp and jvp of vjp equals what is recorded, at other values too."""
    for where, several in _several(row):
        for what, f in _derivatives(several[0]).items():
            jitted = tg.jit(f)
            for p in (*several, several[0]):
                args = (list(p.args), list(p.tangents), p.cotangent)
                with np.errstate(all="ignore"):
                    got, want = jitted(*args), f(*args)
                for a, b in zip(got, want, strict=True):
                    assert np.asarray(a).dtype == np.asarray(b).dtype, f"{where}, {what}"
                close(got, want, 1e-11, 1e-11, f"{where}, jit of {what}")


def check_long_way(row: Primitive) -> None:
    """The gradient of a real loss: df/dx - i df/dy, by differences of each part."""
    for where, p in itertools.islice(points(row), 2):
        weights = p.cotangent

        def loss(*xs: Any, p: Point = p, weights: Any = weights) -> Any:
            return np.sum(np.real(p.f(*xs) * weights))

        found = tg.grad(loss, argnums=tuple(range(len(p.xs))))(*p.xs)
        for i, (g, x) in enumerate(zip(found, p.xs, strict=True)):
            for place in itertools.islice(np.ndindex(x.shape), 3):
                unit = np.zeros(x.shape, x.dtype)
                unit[place] = 1
                parts = [unit, 1j * unit] if x.dtype.kind == "c" else [unit]
                slopes = [
                    differences(
                        lambda z, i=i, p=p: inner(
                            p.expected(*p.xs[:i], z, *p.xs[i + 1 :]), weights
                        ),
                        (x,),
                        (part,),
                    )
                    for part in parts
                ]
                want = slopes[0] - 1j * slopes[1] if len(slopes) > 1 else slopes[0]
                close(g[place], want, 1e-7, 1e-7, f"{where}, gradient in operand {i} at {place}")


CHECKS: dict[str, Callable[[Primitive], None]] = {
    "value": check_value,
    "forward": check_forward,
    "transpose": check_transpose,
    "second order": check_second_order,
    "gradient": check_long_way,
    "batched": check_batched,
    "replayed": check_replayed,
}


def applies(check: str, row: Primitive) -> bool:
    """Zero rows have values alone, which the sweeps do not look at."""
    if (row.name, check) in EXEMPT:
        return False
    return row.kind != "zero" or check in ("value", "batched", "replayed")


def run(check: str, row: Primitive) -> None:
    """Run one check; any error counts as a failure."""
    try:
        CHECKS[check](joined(row))
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{row.name}, {check}: {type(error).__name__}: {error}") from error
