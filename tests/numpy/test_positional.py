"""Arguments by position mean what NumPy's and SciPy's mean, ``out`` and ``overwrite`` among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy

import tinygrad_hess as tg
import tinygrad_hess.numpy as tnp
from tinygrad_hess.core import trees

X = np.array([[1.5, -0.5, 2.5], [0.25, 3.0, -1.0]])
SQUARE = np.array([[2.0, 0.5], [0.5, 1.5]])
BANDS = np.array([[0.0, 0.5, 0.25], [2.0, 1.5, 3.0]])

CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "sum": lambda np, linalg, x: np.sum(x, 0, None, None, True),
    "prod": lambda np, linalg, x: np.prod(x, 1, None, None, True, 2.0),
    "mean": lambda np, linalg, x: np.mean(x, 0, None, None, True),
    "std": lambda np, linalg, x: np.std(x, 0, None, None, 1, True),
    "var": lambda np, linalg, x: np.var(x, 1, None, None, 1),
    "max": lambda np, linalg, x: np.max(x, 0, None, True),
    "min": lambda np, linalg, x: np.min(x, 0, None, True, -5.0),
    "ptp": lambda np, linalg, x: np.ptp(x, 0, None, True),
    "argmax": lambda np, linalg, x: np.argmax(x, 0, None),
    "any": lambda np, linalg, x: np.any(x, 0, None, True),
    "nansum": lambda np, linalg, x: np.nansum(x, 0, None, None, True),
    "nanmax": lambda np, linalg, x: np.nanmax(x, 0, None, True),
    "nanstd": lambda np, linalg, x: np.nanstd(x, 0, None, None, 1, True),
    "median": lambda np, linalg, x: np.median(x, 0, None, False, True),
    "quantile": lambda np, linalg, x: np.quantile(x, 0.3, 0, None, False, "lower"),
    "cumsum": lambda np, linalg, x: np.cumsum(x, 0, None, None),
    "cholesky_banded": lambda np, linalg, x: linalg.cholesky_banded(x[:2] * 0 + BANDS, False),
}


def same(got: Any, want: Any) -> None:
    found = [y.detach().numpy() if isinstance(y, tg.Tensor) else y for y in trees.leaves(got)]
    for y, w in zip(found, trees.leaves(want), strict=True):
        assert np.shape(y) == np.shape(w)
        np.testing.assert_allclose(y, w, rtol=1e-14)


@pytest.mark.parametrize("name", CALLS)
def test_by_position(name: str) -> None:
    """Of arrays, constants, what is recorded, mapped and replayed."""
    call = CALLS[name]
    want = call(np, scipy.linalg, X)
    ours = lambda x: call(tnp, tg.scipy.linalg, x)
    same(ours(X), want)
    same(ours(tg.tensor(X)), want)
    same(ours(tg.tensor(X, requires_grad=True)), want)
    same(tg.jit(ours)(X), want)
    same([y[1] for y in trees.leaves(tg.vmap(ours)(np.stack([X + 1, X])))], [want])


def test_an_option_of_scipys_that_means_nothing_here() -> None:
    """The second argument is ``overwrite_ab``, not ``lower``."""
    got = tg.scipy.linalg.cholesky_banded(BANDS, True)
    same(got, scipy.linalg.cholesky_banded(BANDS))


def test_twice_is_an_error() -> None:
    with pytest.raises(TypeError, match="sum: got several values for keepdims"):
        tnp.sum(X, 0, None, None, True, keepdims=True)


@pytest.mark.parametrize("f", [tnp.argmax, tnp.argmin, tnp.nanargmax, tnp.nanargmin])
@pytest.mark.parametrize("keepdims", [True, np.True_, 1, False])
def test_positions_in_the_flattened_array_keep_all_axes(f: Any, keepdims: Any) -> None:
    want = getattr(np, f.__name__)(X, keepdims=bool(keepdims))
    call = lambda x: f(x, keepdims=keepdims)
    same(call(X), want)
    same(call(tg.tensor(X, requires_grad=True)), want)
    same(tg.jit(call)(X), want)
    same(tg.vmap(call)(np.stack([X, -X]))[0], want)


NOT_NUMBERS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "integers beyond all of NumPy's": (lambda: tnp.angle(10**400), TypeError, r"angle\(int\): no"),
    "of a smooth function": (lambda: tnp.sinc(-(2**70)), TypeError, r"sinc\(int.*: no array"),
    "a length": (lambda: tnp.reshape(np.ones(0), -(2**70)), ValueError, "reshape: an array of"),
    "a flag": (lambda: tnp.max(X, keepdims=10**400), TypeError, "max: keepdims must be True or"),
    "weights": (
        lambda: tnp.average(X[0], weights=np.zeros(3)),
        ZeroDivisionError,
        r"average\(float64\(3,\), weights=.*: Weights sum to zero",
    ),
    "a dict of what is traced": (
        lambda: tg.jit(lambda x: tg.ops.ravel({"a": x}))(1.0),
        TypeError,
        "a dict that holds tensors is no array. Give its tensors",
    ),
    "objects under vmap": (
        lambda: tg.vmap(lambda x: tnp.linalg.matmul(x, np.array([1.0, 2.0, 3.0], object)))(X),
        TypeError,
        r"matmul\(.*is not combined with an array of objects",
    ),
    "a vector of bands": (
        lambda: tg.grad(lambda x: tg.scipy.linalg.cholesky_banded(x).sum())(X[0]),
        ValueError,
        r"cholesky_banded: ab must have the shape \(u \+ 1, n\), got \(3,\)",
    ),
}


@pytest.mark.parametrize("case", NOT_NUMBERS)
def test_what_is_no_number_is_refused_by_name(case: str) -> None:
    call, kind, said = NOT_NUMBERS[case]
    with pytest.raises(kind, match=said):
        call()
