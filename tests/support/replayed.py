"""What is replayed must be what is recorded: how the tests of ``jit`` compare the two."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import optree
from comparing import close

import tinygrad_hess as tg
from tinygrad_hess.core.registry import REGISTRY

RNG = np.random.default_rng(0)
X = np.array([0.5, -1.0, 2.0])
Y = np.array([1.5, 0.25, -0.75])
M, N = RNG.normal(size=(2, 4, 3))


def agrees(f: Callable[..., Any], *calls: Any, **options: Any) -> None:
    """Jit ``f``, and compare it with ``f`` itself at each call, going through the calls twice."""
    jitted = tg.jit(f, **options)
    for args in [*calls, *calls]:
        before = [a.copy() for a in args if isinstance(a, np.ndarray)]
        got, want = jitted(*args), f(*args)
        close(got, want, strict=True, what=f"at {args}")
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


def one_nan(x: Any) -> Any:
    """The same bits but for NaNs, which all become the same one.

    Where two of them meet, either may be the result, by their places in NumPy's loop.
    """
    parts = np.array(x, order="C", ndmin=1)
    if parts.dtype.kind in "fc":
        parts = parts.view(np.zeros(0, parts.dtype).real.dtype)
        parts[np.isnan(parts)] = np.nan
    return parts
