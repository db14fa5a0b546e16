"""NumPy's protocols on tensors: templates, ``out=``, ufunc methods, mixed operands.

That every function is right or refused is the walk's to show: tests/numpy/test_supported.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg

V = np.array([0.31, 0.77, 0.52, 0.68])
M = np.array([[1.41, 0.33, 0.62], [0.27, 1.73, 0.44], [0.57, 0.36, 1.58]])


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like", "full_like"])
def test_templates_give_plain_arrays(name: str) -> None:
    """Arrays made after a template's shape and type hold no derivative."""
    args = (1.5,) if name == "full_like" else ()
    for x in (V, M.astype(np.float32)):
        made = getattr(np, name)(tg.tensor(x, requires_grad=True), *args)
        assert type(made) is np.ndarray
        assert made.shape == x.shape
        assert made.dtype == x.dtype


def test_full_like_refuses_to_swallow_a_recorded_number() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    with pytest.raises(TypeError, match=r"recorded|full_like|copyto"):
        np.full_like(V, x)
    with pytest.raises(TypeError, match=r"recorded|full|copyto"):
        np.full(4, x)


def test_out_is_refused_by_name() -> None:
    x = tg.tensor(V, requires_grad=True)
    for call in (
        lambda: np.add(x, 1.0, out=np.zeros(4)),
        lambda: np.add(x, 1.0, np.zeros(4)),
        lambda: np.sum(x, out=np.zeros(())),
    ):
        with pytest.raises(tg.NonDifferentiableError, match=r"numpy\.(add|sum)"):
            call()
    total = np.zeros(4)
    with pytest.raises(tg.NonDifferentiableError, match=r"numpy\.add"):
        total += x
    np.testing.assert_array_equal(total, 0)


@pytest.mark.parametrize(
    ("call", "value", "slope"),
    [
        (lambda x: np.add.reduce(x), V.sum(), np.ones(4)),
        (lambda x: np.multiply.reduce(x), V.prod(), V.prod() / V),
        (lambda x: np.maximum.reduce(x), V.max(), (V.max() == V) * 1.0),
        (lambda x: np.minimum.reduce(x), V.min(), (V.min() == V) * 1.0),
        (lambda x: np.add.accumulate(x).sum(), V.cumsum().sum(), np.arange(4, 0, -1.0)),
    ],
)
def test_ufunc_methods(call: Any, value: Any, slope: Any) -> None:
    y, g = tg.value_and_grad(call)(V)
    np.testing.assert_allclose(y, value)
    np.testing.assert_allclose(g, slope)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.subtract.reduce(x),
        lambda x: np.add.reduceat(x, [0, 2]),
        lambda x: np.multiply.outer(x, x),
        lambda x: np.add.at(np.zeros(4), [0], x[0]),
        lambda x: np.add(x, 1.0, where=np.array([True, False, True, True])),
        lambda x: np.add(x, 1.0, dtype=np.float32),
    ],
)
def test_ufunc_forms_without_a_derivative_are_refused(call: Any) -> None:
    with pytest.raises(TypeError, match=r"numpy\.(subtract|add|multiply)"):
        call(tg.tensor(V, requires_grad=True))


def test_a_ufunc_reduces_the_first_axis_as_in_numpy() -> None:
    x = tg.tensor(M, requires_grad=True)
    np.testing.assert_allclose(np.add.reduce(x).numpy(), M.sum(0))


def test_arrays_and_scalars_on_the_left_give_tensors() -> None:
    x = tg.tensor(V, requires_grad=True)
    for left in (V, V.astype(np.float32), np.float64(2), np.float32(2), np.int64(2), 2, V.tolist()):
        for y in (left * x, left + x, left - x, left / x):
            assert isinstance(y, tg.Tensor)
            assert y.requires_grad
    assert isinstance(M @ tg.tensor(M, requires_grad=True), tg.Tensor)


def test_an_array_of_tensors_is_refused_or_recorded() -> None:
    """``np.array([x, y])`` would drop both gradients; the namespace's own ``array`` stacks."""
    f = lambda module: lambda x: module.array([x[0], x[1] * x[0]]).sum()
    with pytest.raises(tg.NonDifferentiableError):
        tg.grad(f(np))(V)
    np.testing.assert_allclose(tg.grad(f(tg.numpy))(V), [1 + V[1], V[0], 0, 0])
