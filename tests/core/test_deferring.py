"""Operators leave the word to operands of other libraries that ask for it, as NumPy's do."""

from __future__ import annotations

import operator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg

BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.pow, operator.matmul,
]  # fmt: skip
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
IN_PLACE = [operator.iadd, operator.isub, operator.imul, operator.itruediv]


def _answering(**members: Any) -> Any:
    """An object whose operators all answer with their names."""
    names = [f"{r}{f.__name__}" for f in BINARY for r in ("", "r")]
    names += [f.__name__ for f in COMPARISONS]
    answer = lambda name: lambda self, other: name
    methods = {f"__{n}__": answer(n) for n in names}
    return type("Other", (), methods | members)()


OTHERS = {
    "no ufuncs": _answering(__array_ufunc__=None),
    "a higher priority": _answering(__array_priority__=2000),
    "ufuncs on objects": _answering(__array_ufunc__=lambda *args, **kwargs: "ufunc"),
}
TENSORS = {
    "constant": lambda: tg.tensor([1.0, 2.0]),
    "leaf": lambda: tg.tensor([1.0, 2.0], requires_grad=True),
    "recorded": lambda: tg.tensor([1.0, 2.0], requires_grad=True) * 2,
}
_MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}


@pytest.mark.parametrize("kind", TENSORS)
@pytest.mark.parametrize("name", OTHERS)
def test_the_other_operand_answers(name: str, kind: str) -> None:
    x, other = TENSORS[kind](), OTHERS[name]
    for f in BINARY:
        assert f(x, other) == f"r{f.__name__}"
        assert f(other, x) == f.__name__
    for f in COMPARISONS:
        assert f(x, other) == _MIRRORED[f.__name__]
    for f in IN_PLACE:
        assert f(TENSORS[kind](), other) == f"r{f.__name__[1:]}"


def test_an_array_defers_to_a_tensor() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    for out in (np.ones(2) * x, x * np.ones(2), np.float64(2.0) * x):
        assert isinstance(out, tg.Tensor)
        assert out.requires_grad


def test_a_ufunc_leaves_the_word_too() -> None:
    other = OTHERS["ufuncs on objects"]
    assert np.add(tg.tensor([1.0]), other) == "ufunc"


def test_a_lower_priority_is_taken_as_an_array() -> None:
    class Series:
        __array_priority__ = 10

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.array([3.0, 4.0])

    g = tg.grad(lambda x: (x * Series()).sum())(np.ones(2))
    np.testing.assert_array_equal(g, [3.0, 4.0])


@pytest.mark.parametrize("kind", TENSORS)
@pytest.mark.parametrize("f", [operator.add, operator.mul, np.add])
def test_arrays_of_objects_are_refused(kind: str, f: Any) -> None:
    halves = np.array([Fraction(1, 2), Fraction(1, 3)])
    with pytest.raises(TypeError, match="objects"):
        f(TENSORS[kind](), halves)
    with pytest.raises(TypeError, match="objects"):
        f(TENSORS[kind](), Fraction(1, 2))


@pytest.mark.parametrize("copy", [tg.tensor, tg.Tensor])
def test_a_copy_that_would_lose_the_gradient_is_refused(copy: Any) -> None:
    with pytest.raises(tg.NonDifferentiableError, match=r"x\.copy\(\)"):
        tg.grad(lambda x: (copy(x) ** 2).sum())(np.ones(2))
    leaf = tg.tensor([1.0], requires_grad=True)
    with pytest.raises(tg.NonDifferentiableError, match=r"x\.detach\(\)"):
        copy(leaf)
    assert copy(leaf, requires_grad=True).is_leaf
    assert copy((leaf * 2).detach()).numpy() == 2
    assert copy(tg.tensor([1, 2])).dtype == int


# ---- containers that name the axes of a tensor ---------------------------------------------------


class Named:
    """As xarray's: an array, of whatever kind, with names of its axes."""

    __array_ufunc__ = None
    dims = ("x",)

    def __init__(self, data: Any):
        self._data = data

    @property
    def data(self) -> Any:
        return self._data

    def __mul__(self, other: Any) -> Named:
        return Named(self.data * (other.data if isinstance(other, Named) else other))

    __rmul__ = __mul__

    def sum(self) -> Named:
        return Named(self.data.sum())


@pytest.mark.parametrize("f", [lambda x, a: (x * a).sum(), lambda x, a: (a * x).sum()])
def test_a_container_of_a_tensor_is_differentiated_as_the_tensor(f: Any) -> None:
    """It was taken for a constant, with a derivative of 0."""
    a = Named(np.array([1.0, 2.0, 3.0]))
    loss = lambda x: f(x * x, a)
    assert tg.grad(loss)(2.0) == 24.0
    assert tg.jvp(loss, (2.0,), (1.0,)) == (24.0, 24.0)
    assert tg.hvp(loss, 2.0, 1.0) == 12.0
    assert tg.hessian(loss)(2.0) == 12.0


@pytest.mark.parametrize("f", [lambda x, a: x * a, lambda x, a: a * x, lambda x, a: (x * a) * x])
def test_xarray_decides_on_both_sides(f: Any) -> None:
    xr = pytest.importorskip("xarray")
    a = xr.DataArray([4.0, 5.0, 6.0], dims="x")
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = f(x, a)
    assert type(out) is xr.DataArray and isinstance(out.data, tg.Tensor)
    slope = tg.grad(lambda x: f(x, a).sum())(np.array([1.0, 2.0, 3.0]))
    want = [(f(np.eye(3)[i] * 1e-6 + [1, 2, 3], a).sum() - f(np.array([1.0, 2, 3]), a).sum()) / 1e-6
            for i in range(3)]  # fmt: skip
    np.testing.assert_allclose(slope, want, rtol=1e-5)
