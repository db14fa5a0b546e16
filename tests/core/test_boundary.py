"""Errors of public functions name the function; a user's own, and our bugs, stay what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import tinygrad_hess as tg
from tinygrad_hess.core.boundary import bare, named

X = np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("call", "kind", "name"),
    [
        (lambda: tg.ops.chunk(X, tg.tensor([1, 2])), TypeError, "chunk"),
        (lambda: tg.ops.log1p([[1.0], [1.0, 2.0]]), ValueError, "log1p"),
        (lambda: tg.ops.conj(object()), TypeError, "conj"),
        (lambda: tg.numpy.bincount("a"), ValueError, "bincount"),
        (lambda: tg.numpy.vstack(np.nan), TypeError, "vstack"),
        (lambda: tg.Tensor([1.0, []]), ValueError, "tensor"),
        (lambda: tg.tensor(2.0, requires_grad=np.arange(3)), ValueError, "tensor"),
        (lambda: tg.tensor(X).requires_grad_(np.arange(3)), TypeError, "requires_grad_"),
        (lambda: tg.Tensor.eye(X), TypeError, "eye"),
    ],
)
def test_an_error_names_the_function(call: Callable[[], Any], kind: type, name: str) -> None:
    with pytest.raises(kind, match=rf"^{name}\b") as caught:
        call()
    assert type(caught.value) is kind


def _ours(body: str) -> Callable[..., Any]:
    """A function as one of the library's modules would define it."""
    space: dict[str, Any] = {"__name__": "tinygrad_hess.ops.made"}
    exec(f"def made(x): return {body}", space)
    return named(space["made"])


def test_a_bug_stays_visible() -> None:
    with pytest.raises(AttributeError, match=r"no_such"):
        _ours("x.no_such")(X)
    with pytest.raises(TypeError, match=r"^made\(str\)"):
        _ours("x.no_such")("text")


def test_a_users_error_stays_the_users() -> None:
    def users(x: Any) -> Any:
        raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        tg.numpy.apply_along_axis(users, 0, X)


def test_only_what_was_named_is_taken_off_again() -> None:
    assert bare(tg.ops.sort) is not tg.ops.sort
    with pytest.raises(TypeError, match=r"[Ww]rite x = "):  # assignment's sort, not that of ops
        tg.tensor(X, requires_grad=True).sort()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: tg.numpy.amax(X, keepdims=-np.inf), r"keepdims must be True or False, got -inf"),
        (lambda: tg.tensor(X).sum(keepdims={}), r"^sum: keepdims must be True or False, got dict"),
        (lambda: tg.jit(lambda x: tg.numpy.linalg.svd(x, hermitian={}))(X), r"hermitian must be"),
        (  # SciPy's own reads past the end of memory
            lambda: tg.scipy.linalg.cholesky_banded(np.ones((2, 2)), lower=np.array([[1.0, 2.0]])),
            r"^cholesky_banded: lower must be True or False",
        ),
        (lambda: tg.data.digits(images=X), r"^digits: images must be True or False, got float64"),
        (lambda: tg.jit(lambda x: x.argmax(keepdims=X))(X), r"^argmax: keepdims must be"),
    ],
)
def test_a_flag_is_no_other_thing_that_is_true(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        call()


@pytest.mark.parametrize("keepdims", [True, 1, np.int64(1)])
def test_flags_as_numpy_takes_them(keepdims: Any) -> None:
    grad = tg.grad(lambda x: (np.sum(x**2, keepdims=keepdims) * np.ones(1)).sum())(X)
    np.testing.assert_allclose(grad, 2 * X, rtol=0)
    assert tg.tensor(X).sum(keepdims=keepdims).shape == np.sum(X, keepdims=keepdims).shape


def test_an_index_within_a_function_is_told_under_its_name() -> None:
    with pytest.raises(IndexError, match=r"^take\(float64\(3,\), list\): an index is an integer"):
        tg.tensor(X, requires_grad=True).take([1.5])
    with pytest.raises(IndexError, match=r"^getitem: an index is an integer"):
        tg.tensor(X)[1.5]


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "var"])
def test_a_mask_is_of_booleans(name: str) -> None:
    """NumPy refuses others; as numbers they would weigh, or count what they should not."""
    with pytest.raises(
        TypeError, match=rf"{name}.*where must be an array of booleans, got float64"
    ):
        getattr(tg.tensor(X, requires_grad=True), name)(where=np.array([0.5, 1.0, 0.0]), axis=0)


@pytest.mark.parametrize("call", [
    lambda x: np.inner(x[:1], np.ones((2, 3))),
    lambda x: np.tensordot(x[:, None], np.ones((2, 3)), axes=1),
    lambda x: np.insert(x, 1, 1j),
    lambda x: np.partition(x, 1.0),
    lambda x: np.trim_zeros(x, axis=2),
    lambda x: np.trim_zeros(x, trim=[3]),
])  # fmt: skip
def test_recorded_calls_refuse_what_numpy_refuses(call: Callable[[Any], Any]) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)):
        call(X)
    with pytest.raises((TypeError, ValueError)):
        tg.grad(lambda x: call(x).sum())(X)


@pytest.mark.parametrize("name", ["eval_hermitenorm", "eval_chebyu", "eval_sh_legendre"])
def test_polynomials_of_a_huge_degree_do_not_hang(name: str) -> None:
    f = getattr(tg.scipy.special, name)
    with pytest.raises(ValueError, match=r"the degree 1099511627776 is beyond"):
        f(2**40, X)
    np.testing.assert_allclose(f(3, [0.1, 0.2]), getattr(scipy.special, name)(3, [0.1, 0.2]))
