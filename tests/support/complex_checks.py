"""What a function of complex arrays must satisfy, written with plain NumPy calls.

On arrays such a function is NumPy's own; on tensors it is the library's. So differences of the one
check the derivatives of the other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import comparing
import numpy as np
from complex_battery import inner
from differencing import differences

import tinygrad_hess as tg

close = functools.partial(comparing.close, finite=True)


def random_like(x: Any, rng: np.random.Generator) -> Any:
    """A direction: complex where ``x`` is."""
    drawn = rng.normal(size=np.shape(x))
    if np.iscomplexobj(x):
        drawn = drawn + 1j * rng.normal(size=np.shape(x))
    return np.asarray(drawn, np.result_type(x))


def checked(f: Callable[..., Any], *xs: Any, rtol: float = 1e-8, second: bool = True) -> None:
    """Value, jvp, vjp, Hessian-vector product, vmap, jit, checkpoint and single precision."""
    rng = np.random.default_rng(3)
    ts = tuple(random_like(x, rng) for x in xs)
    want = np.asarray(f(*xs))
    y, t = tg.jvp(f, xs, ts)
    assert y.dtype == want.dtype, f"{y.dtype}, NumPy has {want.dtype}"
    close(y, want, 1e-12, 1e-12, "value")
    step = 1e-3 if rtol > 1e-8 else 1e-2
    close(t, differences(f, xs, ts, step), rtol, rtol, "jvp")

    u = random_like(want, rng)
    pulled = tg.vjp(f, *xs)[1](u)
    for c, x in zip(pulled, xs, strict=True):
        assert c.dtype == np.result_type(x), f"a cotangent {c.dtype} for {np.result_type(x)}"
    left, right = inner(u, t), inner(pulled, ts)
    size = max(1.0, float(np.sum(np.abs(u * t))))
    assert abs(left - right) <= 1e-11 * size, f"<u, Jv> {left}, <J'u, v> {right}"

    def loss(*xs: Any) -> Any:
        return (np.real(f(*xs) * u) ** 2).sum() + np.real(f(*xs) * u).sum()

    which = tuple(range(len(xs)))
    slope = tg.grad(loss, which)
    if second:
        along = tg.jvp(lambda *xs: slope(*xs), xs, ts)[1]
        expected = differences(lambda *xs: slope(*xs), xs, ts, step)
        expected = expected if isinstance(expected, list) else [expected]
        close(
            along,
            expected,
            max(rtol * 100, 1e-6),
            max(rtol * 100, 1e-6),
            "derivative of the gradient",
        )
        if len(xs) == 1:
            close(tg.hvp(loss, xs[0], ts[0]), along[0], 1e-11, 1e-11, "hvp")
            replayed = tg.jit(lambda x, t: tg.hvp(loss, x, t))
            for _ in range(2):
                close(replayed(xs[0], ts[0]), along[0], 1e-10, 1e-10, "jit of hvp")
    close(tg.jit(slope)(*xs), slope(*xs), 1e-11, 1e-11, "jit of the gradient")
    close(tg.jit(f)(*xs), want, 1e-11, 1e-11, "jit")
    close(tg.grad(tg.checkpoint(loss), which)(*xs), slope(*xs), 1e-11, 1e-11, "checkpoint")
    stacks = [np.stack([x, x]) for x in xs]
    close(tg.vmap(f)(*stacks), np.stack([want, want]), 1e-11, 1e-11, "vmap")
    close(
        tg.vmap(slope)(*stacks),
        [np.stack([g, g]) for g in slope(*xs)],
        1e-10,
        1e-10,
        "vmap of gradient",
    )
    narrow = [np.asarray(x, np.complex64 if np.iscomplexobj(x) else np.float32) for x in xs]
    single = tg.jvp(f, narrow, tuple(map(random_like, narrow, [rng] * len(narrow))))
    for found in single:
        assert found.dtype == f(*narrow).dtype, f"single precision became {found.dtype}"
    for c, x in zip(tg.vjp(f, *narrow)[1](np.ones_like(f(*narrow))), narrow, strict=True):
        assert c.dtype == x.dtype, f"a cotangent {c.dtype} for {x.dtype}"
