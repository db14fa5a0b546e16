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


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: tg.nn.GRUCell(3, 4).start(slice(2)), r"^GRUCell\.start\(slice\): "),
        (lambda: tg.nn.LSTMCell(3, 4).step(X, X), r"^LSTMCell\.step\(float64\(3,\), float64"),
        (
            lambda: tg.nn.GRUCell(3, 4, X),
            r"^GRUCell: bias must be True or False, got float64\(3,\)",
        ),
        (lambda: tg.nn.LSTM(3, 4, 2**40), r"^LSTM: layers must be an integer .* at most 65536"),
        (lambda: tg.optim.SGD(lr=0.1, nesterov=X), r"^SGD: nesterov must be True or False"),
        (lambda: tg.optim.SOAP(lr=0.1).stepper(len, jit=X), r"^SOAP\.stepper: jit must be True"),
        (
            lambda: tg.optim.VSGD(lr=0.1).preconditioner(3, 1),
            r"^VSGD\.preconditioner\(int, int\): ",
        ),
        (
            lambda: tg.optim.Adam(lr=0.1).preconditioner((X, X), "text"),
            r"^Adam\.preconditioner: count must be an integer, got 'text'",
        ),
        (lambda: tg.nn.Linear(3, 4).load_state_dict(X), r": state_dict must be arrays by name"),
        (lambda: tg.nn.Buffer(X).assign(slice(2)), r"buffer of shape \(3,\), and is assigned"),
        (lambda: tg.ops.sum(X, keepdims=X), r"^sum: keepdims must be True or False"),
        (lambda: tg.linearize(np.sin, X, jit=X), r"^linearize: jit must be True or False"),
        (lambda: tg.sparsity(np.sin, X, order=X), r"^sparsity: order must be an integer"),
        (lambda: tg.check_grads(np.sin, (X,), modes=1.0), r"^check_grads: modes must be a seq"),
        (lambda: tg.hvp(lambda x: x.sum(), tg.Tensor, X), r"^hvp: argument 0 has dtype type"),
        (lambda: tg.viz.graph(np.sin, 1.0, legend=X), r"^graph: legend must be True or False"),
        (lambda: tg.viz.plots.spectrum([1.0], title=X), r"^spectrum\(.*\): title must be a text"),
        (
            lambda: tg.scipy.integrate.odeint(lambda y, t: -y, X, X, rtol=np.sin),
            r"rtol must be|Error converting relative tolerance",
        ),
    ],
)
def test_layers_optimisers_and_transforms_name_what_is_wrong(
    call: Callable[[], Any], said: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        call()


def test_a_users_layer_raises_its_own_errors() -> None:
    class Own(tg.nn.Module):
        def __call__(self, x: Any) -> Any:
            raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        tg.nn.Sequential(Own())(X)


@pytest.mark.parametrize(
    "call",
    [
        lambda np: np.copy(X, order=3.0),
        lambda np: np.asanyarray(X, order=X),
        lambda np: np.round(X, 1.5),
        lambda np: np.isposinf(X * 1j),
        lambda np: np.fft.fftshift(len),
        lambda np: np.conj(np.array(["a"])),
        lambda np: np.min(X, axis={}),
        lambda np: np.min(X, initial=X),
        lambda np: np.cov(X, aweights=-X),
        lambda np: np.average(X, weights=0 * X),
        lambda np: np.digitize(X * 1j, X),
        lambda np: np.clip(X, 0.0, 1.0, max=2.0),
        lambda np: np.einsum("i->", X, optimize=2),
        lambda np: np.cumulative_sum(X, 0),
        lambda np: np.pad(X, 1, mode="reflect", constant_values=1.0),
        lambda np: np.linalg.pinv(np.eye(2), 1, rtol=1),
    ],
)
def test_what_numpy_refuses_is_refused(call: Callable[[Any], Any]) -> None:
    for namespace in (np, tg.numpy):
        with pytest.raises((TypeError, ValueError, ZeroDivisionError)):
            call(namespace)
