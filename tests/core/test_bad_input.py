"""What cannot be right is refused, by an error that names the operation, shapes and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg

X = np.array([1.0, 2.0, 3.0])
square_sum = lambda x: (x * x).sum()
SCALAR_TRANSFORMS = {
    "grad": lambda f, x: tg.grad(f)(x),
    "value_and_grad": lambda f, x: tg.value_and_grad(f)(x),
    "hvp": lambda f, x: tg.hvp(f, x, x),
}
ALL_TRANSFORMS = {
    **SCALAR_TRANSFORMS,
    "jacobian": lambda f, x: tg.jacobian(f)(x),
    "jacfwd": lambda f, x: tg.jacfwd(f)(x),
    "jacrev": lambda f, x: tg.jacrev(f)(x),
    "hessian": lambda f, x: tg.hessian(f)(x),
    "vjp": lambda f, x: tg.vjp(f, x),
    "jvp": lambda f, x: tg.jvp(f, (x,), (x,)),
    "linearize": lambda f, x: tg.linearize(f, x),
}


def leaf(x: Any) -> Any:
    """A start of the tape, as a user makes one."""
    return tg.tensor(x, requires_grad=True)


# ---- losses that are no scalar ------------------------------------------------------------------


@pytest.mark.parametrize("name", SCALAR_TRANSFORMS)
@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda x: x * 2, r"scalar.*float64\(3,\).*\.sum\(\)"),
        (lambda x: x[:1], r"scalar.*float64\(1,\)"),
        (lambda x: (x.sum(), x.sum()), r"scalar.*float64\(\), float64\(\)"),
        (lambda x: None, r"scalar.*nothing"),
        (lambda x: "loss", r"scalar.*str"),
        (lambda x: (x > 0).sum(), r"integers|int64"),
        (lambda x: (x > 0).all(), r"integers|bool"),
    ],
)
def test_the_loss_must_be_a_floating_scalar(name: str, f: Any, said: str) -> None:
    with pytest.raises((ValueError, tg.NonDifferentiableError), match=said):
        SCALAR_TRANSFORMS[name](f, X)


@pytest.mark.parametrize("name", SCALAR_TRANSFORMS)
def test_a_complex_loss_is_refused(name: str) -> None:
    z = np.array([1j, 2.0 + 1j])
    with pytest.raises((ValueError, TypeError), match=r"complex|real"):
        SCALAR_TRANSFORMS[name](lambda z: (z * z).sum(), z)


# ---- inputs without a gradient ------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL_TRANSFORMS)
@pytest.mark.parametrize(
    ("x", "dtype"), [(np.arange(3), "int"), (np.ones(3, bool), "bool"), (3, "int"), (True, "bool")]
)
def test_integers_carry_no_gradient(name: str, x: Any, dtype: str) -> None:
    with pytest.raises(tg.NonDifferentiableError, match=rf"argument 0.*{dtype}.*astype\(float\)"):
        ALL_TRANSFORMS[name](lambda x: (x * 1.0).sum(), x)


def test_an_integer_leaf_is_named_by_its_path() -> None:
    tree = {"layers": [{"w": X}, {"w": X, "steps": np.arange(3)}]}
    with pytest.raises(tg.NonDifferentiableError, match=r"argument 1\['layers'\]\[1\]\['steps'\]"):
        tg.grad(lambda a, p: p["layers"][0]["w"].sum(), argnums=1)(X, tree)
    with pytest.raises(tg.NonDifferentiableError, match=r"argument 0\[1\]"):
        tg.hessian(lambda p: p[0].sum())((X, 2))


@pytest.mark.parametrize("x", ["text", object(), [1.0, "a"]])
def test_what_is_no_array_is_named(x: Any) -> None:
    with pytest.raises(tg.NonDifferentiableError, match="argument 0"):
        tg.grad(lambda x: 1.0)(x)


def test_an_integer_tensor_cannot_require_a_gradient() -> None:
    for make in (
        lambda: leaf([1, 2]),
        lambda: leaf([True]),
        lambda: tg.tensor([1, 2]).requires_grad_(),
    ):
        with pytest.raises(tg.NonDifferentiableError, match=r"(int64|bool).*astype"):
            make()


# ---- shapes and axes ----------------------------------------------------------------------------

SHAPES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: x + np.ones(4), r"add\(float64\(3,\), float64\(4,\)\)"),
    (lambda x: np.ones((2, 2)) * x, r"multiply\(float64\(2, 2\), float64\(3,\)\)"),
    (lambda x: np.arctan2(x, np.ones(2)), r"arctan2\(float64\(3,\), float64\(2,\)\)"),
    (lambda x: np.where(np.ones(2, bool), x, 0.0), r"where\(bool\(2,\), float64\(3,\), float\)"),
    (lambda x: x @ np.ones((4, 2)), r"matmul\(\(3,\), \(4, 2\)\).*3 and 4"),
    (lambda x: np.ones((2, 4)) @ x, r"matmul\(\(2, 4\), \(3,\)\).*4 and 3"),
    (lambda x: x.reshape(3, 1) @ np.ones((3, 1)), r"matmul\(float64\(3, 1\), float64\(3, 1\)\)"),
    (lambda x: x @ 2.0, r"matmul.*scalar"),
    (lambda x: x.reshape(2, 2), r"reshape.*\(3,\) \(3 elements\).*\(2, 2\)"),
    (lambda x: x.reshape(2, -1), r"reshape.*\(3,\)"),
    (lambda x: np.broadcast_to(x, (2,)), r"broadcast_to.*\(3,\).*\(2,\)"),
    (lambda x: np.concatenate([x, np.ones((2, 2))]), r"concatenate\(float64\(3,\), float64\(2, 2\)"),
    (lambda x: tg.numpy.concatenate([]), r"concatenate.*at least one"),
    (lambda x: np.stack([x, x[:2]]), r"stack.*\(2,\), \(3,\)"),
    (lambda x: np.split(x, 2), r"split: 3 elements.*2"),
    (lambda x: np.einsum("ij,j", x, x), r"einsum 'ij,j'.*'ij'.*\(3,\)"),
    (lambda x: np.einsum("i,i", x, np.ones(4)), r"einsum 'i,i'.*3 and 4"),
    (lambda x: np.einsum("i->ij", x), r"einsum 'i->ij'.*output"),
    (lambda x: np.tensordot(x, np.ones((4, 3)), 1), r"tensordot.*3 and 4"),
    (lambda x: np.sum(x, axis=1), r"sum.*no axis 1.*1 dim"),
    (lambda x: x.mean(axis=(0, 2)), r"mean.*no axis 2"),
    (lambda x: x.max(axis=-2), r"max.*no axis -2"),
    (lambda x: x.sum(axis=(0, 0)), r"sum.*twice"),
    (lambda x: x.sum(axis=1.0), r"sum.*integer.*1\.0"),
    (lambda x: np.cumsum(x, axis=3), r"cumsum.*no axis 3"),
    (lambda x: np.swapaxes(x, 0, 1), r"swapaxes.*no axis 1"),
    (lambda x: np.moveaxis(x, 1, 0), r"moveaxis.*no axis 1"),
    (lambda x: np.transpose(x, (0, 1)), r"transpose.*(no axis 1|permutation)"),
    (lambda x: np.expand_dims(x, 5), r"expand_dims.*no axis 5"),
    (lambda x: np.squeeze(x, 0), r"squeeze.*\(3,\).*length 1"),
    (lambda x: np.flip(x, 2), r"flip.*no axis 2"),
    (lambda x: np.roll(x, 1, axis=2), r"roll.*no axis 2"),
    (lambda x: np.sort(x, axis=1), r"sort.*no axis 1|no axis 1"),
    (lambda x: tg.ops.softmax(x, axis=1), r"softmax.*no axis 1"),
    (lambda x: np.pad(x, -1), r"pad.*negative"),
    (lambda x: tg.numpy.pad(x, 1, mode="wrong"), r"pad.*'wrong'"),
    (lambda x: np.take_along_axis(x, np.zeros((1, 1), int), 0), r"take_along_axis.*\(1, 1\).*\(3,\)"),
    (lambda x: x[5], r"index.*out of bounds|5 is out of bounds"),
    (lambda x: x[0, 0], r"2 indices.*\(3,\)"),
    (lambda x: x[0.5], r"0\.5"),
    (lambda x: x["a"], r"'a'"),
    (lambda x: x[np.ones(2, bool)], r"\(3,\)|boolean"),
    (lambda x: tg.ops.conv1d(x, x), r"conv1d"),
    (lambda x: tg.ops.conv2d(np.ones((1, 2, 4, 4)), np.ones((3, 1, 3, 3)) * x[0]), r"conv2d"),
    (lambda x: tg.ops.max_pool2d(x.reshape(1, 1, 1, 3), 2), r"max_pool2d"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_shapes_and_axes_that_do_not_fit(number: int) -> None:
    """Inside a gradient, a forward sweep, a map over examples, and define-by-run alike."""
    f, said = SHAPES[number]
    loss = lambda x: f(x).sum()
    for run in (
        lambda: tg.grad(loss)(X),
        lambda: tg.jvp(loss, (X,), (X,)),
        lambda: f(leaf(X)),
        lambda: f(tg.tensor(X)),
    ):
        with pytest.raises((ValueError, TypeError, IndexError), match=said):
            run()


# ---- NumPy functions without a derivative here --------------------------------------------------


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: np.linalg.svd(x.reshape(1, 3)), r"numpy\.linalg\.svd"),
        (lambda x: np.histogram(x), r"numpy\.histogram"),
        (lambda x: np.union1d(x, x), r"numpy\.union1d.*where two of them meet"),
        (lambda x: np.nextafter(x, 2.0), r"numpy\.nextafter"),
        (lambda x: np.histogram2d(x, x), r"numpy\.histogram2d.*piecewise constant"),
        (lambda x: np.sort_complex(x), r"numpy\.sort_complex.*use sort"),
        (lambda x: np.add(x, 1.0, out=np.zeros(3)), r"numpy\.add.*out="),
        (lambda x: np.copyto(np.zeros(3), x), r"copyto"),
        (lambda x: np.unique(x), r"numpy\.unique|unique"),
        (lambda x: np.setdiff1d(x, [0.5]), r"numpy\.setdiff1d"),
    ],
)
def test_unsupported_numpy_functions(call: Any, name: str) -> None:
    with pytest.raises(tg.NonDifferentiableError, match=rf"{name}") as caught:
        tg.grad(lambda x: call(x)[0].sum())(X)
    assert ".numpy()" in str(caught.value) or ".detach()" in str(caught.value)


def test_a_recorded_tensor_does_not_become_an_array_unseen() -> None:
    x = leaf(X)
    target = np.zeros(3)
    for convert in (
        lambda: np.asarray(x),
        lambda: np.array(x * 2),
        lambda: np.array([x, x]),
        lambda: np.ascontiguousarray(x),
        lambda: target.__setitem__(slice(None), x),
        lambda: math.sin(x[0]),
        lambda: float(x[0]),
        lambda: complex(x[0]),
        lambda: np.random.default_rng(0).normal(x),
    ):
        with pytest.raises(tg.NonDifferentiableError, match=r"(?s)\.numpy\(\)|\.detach\(\)|item"):
            convert()
    for scalar in (x[0], x.sum()):  # here NumPy wraps our error in a ValueError
        with pytest.raises((tg.NonDifferentiableError, ValueError)) as caught:
            target[0] = scalar
        cause = caught.value.__cause__ or caught.value
        assert isinstance(cause, tg.NonDifferentiableError)
    np.testing.assert_array_equal(target, 0)
    for through in (lambda x: math.sin(x), lambda x: tg.tensor(np.asarray(x))):
        with pytest.raises(tg.NonDifferentiableError):
            tg.grad(through)(1.0)
    assert np.asarray(x.detach()).sum() == 6
    assert (x > 1.5).numpy().sum() == 2
    assert np.asarray(x > 1.5).dtype == bool  # no derivative to lose
    assert int(x[1]) == 2


def test_assignment_to_an_element_says_what_to_write() -> None:
    with pytest.raises(TypeError, match=r"in place.*np\.where"):
        tg.grad(lambda x: x.__setitem__(0, 1.0) or x.sum())(X)


# ---- values that change under the tape ----------------------------------------------------------


def test_an_array_changed_later_does_not_change_the_derivative() -> None:
    """The tape keeps what it saw: operands, views, indices, masks, kernels, inputs."""
    x = leaf(X)
    c, base, index = np.array([2.0, 3.0, 4.0]), np.arange(6.0), np.array([0, 0, 1])
    view, mask = base[::2], np.array([True, False, True])
    frozen = base[1:4]
    frozen.flags.writeable = False
    m = np.eye(3) * 2
    losses = [
        (x * c).sum(), (x * view).sum(), (x * frozen).sum(), x[index].sum(), np.where(mask, x, 0.0).sum(),
        (m @ x).sum(), np.power(x, c).sum(), np.einsum("i,ij->", x, m), x[mask].sum(),
        np.maximum(x, c).sum(), np.concatenate([x * c[:, None]]).sum(),
    ]  # fmt: skip
    wants = [
        [2, 3, 4], [0, 2, 4], [1, 2, 3], [2, 1, 0], [1, 0, 1],
        [2, 2, 2], [2, 12, 108], [2, 2, 2], [1, 0, 1],
        [0, 0, 0], [9, 9, 9],
    ]  # fmt: skip
    c[:], base[:], index[:], mask[:], m[:] = 100, 100, 2, True, 100
    for loss, want in zip(losses, wants, strict=True):
        x.grad = None
        loss.backward()
        np.testing.assert_allclose(x.grad.numpy(), want)


def test_an_input_changed_while_f_runs_does_not_change_the_derivative() -> None:
    for derive in (
        lambda f, x: tg.grad(f)(x),
        lambda f, x: tg.jacfwd(f)(x),
        lambda f, x: tg.vjp(f, x)[1](1.0)[0],
    ):
        x = X.copy()

        def f(t: Any, x: Any = x) -> Any:
            y = t * t
            x[:] = 100.0
            return y.sum()

        np.testing.assert_allclose(derive(f, x), 2 * X)


def test_an_input_changed_after_linearize_does_not_change_the_products() -> None:
    x, v = X.copy(), np.ones(3)
    y, push = tg.linearize(lambda x: x**3, x)
    z, pull = tg.vjp(lambda x: x**3, x)
    x[:] = 100.0
    np.testing.assert_allclose(push(v), 3 * X**2)
    np.testing.assert_allclose(pull(v)[0], 3 * X**2)
    y[:] = z[:] = 0.0
    np.testing.assert_allclose(push(v), 3 * X**2)
    np.testing.assert_allclose(pull(v)[0], 3 * X**2)


# ---- tapes that are gone ------------------------------------------------------------------------


def test_a_released_tape_says_so() -> None:
    x = leaf(X)
    hidden = np.tanh(x)
    loss = (hidden * x).sum()
    loss.backward()
    for again in (
        lambda: loss.backward(),
        lambda: (loss * 2).backward(),
        lambda: hidden.sum().backward(),
    ):
        with pytest.raises(tg.TapeReleasedError, match=r"retain_graph=True|again"):
            again()
    np.testing.assert_allclose(x.grad.numpy(), X / np.cosh(X) ** 2 + np.tanh(X))
    (x * 2).sum().backward()  # the leaf itself starts a new tape


def test_backward_needs_a_tape_and_a_scalar() -> None:
    with pytest.raises(tg.NonDifferentiableError, match=r"float64\(\).*requires_grad"):
        tg.tensor(1.0).backward()
    x = leaf(X)
    with pytest.raises(tg.NonDifferentiableError, match="no_grad"), tg.no_grad():
        x.sum().backward()
    with pytest.raises(ValueError, match=r"float64\(3,\).*scalar"):
        (x * 2).backward()
    with pytest.raises(ValueError, match=r"float64\(2,\).*float64\(3,\)"):
        (x * 2).backward(np.ones(2))
    with pytest.raises(ValueError, match=r"float64\(\).*float64\(3,\)"):
        (x * 2).backward(1.0)
    with pytest.raises(tg.NonDifferentiableError, match=r"leaf.*detach"):
        (x * 2).requires_grad_()


# ---- vmap ---------------------------------------------------------------------------------------


def test_mapped_axes_must_agree() -> None:
    f = lambda a, b: a + b
    with pytest.raises(ValueError, match=r"vmap.*differ.*\(3,\).*\(4, 2\)"):
        tg.vmap(f)(np.ones(3), np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"vmap.*no axis 1.*\(3,\)"):
        tg.vmap(f, in_axes=(0, 1))(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match=r"vmap.*no axis 0.*\(\)"):
        tg.vmap(f)(np.ones(3), 1.0)
    with pytest.raises(ValueError, match=r"vmap.*no argument is mapped"):
        tg.vmap(f, in_axes=None)(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match=r"vmap: in_axes"):
        tg.vmap(f, in_axes=(0,))(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match=r"vmap.*out_axes=None"):
        tg.vmap(f, out_axes=None)(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match=r"no axis 5"):
        tg.vmap(f, out_axes=5)(np.ones(3), np.ones(3))


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda x: x if x > 0 else -x, r"truth value.*3 examples.*where"),
        (lambda x: float(x), r"float\(\).*3 examples"),
        (lambda x: int(x), r"int\(\)"),
        (lambda x: x.item(), r"item\(\).*Return"),
        (lambda x: x.numpy(), r"numpy\(\)"),
        (lambda x: np.asarray(x), r"asarray"),
        (lambda x: x in [1.0], r"truth value|membership"),
        (lambda x: X[x.astype(int)], r"index|asarray"),
        (lambda x: np.arange(3.0)[x > 0], r"index|asarray|item"),
        (lambda x: np.linspace(0, 1, 3)[int(x)], r"int\(\)"),
        (lambda x: math.exp(x), r"float\(\)"),
        (lambda x: np.stack([x, x])[np.stack([x, x]) > 0], r"item|mask|bool"),
        (lambda x: np.unique(np.stack([x, x])), r"numpy|unique"),
    ],
)
def test_a_mapped_tensor_has_no_one_value(ask: Any, said: str) -> None:
    with pytest.raises((TypeError, IndexError), match=said):
        tg.vmap(ask)(X)
    with pytest.raises((TypeError, IndexError), match=said):
        tg.vmap(lambda x: tg.grad(lambda x: (ask(x) * 1.0).sum())(x))(X)


# ---- arguments of the transforms ----------------------------------------------------------------


def test_tangents_and_cotangents_must_match() -> None:
    tree = {"a": X, "b": [np.ones((2, 2))]}
    f = lambda p: {"y": p["a"] * 2}
    with pytest.raises(ValueError, match=r"jvp.*tangent.*\(4,\).*primal.*\(3,\)"):
        tg.jvp(f, (tree,), ({"a": np.ones(4), "b": [np.ones((2, 2))]},))
    with pytest.raises(ValueError, match=r"jvp.*tangent.*structure"):
        tg.jvp(f, (tree,), ({"a": X},))
    with pytest.raises(ValueError, match=r"jvp: 2 tangents for 1 primals"):
        tg.jvp(f, (tree,), (tree, tree))
    with pytest.raises(ValueError, match=r"hvp.*tangent.*\(2,\).*\(3,\)"):
        tg.hvp(square_sum, X, np.ones(2))
    with pytest.raises(ValueError, match=r"hvp.*structure"):
        tg.hvp(square_sum, X, [X])
    _, pull = tg.vjp(f, tree)
    with pytest.raises(ValueError, match=r"vjp.*cotangent.*\(2,\).*output.*\(3,\)"):
        pull({"y": np.ones(2)})
    with pytest.raises(ValueError, match=r"vjp.*cotangent.*structure"):
        pull(np.ones(3))
    _, push = tg.linearize(f, tree)
    with pytest.raises(ValueError, match=r"linearize.*\(1,\).*\(3,\)"):
        push({"a": np.ones(1), "b": [np.ones((2, 2))]})
    with pytest.raises(ValueError, match=r"linearize: 0 tangents for 1 primals"):
        push()


@pytest.mark.parametrize("transform", [tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian])
def test_argnums_must_name_arguments(transform: Any) -> None:
    f = lambda x, y: square_sum(x)
    with pytest.raises(ValueError, match=r"argnums.*argument 2.*2 were given"):
        transform(f, argnums=2)(X, X)
    with pytest.raises(ValueError, match=r"argnums.*-3"):
        transform(f, argnums=(0, -3))(X, X)
    with pytest.raises(ValueError, match=r"argnums.*twice"):
        transform(f, argnums=(0, 0))(X, X)
    with pytest.raises(ValueError, match=r"argnums.*twice"):
        transform(f, argnums=(1, -1))(X, X)


@pytest.mark.parametrize("transform", [tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian])
def test_has_aux_needs_a_pair(transform: Any) -> None:
    for f in (square_sum, lambda x: (x.sum(), 1, 2), lambda x: [x.sum(), 1]):
        with pytest.raises(TypeError, match=r"has_aux=True.*\(output, aux\)"):
            transform(f, has_aux=True)(X)


def test_other_arguments() -> None:
    with pytest.raises(ValueError, match=r"mode='sideways'"):
        tg.jacobian(square_sum, mode="sideways")
    with pytest.raises(ValueError, match=r"chunk_size.*at least 1.*0"):
        tg.jacobian(lambda x: x * 2, chunk_size=0)(X)
    with pytest.raises(ValueError, match=r"modes.*'sideways'"):
        tg.check_grads(square_sum, (X,), modes=("sideways",))
    with pytest.raises(ValueError, match=r"'add' is already declared"):
        tg.elementwise("add", np.add, None, None, domain=(0, 1))


def test_a_wrong_derivative_is_found_by_check_grads() -> None:
    wrong = tg.custom_vjp(lambda x: x * x)
    wrong.defvjp(lambda x: (x * x, x), lambda x, g: (g * 3 * x,))
    with pytest.raises(tg.CheckError, match=r"forward|reverse"):
        tg.check_grads(lambda x: wrong(x).sum(), (X,), order=1)
    tg.check_grads(square_sum, (X,), order=3)


def test_an_error_in_f_leaves_nothing_behind() -> None:
    def f(x: Any) -> Any:
        with tg.no_grad(), tg.nan_safe(), tg.debug_nans():
            raise KeyError("user")

    with pytest.raises(KeyError):
        tg.grad(f)(X)
    with pytest.raises(ValueError, match="add"):
        tg.grad(lambda x: (x + np.ones(7)).sum())(X)
    np.testing.assert_allclose(tg.grad(square_sum)(X), 2 * X)
    assert (leaf(1.0) * 2).requires_grad
