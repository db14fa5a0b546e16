"""Trying one function on tensors: is it right, does it carry no derivative, or is it refused?

Each call that NumPy accepts on the raw array must give one of three answers: tensors still on the
tape, with NumPy's value and type and the derivatives that differences give; something that carries
no derivative by nature; or an error that names the function. Never an array of floats that
depends on the operand.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import comparing
import numpy as np
from differencing import differences
from specimens import Call

import tinygrad_hess as tg

close = functools.partial(comparing.close, finite=True)

MODES = ("value", "float32", "jvp", "vjp", "second", "vmap", "jit", "complex")


@dataclass
class Tried:
    """What came of all calls of one function."""

    accepted: int = 0
    refusals: list[str] = field(default_factory=list)
    plain: int = 0
    flat: int = 0
    derived: int = 0
    modes: dict[str, set[bool]] = field(default_factory=dict)

    def note(self, mode: str, right: bool) -> None:
        self.modes.setdefault(mode, set()).add(right)

    @property
    def kind(self) -> str:
        """What the function is, by what its calls showed."""
        if self.derived:
            return "differentiable"
        if self.flat:
            return "piecewise constant"
        if self.plain:
            return "no derivative"
        return "refused" if self.refusals else "not tried"


def parts(x: Any) -> Iterator[Any]:
    """The leaves of nested lists and tuples."""
    if isinstance(x, (list, tuple)):
        for item in x:
            yield from parts(item)
    elif x is not None:
        yield x


def is_floating(x: Any) -> bool:
    return isinstance(x, (float, complex)) or (
        isinstance(x, (np.ndarray, np.generic, tg.Tensor)) and x.dtype.kind in "fc"
    )


def is_refusal(error: Exception, name: str) -> bool:
    """Whether an error says clearly what is not supported."""
    if isinstance(error, (tg.NonDifferentiableError, tg.TracingError)):
        return True
    text = str(error)
    if isinstance(error, np.linalg.LinAlgError) and "no gradient" in text:
        return True
    named = name in text or "asarray" in text
    if isinstance(error, TypeError):
        return named
    return isinstance(error, ValueError) and text.startswith((f"{name}:", f"{name}("))


def try_call(
    tried: Tried, name: str, f: Any, call: Call, x: Any, theirs: Any = None, deep: bool = True
) -> None:
    """One call, in all modes; an AssertionError where an answer is wrong.

    ``theirs`` is what ``f`` is held against, itself on arrays by default. Without ``deep`` only
    value and first derivatives are looked at.
    """
    theirs = theirs or f
    want = accepted(theirs, call, x)
    if want is None:
        return
    tried.accepted += 1
    try:
        got = [*parts(call(f, tg.tensor(x, requires_grad=True)))]
    except (TypeError, ValueError) as error:
        assert is_refusal(error, name), f"{name}: {type(error).__name__}: {error}"
        tried.refusals.append(str(error))
        return
    moved = _floating_parts(got, want, theirs, call, x)
    if not moved:
        tried.plain += 1
        return
    plain = lambda x: [[*parts(call(theirs, x))][i] for i in moved]

    def outputs(x: Any) -> list[Any]:
        found = [*parts(call(f, x))]
        return [found[i] for i in moved]

    tried.note("value", True)
    slopes = _refused(tried, "jvp", name, lambda: _check_first(tried, name, outputs, plain, x))
    if slopes is None:
        tried.refusals.append(f"{name}: its derivative in this operand is refused")
        tried.note("vjp", False)
        return
    if not any(np.any(s) for s in slopes):
        tried.flat += 1
    else:
        tried.derived += 1
    if not deep or any(np.asarray(want[i]).dtype == np.float32 for i in moved):
        return  # a narrow result of wide data: differences of derivatives would be noise
    _check_second(tried, name, outputs, x)
    _check_batched(tried, name, outputs, x)
    _check_replayed(tried, name, outputs, x)
    _check_narrow(tried, name, f, theirs, call, x, moved)


def accepted(f: Any, call: Call, x: Any) -> list[Any] | None:
    """NumPy's answer, None where it refuses or leaves the domain (NaN, infinities)."""
    try:
        with np.errstate(all="ignore"):
            want = [*parts(call(f, x.copy()))]
    except Exception:
        return None
    if not all(np.isfinite(y).all() for y in want if is_floating(y)):
        return None
    return want


def _floating_parts(got: list[Any], want: list[Any], f: Any, call: Call, x: Any) -> list[int]:
    """Which results carry a derivative, after a look at value, type and shape of each."""
    assert len(got) == len(want), f"{len(got)} results instead of {len(want)}"
    moved, still = [], []
    for i, (y, w) in enumerate(zip(got, want, strict=True)):
        if is_floating(y):
            (moved if isinstance(y, tg.Tensor) and y.requires_grad else still).append(i)
        y = y.detach().numpy() if isinstance(y, tg.Tensor) else y
        if isinstance(y, np.ndarray):
            w = np.asarray(w)
            same = y.dtype == w.dtype or y.dtype.kind == w.dtype.kind == "i"
            assert same and y.shape == w.shape, f"{y.dtype}{y.shape}, not {w.dtype}{w.shape}"
            rtol = 1e-5 if w.dtype in (np.float32, np.complex64) else 1e-9
            np.testing.assert_allclose(y, w, rtol=rtol, atol=1e-12)
    for i in still:  # a float that is not on the tape must be a constant
        step = 1e-3 * np.cos(np.arange(x.size)).reshape(x.shape)
        ends = [[*parts(call(f, x + s * step))][i] for s in (1, -1)]
        assert np.array_equal(*ends), f"a {type(got[i]).__name__} of floats lost its gradient"
    return moved


# ---- the modes ----------------------------------------------------------------------------------

Outputs = Callable[[Any], list[Any]]


def _refused(tried: Tried, mode: str, name: str, compute: Callable[[], Any]) -> Any:
    """What ``compute`` gives, or None where a mode is refused in clear words."""
    try:
        return compute()
    except (TypeError, ValueError) as error:
        assert is_refusal(error, name), f"{name}, {mode}: {type(error).__name__}: {error}"
        tried.note(mode, False)
        return None


def _directions(x: Any) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    v, w = rng.normal(size=(2, *x.shape))
    if x.dtype.kind == "c":
        v = v + 1j * rng.normal(size=x.shape)
        w = w + 1j * rng.normal(size=x.shape)
    return v, w


def _cotangents(ts: list[Any]) -> list[Any]:
    rng = np.random.default_rng(1)
    given = []
    for t in ts:
        u = rng.normal(size=np.shape(t))
        given.append(
            (u + 1j * rng.normal(size=np.shape(t)) if t.dtype.kind == "c" else u).astype(t.dtype)
        )
    return given


def _central(f: Outputs, x: Any, v: Any) -> list[Any]:
    """Differences extrapolated to a high order; those of narrow results, wide apart."""
    flat = lambda x: tuple(np.asarray(y) for y in parts(f(x)))
    found = differences(flat, (x,), (v,), step=1e-3)
    return found if isinstance(found, list) else [found]


def _inner(us: Any, vs: Any) -> float:
    return float(sum(np.sum(np.real(u * v)) for u, v in zip(us, vs, strict=True)))


def _check_first(tried: Tried, name: str, f: Outputs, theirs: Outputs, x: Any) -> list[Any]:
    v, _ = _directions(x)
    ys, ts = tg.jvp(f, (x,), (v,))
    single = any(y.dtype in (np.float32, np.complex64) for y in ys)
    with np.errstate(all="ignore"):
        want = _central(theirs, x, v)
    for t, y, d in zip(ts, ys, want, strict=True):
        assert t.dtype == y.dtype, f"{name}: a tangent of type {t.dtype} for {y.dtype}"
        close(t, d, 0.05 if single else 1e-6, 0.05 if single else 1e-6, f"{name}, jvp")
    tried.note("jvp", True)
    us = _cotangents(ts)
    (g,) = tg.vjp(f, x)[1](us)
    assert g.shape == x.shape and g.dtype == x.dtype, f"{name}: a cotangent {g.dtype}{g.shape}"
    size = 1.0 + sum(float(np.sum(np.abs(u * t))) for u, t in zip(us, ts, strict=True))
    gap = abs(_inner([g], [v]) - _inner(us, ts))
    assert gap <= (1e-4 if single else 1e-10) * size, f"{name}, vjp: not the transpose by {gap:.2g}"
    tried.note("vjp", True)
    return ts


def _check_second(tried: Tried, name: str, f: Outputs, x: Any) -> None:
    v, w = _directions(x)

    def gradient(x: Any) -> Any:
        ys, pull = tg.vjp(f, x)
        return pull(_cotangents(ys))[0]

    h = _refused(tried, "second", name, lambda: tg.jvp(gradient, (x,), (v,))[1])
    if h is None:
        return
    with np.errstate(all="ignore"):
        want = _central(lambda x: [gradient(x)], x, v)[0]
    if np.isfinite(want).all():
        close(h, want, 1e-4, 1e-4, f"{name}, second order")
    (turned,) = tg.vjp(gradient, x)[1](w)
    size = 1.0 + float(np.sum(np.abs(h * w)))
    gap = abs(_inner([h], [w]) - _inner([turned], [v]))
    assert gap <= 1e-8 * size, f"{name}, second order: reverse over reverse differs by {gap:.2g}"
    tried.note("second", True)


def _three(x: Any) -> Any:
    """Three operands near ``x``, so that functions of the order of elements stay themselves."""
    return np.stack([x, x * (1 + 1e-3), x * (1 - 1e-3)])


def _gradient(f: Outputs, x: Any) -> Any:
    ys, pull = tg.vjp(f, x)
    return [*ys, *pull([np.full(y.shape, 0.5, y.dtype) for y in ys])]


def _check_batched(tried: Tried, name: str, f: Outputs, x: Any) -> None:
    xs = _three(x)
    got = _refused(tried, "vmap", name, lambda: tg.vmap(lambda x: _gradient(f, x))(xs))
    if got is None:
        return
    each = [_gradient(f, x) for x in xs]
    for i, part in enumerate(got):
        close(
            part, np.stack([e[i] for e in each]), 1e-9, 1e-9, f"{name}, vmap of value and gradient"
        )
    tried.note("vmap", True)


def _check_replayed(tried: Tried, name: str, f: Outputs, x: Any) -> None:
    replayed = tg.jit(lambda x: _gradient(f, x))
    if _refused(tried, "jit", name, lambda: replayed(x)) is None:
        return
    for other in _three(x)[::-1]:
        for a, b in zip(replayed(other), _gradient(f, other), strict=True):
            assert np.asarray(a).dtype == np.asarray(b).dtype
            close(a, b, 1e-9, 1e-9, f"{name}, jit of value and gradient")
    tried.note("jit", True)


def _check_narrow(
    tried: Tried, name: str, f: Any, theirs: Any, call: Call, x: Any, moved: list[int]
) -> None:
    """float32 in, NumPy's type out, and a gradient in float32."""
    x = x.astype(np.float32)
    want = accepted(theirs, call, x)
    if want is None or len(want) <= max(moved):
        return
    y = _refused(tried, "float32", name, lambda: call(f, tg.tensor(x, requires_grad=True)))
    if y is None:
        return
    found = [*parts(y)]
    for i in moved:
        got, w = found[i].detach().numpy(), np.asarray(want[i])
        # NumPy widens beside a Python number here and there; float32 stays float32 then
        assert got.dtype in (w.dtype, np.float32, np.complex64), f"{name}: {got.dtype} of float32"
        close(got, w, 2e-4, 2e-4, f"{name}, float32 value")
    pick = lambda x: [[*parts(call(f, x))][i] for i in moved]
    close(
        _gradient(pick, x)[-1], _gradient(pick, x.astype(float))[-1], 5e-3, 5e-3, f"{name}, float32"
    )
    tried.note("float32", True)


def try_complex(tried: Tried, name: str, f: Any, call: Call, x: Any, theirs: Any = None) -> None:
    """The same call on complex numbers, where NumPy takes them: value, jvp and vjp."""
    z = x * np.exp(0.4j * np.cos(np.arange(x.size)).reshape(x.shape))
    theirs = theirs or f
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = accepted(theirs, call, z)
    if want is None or not any(is_floating(y) for y in want):
        return

    try:
        got = [*parts(call(f, tg.tensor(z, requires_grad=True)))]
    except (TypeError, ValueError) as error:
        assert is_refusal(error, name), f"{name}, complex: {type(error).__name__}: {error}"
        if _accepts(f, call, x):  # the form itself is not refused
            tried.note("complex", False)
        return

    def compute() -> Any:
        moved = _floating_parts(got, want, theirs, call, z)
        if moved:
            ours = lambda z: [[*parts(call(f, z))][i] for i in moved]
            plain = lambda z: [[*parts(call(theirs, z))][i] for i in moved]
            slopes = _check_first(Tried(), name, ours, plain, z)
            tried.derived += any(np.any(s) for s in slopes)
        return moved

    if _refused(tried, "complex", name, compute):
        tried.note("complex", True)


def _accepts(f: Any, call: Call, x: Any) -> bool:
    try:
        call(f, tg.tensor(x, requires_grad=True))
    except (TypeError, ValueError):
        return False
    return True
