"""How tests compare: ``close``, to a tolerance, and ``same``, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import optree

import tinygrad_hess as tg


def close(
    got: Any,
    want: Any,
    rtol: float | None = None,
    atol: float = 0.0,
    what: str = "",
    *,
    ulps: float = 32,
    elementwise: bool = False,
    strict: bool = False,
    finite: bool = False,
) -> None:
    """Equal shapes, and values to ``rtol`` times the magnitude of the reference ``want``.

    The magnitude is that of the largest finite element: others may be sums that cancel. NaN equals
    NaN, infinities equal themselves, and integers and booleans of the reference are met exactly.
    If ``got`` is a tree, ``want`` is one of the same structure, lists and tuples alike. Otherwise it
    is anything that NumPy makes an array of.

    Parameters
    ----------
    rtol : float, optional
        Otherwise ``ulps`` units in the last place of the type of ``want``.
    atol : float
        An absolute error that is allowed in any case.
    what : str
        What is compared, for the message.
    elementwise : bool
        Each element by its own magnitude.
    strict : bool
        Equal structure, types of leaves and dtypes, too. An array without axes counts as a NumPy
        scalar; what is no array is met exactly.
    finite : bool
        NaN and infinities of the reference fail.
    """
    for path, a, b in _leaves(got, want, what, strict):
        if b.dtype.kind not in "fc":
            assert np.array_equal(a, b), f"{path}: {a}, expected {b}"
            continue
        numbers = np.isfinite(b)
        assert numbers.all() or not finite, f"{path}: the reference is not finite: {b}"
        relative = ulps * float(np.finfo(b.dtype).eps) if rtol is None else rtol
        with np.errstate(invalid="ignore", over="ignore"):
            size = np.abs(np.where(numbers, b, 0))
            size = size if elementwise else size.max(initial=0.0)
            allowed = np.broadcast_to(np.maximum(atol, relative * size), b.shape)
            off = np.abs(a - b)
        equal = np.where(numbers, off <= allowed, (a == b) | (np.isnan(a) & np.isnan(b)))
        assert equal.all(), (
            f"{path}: {np.sum(~equal)} of {equal.size} elements differ, by up to "
            f"{np.max(off[~equal]):.3g} (allowed {np.max(allowed[~equal]):.3g})\n"
            f"{a}\nexpected\n{b}"
        )


def same(got: Any, want: Any, what: str = "") -> None:
    """Trees of equal structure, types, dtypes, shapes and bits.

    Zeros have equal signs. NaN equals NaN, whichever it is.
    """
    for path, a, b in _leaves(got, want, what, strict=True):
        equal = np.array_equal(a, b, equal_nan=b.dtype.kind in "fc")
        for part in (np.real, np.imag) if b.dtype.kind == "c" else (np.real,):
            if equal and b.dtype.kind in "fc":
                signs = (np.signbit(np.where(np.isnan(x), 0, part(x))) for x in (a, b))
                equal = np.array_equal(*signs)
        assert equal, f"{path}: {a}, expected {b}"


def _leaves(got: Any, want: Any, what: str, strict: bool) -> list[tuple[str, Any, Any]]:
    """Names of the leaves, and the two arrays of each, which are equal in shape (and dtype)."""
    if strict or not optree.tree_is_leaf(got):
        if not strict:
            got, want = _tuples_as_lists(got), _tuples_as_lists(want)
        found, structure = optree.tree_flatten(got)
        expected, other = optree.tree_flatten(want)
        assert structure == other, f"{what}: {structure}, expected {other}"
    else:
        found, expected = [got], [want]
    leaves = []
    for i, (x, y) in enumerate(zip(found, expected, strict=True)):
        path = f"{what}, part {i}" if len(expected) > 1 else what
        if strict and not isinstance(y, (np.ndarray, np.generic, tg.Tensor)):
            assert type(x) is type(y) and x == y, f"{path}: {x!r}, expected {y!r}"
            continue
        a, b = (_array(z) for z in (x, y))
        assert a.shape == b.shape, f"{path}: shape {a.shape}, expected {b.shape}"
        if strict:
            kinds = _kind(x), _kind(y)
            assert kinds[0] is kinds[1], f"{path}: a {kinds[0]}, expected a {kinds[1]}"
            assert a.dtype == b.dtype, f"{path}: {a.dtype}, expected {b.dtype}"
        leaves.append((path, a, b))
    return leaves


def _tuples_as_lists(tree: Any) -> Any:
    if isinstance(tree, (list, tuple)):
        return [_tuples_as_lists(item) for item in tree]
    if isinstance(tree, dict):
        return {key: _tuples_as_lists(item) for key, item in tree.items()}
    return tree


def _array(x: Any) -> Any:
    return x.detach().numpy() if isinstance(x, tg.Tensor) else np.asarray(x)


def _kind(x: Any) -> type:
    return type(x[()]) if isinstance(x, np.ndarray) and x.ndim == 0 else type(x)
