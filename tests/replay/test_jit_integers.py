"""Integers and booleans under jit and vmap have NumPy's values and types; they replay on others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg

TYPES = [np.bool, np.int8, np.int64, np.uint8, np.uint32]
FUNCTIONS: dict[str, Any] = {
    "max with initial": lambda x: np.max(x, initial=1),
    "nanmax": np.nanmax,
    "nanmin along": lambda x: np.nanmin(x, 0),
    "nansum": np.nansum,
    "nancumsum": np.nancumsum,
    "nancumprod": np.nancumprod,
    "nanmedian": np.nanmedian,
    "convolve": lambda x: np.convolve(x[0], x[1]),
    "copy": np.copy,
    "conj": np.conj,
    "diff": np.diff,
    "fabs": np.fabs,
    "frexp": np.frexp,
    "modf": np.modf,
    "mean": np.mean,
    "var": np.var,
    "prod": np.prod,
    "dot": lambda x: np.dot(x, x.T),
    "einsum": lambda x: np.einsum("ij,kj", x, x),
    "inner": lambda x: np.inner(x, x),
    "ptp": lambda x: np.max(x) - np.min(x) if x.dtype == bool else np.ptp(x),
    "trapezoid": np.trapezoid,
    "trapezoid with a step": lambda x: np.trapezoid(x, dx=0.5),
    "unwrap with a period": lambda x: np.unwrap(x, period=2.7),
    "unwrap": np.unwrap,
    "average": lambda x: np.average(x, axis=1),
    "percentile": lambda x: np.percentile(x, 30),
    "norm": np.linalg.norm,
    "nan_to_num": np.nan_to_num,
    "interp": lambda x: np.interp(x, [0, 300], [5, 8]),
    "cov": np.cov,
    "polyval": lambda x: np.polyval([1, 2, 3], x),
}


def _samples(dtype: Any) -> list[Any]:
    first = np.array([[7, 0, 100, 3], [1, 120, 5, 5], [1, 1, 0, 90]])
    second = np.array([[0, 0, 1, 2], [88, 90, 2, 1], [3, 0, 0, 127]])
    return [x.astype(dtype) for x in (first, second)]


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: np.dtype(t).name)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpys_values_in_numpys_types(name: str, dtype: Any) -> None:
    f = FUNCTIONS[name]
    first, second = _samples(dtype)
    try:
        f(first), f(second)
    except TypeError:
        pytest.skip("NumPy refuses")
    jitted = tg.jit(f)
    for x in (first, second, first):  # recorded at the first, replayed on the others
        _assert_same(jitted(x), f(x))


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: np.dtype(t).name)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_same_of_each_example_of_a_vmap(name: str, dtype: Any) -> None:
    f = FUNCTIONS[name]
    examples = _samples(dtype)
    try:
        each = [_parts(f(x)) for x in examples]
    except TypeError:
        pytest.skip("NumPy refuses")
    want = tuple(map(np.stack, zip(*each, strict=True)))
    x = np.stack(examples)
    _assert_same(tg.vmap(f)(x), want)
    mapped = tg.jit(tg.vmap(f))
    _assert_same(mapped(x[::-1]), tuple(w[::-1] for w in want))
    _assert_same(mapped(x), want)
    twice = tg.vmap(tg.vmap(f), in_axes=1)(x[:, None])
    _assert_same(twice, tuple(w[None] for w in want))


def _parts(y: Any) -> tuple[Any, ...]:
    return y if isinstance(y, tuple) else (y,)


def _assert_same(got: Any, want: Any) -> None:
    for g, w in zip(_parts(got), _parts(want), strict=True):
        g = np.asarray(g)
        assert g.dtype == w.dtype
        np.testing.assert_allclose(g, w, rtol=1e-6 if w.dtype.itemsize < 8 else 1e-13)


def test_what_depends_on_values_is_refused_still() -> None:
    for f in (np.unique, np.nonzero, lambda x: np.trim_zeros(x[0])):
        with pytest.raises(TypeError):
            tg.jit(f)(np.arange(6).reshape(2, 3))


def test_what_is_made_of_integers_is_a_constant_of_differentiation() -> None:
    counts = np.array([[1, 2], [3, 4]], np.int8)
    f = lambda n, w: (np.mean(np.diff(n, axis=0)) * np.unwrap(n)[0] * w**2).sum()
    w = np.array([0.5, 2.0])
    want = np.mean(np.diff(counts, axis=0)) * np.unwrap(counts)[0] * 2 * w
    np.testing.assert_allclose(tg.jit(tg.grad(f, argnums=1))(counts, w), want)
    product = tg.jit(lambda n, w, v: tg.hvp(lambda w: f(n, w), w, v))(counts, w, np.ones(2))
    np.testing.assert_allclose(product, want / w)
