"""What is replayed must be what is recorded: how the tests of ``jit`` compare the two."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import optree

import tinygrad_hess as tg
from tinygrad_hess.core.registry import REGISTRY

RNG = np.random.default_rng(0)
X = np.array([0.5, -1.0, 2.0])
Y = np.array([1.5, 0.25, -0.75])
M, N = RNG.normal(size=(2, 4, 3))


def same(got: Any, want: Any, what: str = "", ulps: float = 32) -> None:
    """Two trees of equal structure, types, shapes and dtypes, and values to the last few ulps.

    Rounding is measured against the largest number of an array: sums may run in another order.
    An array without axes counts as the scalar that a transform gives in its place.
    """
    found, spec = optree.tree_flatten(got)
    expected, other = optree.tree_flatten(want)
    assert spec == other, f"{what}: {spec}, expected {other}"
    for x, y in zip(found, expected, strict=True):
        a, b = _scalar_if_no_axes(x), _scalar_if_no_axes(y)
        assert type(a) is type(b), f"{what}: a {type(a)}, expected a {type(b)}"
        if isinstance(a, tg.Tensor):
            a, b = a.numpy(), b.numpy()
        if not isinstance(a, (np.ndarray, np.generic)):
            assert a == b, f"{what}: {a!r}, expected {b!r}"
            continue
        assert (a.shape, a.dtype) == (b.shape, b.dtype), (
            f"{what}: {a.dtype}{a.shape}, expected {b.dtype}{b.shape}"
        )
        if a.dtype.kind not in "fc":
            assert np.array_equal(a, b), f"{what}: {a}, expected {b}"
            continue
        finite = np.abs(b[np.isfinite(b)])
        room = ulps * np.finfo(b.dtype).eps * float(np.max(finite, initial=0.0))
        _near(a, b, room, what)


def _near(a: Any, b: Any, room: float, what: str) -> None:
    np.testing.assert_allclose(a, b, rtol=0, atol=room, err_msg=what)


def _scalar_if_no_axes(x: Any) -> Any:
    return x[()] if isinstance(x, np.ndarray) and x.ndim == 0 else x


def agrees(f: Callable[..., Any], *calls: Any, **options: Any) -> None:
    """Jit ``f``, and compare it with ``f`` itself at each call, going through the calls twice."""
    jitted = tg.jit(f, **options)
    for args in [*calls, *calls]:
        before = [a.copy() for a in args if isinstance(a, np.ndarray)]
        got, want = jitted(*args), f(*args)
        same(got, want, f"at {args}")
        after = [a for a in args if isinstance(a, np.ndarray)]
        assert all(map(functools.partial(np.array_equal, equal_nan=True), before, after)), (
            "an input was written to"
        )


@contextmanager
def declared(*names: str) -> Iterator[None]:
    """Forget primitives that a test declares."""
    try:
        yield
    finally:
        for name in names:
            REGISTRY.pop(name, None)


def _strided(x: Any) -> Any:
    """The same values, neither contiguous nor writeable."""
    wide = np.zeros((*x.shape, 2), x.dtype)
    wide[..., 0] = x
    view = wide[..., 0]
    view.flags.writeable = False
    return view


LAYOUTS: tuple[Callable[[Any], Any], ...] = (
    lambda x: x,
    np.asfortranarray,
    _strided,
    lambda x: np.flip(np.flip(x).copy()),
)


def laid_out(args: Any, layout: Callable[[Any], Any]) -> list[Any]:
    return [layout(a) if isinstance(a, np.ndarray) and a.ndim else a for a in args]


W = np.array([3.0, 1.0, 2.0])


def arrays(tree: Any) -> list[Any]:
    return [x for x in optree.tree_leaves(tree) if isinstance(x, np.ndarray)]
