"""NumPy's functions on complex arrays: each against differences of NumPy's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from complex_checks import checked

RNG = np.random.default_rng(11)
Z = RNG.uniform(0.4, 1.2, (2, 3)) + 1j * RNG.uniform(0.2, 0.9, (2, 3))
W = RNG.uniform(0.5, 1.5, (2, 3)) - 1j * RNG.uniform(0.2, 0.9, (2, 3))
X = RNG.uniform(0.5, 1.5, (2, 3))
S = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))

UNARY = [
    "absolute", "angle", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "conj",
    "conjugate", "cos", "cosh", "cumprod", "cumsum", "exp", "exp2", "expm1", "fabs_of_abs", "imag",
    "log", "log10", "log1p", "log2", "mean", "negative", "positive", "prod", "ravel", "real",
    "reciprocal", "sign", "sin", "sinh", "sqrt", "square", "std", "sum", "tan", "tanh", "transpose",
    "var", "diff", "flip", "squeeze",
]  # fmt: skip


def _named(name: str) -> Callable[[Any], Any]:
    if name == "fabs_of_abs":
        return lambda z: np.abs(np.abs(z) - 1)
    return getattr(np, name)


@pytest.mark.parametrize("name", UNARY)
def test_function_of_one_array(name: str) -> None:
    checked(_named(name), Z)


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "where": lambda a, b: np.where(np.array([True, False, True]), a, b),
    "matmul": lambda a, b: a @ b.T,
    "dot": lambda a, b: np.dot(a, np.transpose(b)),
    "inner": np.inner,
    "outer": np.outer,
    "vdot": np.vdot,
    "vecdot": np.vecdot,
    "kron": np.kron,
    "cross": np.cross,
    "einsum": lambda a, b: np.einsum("ij,kj->ik", a, b),
    "tensordot": lambda a, b: np.tensordot(a, b, axes=((0, 1), (0, 1))),
    "concatenate": lambda a, b: np.concatenate([a, b], 1),
    "stack": lambda a, b: np.stack([a, b]),
}


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize(
    "kinds", ["both", "first real", pytest.param("second real", marks=pytest.mark.slow)]
)
def test_function_of_two_arrays(name: str, kinds: str) -> None:
    f = BINARY[name]
    checked(f, X if kinds == "first real" else Z, X + 0.1 if kinds == "second real" else W)


ON_AXES: dict[str, Callable[[Any], Any]] = {
    "sum": lambda z: np.sum(z, axis=0, keepdims=True),
    "mean": lambda z: z.mean(axis=1),
    "var": lambda z: np.var(z, axis=1, ddof=1),
    "std": lambda z: np.std(z, axis=0),
    "prod": lambda z: np.prod(z, axis=1),
    "cumsum": lambda z: np.cumsum(z, axis=1),
    "cumprod": lambda z: np.cumprod(z, axis=0),
    "norm": lambda z: np.linalg.norm(z, axis=1),
    "trace": lambda z: np.trace(z[:, :2]),
    "pad": lambda z: np.pad(z, ((1, 0), (0, 2))),
    "roll": lambda z: np.roll(z, 1, 1),
    "repeat": lambda z: np.repeat(z, 2, 1),
    "tile": lambda z: np.tile(z, (2, 1)),
    "index": lambda z: z[:, [0, 0, 2]] * z[1, 1],
    "take": lambda z: np.take(z, [2, 0], 1),
    "tril": lambda z: np.tril(z),
    "diagonal": lambda z: np.diagonal(z),
    "reshape": lambda z: z.reshape(3, 2)[::-1],
    "angle in degrees": lambda z: np.angle(z, deg=True),
    "real and imaginary attributes": lambda z: z.real * z.imag,
    "integer power": lambda z: z**3,
    "negative power": lambda z: z**-2,
    "real power": lambda z: z**0.5,
    "complex power": lambda z: z ** (0.5 + 1j),
    "power of a complex number": lambda z: (1 + 2j) ** z,
    "times i": lambda z: 1j * z + z * (2 - 1j) - (1j - z),
}  # fmt: skip


@pytest.mark.parametrize("name", ON_AXES)
def test_along_axes_and_with_numbers(name: str) -> None:
    checked(ON_AXES[name], Z)


def _from_parts(x: Any, y: Any) -> Any:
    return x + 1j * y


MIXED: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "construction": (_from_parts, (X, X + 1)),
    "real to complex": (lambda x: x.astype(np.result_type(x, np.complex64)) ** 2 * 1j, (X,)),
    "modulus of a construction": (lambda x, y: abs(_from_parts(x, y)), (X, X + 1)),
    "rotation": (lambda x: np.exp(1j * x), (X,)),
    "real part of a product": (lambda x, z: np.real(x * z), (X, Z)),
    "real matrix, complex vector": (lambda x, z: x @ z[0], (X, Z)),
    "sum of real and complex": (lambda x, z: np.sum(x) + z, (X, Z)),
    "broadcast": (lambda x, z: x[0] * z + z[:, :1], (X, Z)),
}


@pytest.mark.parametrize("name", MIXED)
def test_real_and_complex_together(name: str) -> None:
    f, args = MIXED[name]
    checked(f, *args)


def test_assignment() -> None:
    def f(z: Any) -> Any:
        y = z * 1
        y[0, 1] = z[1, 0] * 2j
        y[1] *= z[0]
        return y

    checked(f, Z)


def test_a_complex_value_does_not_fit_real_elements() -> None:
    import tinygrad_hess as tg

    def f(x: Any) -> Any:
        y = x * 1
        y[0] = x[1] * 1j
        return y.sum()

    with pytest.raises(TypeError, match="complex"):
        tg.grad(f)(np.ones(3))
    with pytest.raises(TypeError, match="complex"):
        tg.grad(lambda x: x.at[0].add(1j).sum())(tg.tensor(np.ones(3)))
