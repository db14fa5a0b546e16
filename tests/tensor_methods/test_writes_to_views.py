"""A write into what a function gives does to a tensor what it does to an array, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg

X = np.arange(1.0, 13.0).reshape(3, 4)

VIEWS: dict[str, Callable[[Any], Any]] = {
    "T": lambda y: y.T,
    "mT": lambda y: y.mT,
    "T.T": lambda y: y.T.T,
    "transpose": np.transpose,
    "permute_dims": lambda y: np.permute_dims(y, (1, 0)),
    "matrix_transpose": np.linalg.matrix_transpose,
    "swapaxes": lambda y: np.swapaxes(y, 0, 1),
    "moveaxis": lambda y: np.moveaxis(y, 0, 1),
    "rollaxis": lambda y: np.rollaxis(y, 1),
    "squeeze": lambda y: np.squeeze(y[:, :1]),
    "expand_dims": lambda y: np.expand_dims(y, 0),
    "atleast_1d": np.atleast_1d,
    "atleast_3d": np.atleast_3d,
    "ravel": np.ravel,
    "ravel of T": lambda y: y.T.ravel(),
    "reshape": lambda y: np.reshape(y, (4, 3)),
    "reshape of T": lambda y: y.T.reshape(2, 6),
    "reshape of a row": lambda y: y[1].reshape(2, 2).T,
    "flat": lambda y: y.flat,
    "flip": np.flip,
    "fliplr": np.fliplr,
    "flipud": np.flipud,
    "rot90": np.rot90,
    "split": lambda y: np.split(y, 2, 1)[0],
    "hsplit": lambda y: np.hsplit(y, 2)[1],
    "vsplit": lambda y: np.vsplit(y, 3)[1],
    "dsplit": lambda y: np.dsplit(y[None], 2)[0],
    "array_split": lambda y: np.array_split(y, 2)[0],
    "unstack": lambda y: np.unstack(y, axis=1)[1],
    "iteration": lambda y: list(y)[1],
    "slices": lambda y: y[1:, ::2],
    "None in a key": lambda y: y[None, ..., 1],
    "real of real": np.real,
}
COPIES: dict[str, Callable[[Any], Any]] = {
    "flatten": lambda y: y.flatten(),
    "copy": np.copy,
    "tile": lambda y: np.tile(y, 1),
    "block": np.block,
    "concatenate": lambda y: np.concatenate([y]),
    "positive": np.positive,
    "conj": np.conj,
    "clip": lambda y: np.clip(y, 0, 99),
    "roll": lambda y: np.roll(y, 0),
    "take": lambda y: np.take(y, [0], 0),
    "delete": lambda y: np.delete(y, 0, 0),
    "nan_to_num": np.nan_to_num,
}
READ_ONLY: dict[str, Callable[[Any], Any]] = {
    "broadcast_to": lambda y: np.broadcast_to(y, (2, 3, 4)),
    "broadcast_arrays": lambda y: np.broadcast_arrays(y, np.ones((2, 3, 4)))[0],
    "meshgrid": lambda y: np.meshgrid(y[0], y[1], copy=False)[0],
    "real": lambda y: np.real(y * 1j),
    "imag": lambda y: np.imag(y * 1j),
    ".real": lambda y: (y * 1j).real,
}
"""NumPy refuses to write to some of these, and others it deprecates."""


def _write(get: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        y = x * 1
        get(y)[...] = 0
        return (y**2).sum()

    return f


def _no_grad(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def g(x: Any) -> Any:
        with tg.no_grad():
            return f(x)

    return g


WAYS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda f: f(tg.tensor(X)),
    "recorded": lambda f: tg.value_and_grad(f)(X)[0],
    "jit": lambda f: tg.jit(f)(X),
    "jit of the gradient": lambda f: tg.jit(tg.value_and_grad(f))(X)[0],
    "no_grad": lambda f: _no_grad(f)(tg.tensor(X)),
    "no_grad in jit": lambda f: tg.jit(_no_grad(f))(X),
    "vmap": lambda f: tg.vmap(f)(X[None])[0],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [*VIEWS, *COPIES])
def test_a_write_does_what_numpy_does(name: str, way: str) -> None:
    f = _write((VIEWS | COPIES)[name])
    assert float(WAYS[way](f)) == f(X)


@pytest.mark.parametrize("name", VIEWS)
def test_no_derivative_flows_from_what_was_overwritten(name: str) -> None:
    f = _write(VIEWS[name])
    overwritten = X.copy()
    VIEWS[name](overwritten)[...] = 0  # of a few, a copy: then nothing is
    np.testing.assert_array_equal(tg.grad(f)(X), 2 * overwritten)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", READ_ONLY)
def test_a_write_to_what_is_read_only_is_refused(name: str, way: str) -> None:
    with pytest.raises(ValueError, match="read-only"):
        WAYS[way](_write(READ_ONLY[name]))


@pytest.mark.parametrize("get", [np.diagonal, np.diag, np.linalg.diagonal, lambda y: y.diagonal()])
@pytest.mark.parametrize("way", WAYS)
def test_a_write_to_a_diagonal_acts(get: Any, way: str) -> None:  # NumPy's is read-only
    want = (X**2).sum() - (np.diagonal(X) ** 2).sum()
    assert float(WAYS[way](_write(get))) == want


def test_nan_to_num_without_a_copy_works_in_place() -> None:
    def f(x: Any) -> Any:
        with np.errstate(divide="ignore"):
            y = x / np.array([1.0, 0.0])
        np.nan_to_num(y, copy=False, posinf=7.0)
        return (y**2).sum()

    value, g = tg.value_and_grad(f)(np.array([3.0, 1.0]))
    assert value == 9 + 49
    assert g[0] == 6
