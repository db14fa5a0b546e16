"""Nesting, arrays that change, dtypes, long chains, errors inside functions, threads and pickles."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import close

import tinygrad_hess as tg
from tinygrad_hess import ops

Function = Callable[..., Any]


def test_nested_derivatives_do_not_confuse_perturbations() -> None:
    def d(f: Function) -> Function:
        return lambda x: tg.jvp(f, (x,), (1.0,))[1]

    for outer in (tg.grad, d):
        for inner in (tg.grad, d):
            assert outer(lambda x, i=inner: x * i(lambda y: x + y)(1.0))(1.0) == 1
            assert outer(lambda x, i=inner: x * i(lambda y: x * y)(3.0))(5.0) == 10
            # The same name inside: the inner x shadows, and the closure still sees the outer one.
            shadowed = outer(lambda x, i=inner: x * i(lambda x: x**3)(x))(2.0)
            assert shadowed == 3 * 3 * 2.0**2
    xs = np.array([1.0, 2.0, 3.0])
    got = tg.vmap(tg.grad(lambda x: x * tg.grad(lambda y: x * y)(1.0)))(xs)
    close(got, 2 * xs, 1e-12, elementwise=True)


def test_a_gradient_inside_a_recorded_loss() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    (x * tg.grad(lambda y: x * y * y)(x)).backward()  # x · 2x·x = 2x³
    assert x.grad is not None and x.grad.item() == 24


def test_captured_arrays_changed_before_backward_do_not_count() -> None:
    """The tape took a snapshot: the value at the time of the call counts."""
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    factor = np.array([3.0, 4.0])
    places = np.array([0, 0])
    y = (x * factor).sum() + np.where(factor > 3, x, 0).sum() + x[places].sum()
    factor[:] = 100
    places[:] = 1
    y.backward()
    assert x.grad is not None
    close(x.grad.numpy(), [5, 5], 1e-12, elementwise=True)
    captured = np.array([3.0])
    _, pull = tg.vjp(lambda x: x * captured * x, np.array([2.0]))
    captured[:] = 100
    close(pull(np.ones(1))[0], [12], 1e-12, elementwise=True)
    start = np.array([2.0])
    _, push = tg.linearize(lambda x: x**3, start)
    start[:] = 100
    close(push(np.ones(1)), [12], 1e-12, elementwise=True)


def test_constant_functions_and_unused_arguments_have_gradient_0() -> None:
    x = np.array([1.0, 2.0], np.float32)
    for f in (lambda x: 1.0, lambda x: np.float32(2), lambda x: tg.stop_gradient(x).sum()):
        g = tg.grad(f)(x)
        assert g.dtype == np.float32 and not g.any() and g.shape == (2,)
    a, b = tg.grad(lambda a, b: a.sum(), (0, 1))(x, np.ones((3, 1)))
    close(a, [1, 1], 1e-12, elementwise=True)
    assert b.shape == (3, 1) and b.dtype == np.float64 and not b.any()
    _, t = tg.jvp(lambda x: np.ones(3), (x,), (x,))
    assert t.shape == (3,) and not t.any()


def test_output_is_the_input() -> None:
    x = np.array([1.0, 2.0])
    y, pull = tg.vjp(lambda x: x, x)
    close(pull(np.array([3.0, 4.0]))[0], [3, 4], 1e-12, elementwise=True)
    y[0] = 99  # a result is the caller's own
    assert x[0] == 1
    assert tg.grad(lambda x: x)(2.0) == 1
    assert tg.hessian(lambda x: x)(2.0) == 0
    close(tg.jacobian(lambda x: x)(x), np.eye(2), 1e-12, elementwise=True)
    first_, second_ = tg.vjp(lambda x: (x, x), x)[1]((np.ones(2), np.ones(2)))[0]
    assert first_ == second_ == 2


def test_python_floats_and_arrays_without_axes() -> None:
    for x in (3.0, np.float64(3), np.array(3.0)):
        g = tg.grad(lambda x: x * x)(x)
        assert np.shape(g) == () and g.dtype == np.float64 and g == 6
        assert tg.hvp(lambda x: x**3, x, 1.0) == 18
    with pytest.raises(tg.NonDifferentiableError, match="integers"):
        tg.grad(lambda x: x * x)(3)


@pytest.mark.parametrize("constant", [2.0, 2, np.float64(2), np.ones(2), np.array(2.0)], ids=repr)
@pytest.mark.parametrize("f", [np.multiply, np.add, np.divide, np.power, np.maximum, np.arctan2])
def test_gradients_have_the_dtype_of_their_argument(f: Function, constant: Any) -> None:
    """Values follow NumPy's promotion; a gradient always has the type of what it belongs to."""
    x = np.array([1.0, 2.0], np.float32)
    y, pull = tg.vjp(lambda x: f(x, constant), x)
    assert y.dtype == f(x, constant).dtype
    assert pull(np.ones_like(y))[0].dtype == np.float32
    g, t = tg.jvp(tg.grad(lambda x: f(x, constant).sum()), (x,), (x,))
    assert g.dtype == t.dtype == np.float32
    h = tg.hessian(lambda x: f(x, constant).sum())(x)
    assert h.dtype == np.float32 and h.shape == (2, 2)
    leaf = tg.tensor(x, requires_grad=True)
    f(leaf, constant).sum().backward()
    assert leaf.grad is not None and leaf.grad.dtype == np.float32


FLOAT32: dict[str, Function] = {
    f.__name__: f
    for f in (
        np.mean, np.std, np.var, np.linalg.norm, np.median, np.prod, np.sinc, ops.logsumexp,
        ops.softplus, ops.sigmoid, ops.gelu, ops.elu, ops.leaky_relu, ops.silu, ops.log_softmax,
    )
} | {
    "x**2": lambda x: x**2, "x**0.5": lambda x: x**0.5, "1 / x": lambda x: 1 / x,
    "3 - 2 * x": lambda x: 3 - 2 * x, "clip": lambda x: np.clip(x, 0.0, 1.5),
    "where": lambda x: np.where(x > 1, x, 0.0), "x.std(ddof=1)": lambda x: x.std(ddof=1),
}  # fmt: skip


@pytest.mark.parametrize("f", FLOAT32.values(), ids=FLOAT32)
def test_float32_stays_float32(f: Function) -> None:
    x = np.array([[0.5, 1.0, 2.0]], np.float32)
    y, t = tg.jvp(f, (x,), (x,))
    assert y.dtype == t.dtype == np.float32
    assert tg.grad(lambda x: f(x).sum())(x).dtype == np.float32
    assert tg.hvp(lambda x: f(x).sum(), x, x).dtype == np.float32
    assert tg.vmap(f)(np.stack([x, x])).dtype == np.float32


def test_shared_subexpressions_are_swept_once() -> None:
    def doubled(x: Any) -> Any:
        for _ in range(60):
            x = x + x
        return x

    assert tg.grad(doubled)(1.0) == 2.0**60
    assert tg.jvp(doubled, (1.0,), (1.0,))[1] == 2.0**60
    assert tg.hvp(lambda x: doubled(x) * x, 1.0, 1.0) == 2.0**61


def test_a_chain_of_50_000_operations() -> None:
    def chain(x: Any) -> Any:
        for _ in range(50_000):
            x = x * 1.0 + 1e-9
        return x

    assert tg.grad(chain)(1.0) == 1
    x = tg.tensor(1.0, requires_grad=True)
    y = chain(x)
    y.backward()
    assert x.grad is not None and x.grad.item() == 1
    del y


TRANSFORMS: dict[str, Function] = {
    "grad": lambda f: tg.grad(f)(2.0),
    "hessian": lambda f: tg.hessian(f)(2.0),
    "jvp": lambda f: tg.jvp(f, (2.0,), (1.0,)),
    "vmap of grad": lambda f: tg.vmap(tg.grad(f))(np.ones(2)),
    "grad of checkpoint": lambda f: tg.grad(tg.checkpoint(f))(2.0),
}


@pytest.mark.parametrize("differentiate", TRANSFORMS.values(), ids=TRANSFORMS)
def test_a_gradient_after_an_error_inside_f(differentiate: Function) -> None:
    def fails(x: Any) -> Any:
        tg.grad(lambda y: y * x)(x)
        raise KeyError("inside f")

    with pytest.raises(KeyError, match="inside f"):
        differentiate(fails)
    assert tg.grad(lambda x: x**3)(2.0) == 12
    assert tg.hvp(lambda x: x**3, 2.0, 1.0) == 12


def test_modes_end_with_an_error() -> None:
    with pytest.raises(KeyError), tg.no_grad(), tg.nan_safe(), tg.debug_nans():
        raise KeyError
    x = tg.tensor(0.0, requires_grad=True)
    np.sqrt(x * x).backward()
    assert x.grad is not None and np.isnan(x.grad.item())


def test_eight_threads_give_what_one_gives() -> None:
    results: dict[int, Any] = {}
    shared = np.linspace(0.1, 1, 50)

    def work(k: int) -> None:
        def f(x: Any) -> Any:
            for _ in range(20):
                x = np.sin(x * (k + 1))
            return x.sum()

        for _ in range(5):
            results[k] = tg.grad(f)(shared), tg.hvp(f, shared, shared), k

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    together = dict(results)
    for k in range(8):
        work(k)
        for a, b in zip(together[k], results[k], strict=True):
            np.testing.assert_array_equal(a, b)
    assert len(together) == 8


def test_modes_belong_to_their_thread() -> None:
    """no_grad in one thread does not stop recording in another."""
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with tg.no_grad():
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    x = tg.tensor(3.0, requires_grad=True)
    y = x * x
    done.set()
    thread.join()
    y.backward()
    assert x.grad is not None and x.grad.item() == 6


@pytest.mark.parametrize(
    "clone", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy], ids=["pickle", "deepcopy"]
)
def test_pickle_and_deepcopy_keep_values_and_requires_grad(clone: Function) -> None:
    x = tg.tensor(np.array([1.0, 2.0], np.float32), requires_grad=True)
    y = clone(x)
    assert y.requires_grad and y.dtype == np.float32 and y is not x
    (y * y).sum().backward()
    assert y.grad is not None and x.grad is None
    close(y.grad.numpy(), [2, 4], 1e-12, elementwise=True)
    assert not clone(tg.tensor([1, 2])).requires_grad
    if clone is copy.deepcopy:  # of what is recorded, a copy on the same tape
        (clone(x * 2) * y).sum().backward()
        assert x.grad is not None
        close(x.grad.numpy(), [2, 4], 1e-12, elementwise=True)
    else:
        with pytest.raises(TypeError, match="detach"):
            clone(x * 2)
