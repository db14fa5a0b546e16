"""The tensor as a user meets it: operators, conversions, copies, and define-by-run gradients."""

from __future__ import annotations

import copy
import operator
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_hess as tg

A = np.array([1.5, -0.7, 2.2])
B = np.array([0.4, 1.1, -2.0])
P, Q = np.abs(A), np.abs(B)
M = np.arange(9.0).reshape(3, 3) / 5 + np.eye(3)


def leaf(x: Any) -> Any:
    return tg.tensor(x, requires_grad=True)


# value and both partials of f(a, b) for positive a, b: written out, not derived
BINARY = {
    "+": (operator.add, lambda a, b: 1 + 0 * a, lambda a, b: 1 + 0 * b),
    "-": (operator.sub, lambda a, b: 1 + 0 * a, lambda a, b: -1 + 0 * b),
    "*": (operator.mul, lambda a, b: b + 0 * a, lambda a, b: a + 0 * b),
    "/": (operator.truediv, lambda a, b: 1 / b + 0 * a, lambda a, b: -a / b**2),
    "**": (operator.pow, lambda a, b: b * a ** (b - 1), lambda a, b: a**b * np.log(a)),
    "%": (operator.mod, lambda a, b: 1 + 0 * a, lambda a, b: -np.floor(a / b)),
    "//": (operator.floordiv, lambda a, b: 0 * a, lambda a, b: 0 * b),
}
OTHERS = {
    "array": Q, "float": 1.7, "int": 2, "np.float64": np.float64(1.7), "np.int64": np.int64(2),
    "np.float32": np.float32(1.5), "list": [0.4, 1.1, 2.0], "0-d": np.array(1.7),
    "int array": np.array([1, 2, 3]), "constant": tg.tensor(Q),
}  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("sign", BINARY)
def test_operators_with_anything_on_either_side(sign: str, other: str) -> None:
    op, left, right = BINARY[sign]
    o = OTHERS[other]
    raw = np.asarray(o.numpy() if isinstance(o, tg.Tensor) else o, float)
    for x, y, want, slope in (
        (leaf(P), o, op(P, raw), left(P, raw)),
        (o, leaf(P), op(raw, P), right(raw, P)),
    ):
        z = op(x, y)
        assert isinstance(z, tg.Tensor)
        assert z.requires_grad
        np.testing.assert_allclose(z.numpy(), want)
        z.sum().backward()
        t: Any = x if isinstance(x, tg.Tensor) and x.requires_grad else y
        np.testing.assert_allclose(t.grad.numpy(), slope * np.ones(3), rtol=1e-12)


@pytest.mark.parametrize("sign", BINARY)
def test_operators_between_tensors_and_with_oneself(sign: str) -> None:
    op, left, right = BINARY[sign]
    x, y = leaf(P), leaf(Q)
    op(x, y).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), left(P, Q))
    np.testing.assert_allclose(y.grad.numpy(), right(P, Q))
    x.grad = None
    op(x, x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), left(P, P) + right(P, P), atol=1e-15)


def test_unary_operators_and_matrix_products() -> None:
    x = leaf(A)
    for z, want in ((-x, -np.ones(3)), (+x, np.ones(3)), (abs(x), np.sign(A))):
        x.grad = None
        z.sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), want)
    for z, want in ((M @ x, M.sum(0)), (x @ M, M.sum(1)), (x @ B, B), (B @ x, B)):
        x.grad = None
        assert isinstance(z, tg.Tensor)
        z.sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), want)


def test_comparisons_are_elementwise_and_carry_no_derivative() -> None:
    x = leaf(A)
    for op in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        for other in (B, 1.5, np.float64(1.5), leaf(B), A):
            raw = other.numpy() if isinstance(other, tg.Tensor) else other
            np.testing.assert_array_equal(op(x, other).numpy(), op(A, raw))
            np.testing.assert_array_equal(op(other, x).numpy(), op(raw, A))
            assert op(x, other).dtype == bool
    both = (x > 0) & (x < 2) | ~(x > 1)
    np.testing.assert_array_equal(both.numpy(), [True, True, False])
    x.grad = None
    (x * (x > 0)).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1, 0, 1])


def test_hash_is_identity_so_tensors_can_be_keys() -> None:
    x, y = leaf(A), leaf(A)
    assert hash(x) == hash(x) != hash(y)
    assert {x: 1, y: 2}[y] == 2
    assert len({x, y, x}) == 2


def test_length_iteration_and_membership() -> None:
    x = leaf(M)
    assert len(x) == 3
    rows = list(x)
    assert [r.shape for r in rows] == [(3,)] * 3
    first, *_, last = x
    (first @ last).backward()
    np.testing.assert_allclose(x.grad.numpy(), [M[2], np.zeros(3), M[0]])
    assert 1.0 in leaf([0.0, 1.0])
    assert 7.0 not in x
    for ask in (len, list):
        with pytest.raises(TypeError, match="without axes"):
            ask(leaf(1.0))


def test_text() -> None:
    x = leaf([1.0, 2.0])
    assert repr(x) == "tensor([1., 2.], requires_grad=True)"
    assert repr(x * 3) == "tensor([3., 6.], op=multiply)"
    assert repr(tg.tensor([1, 2])) == "tensor([1, 2])"
    assert repr(tg.tensor([1.0], dtype=np.float32)) == "tensor([1.], dtype=float32)"
    assert f"{x.sum():.2f}" == "3.00"
    assert f"{leaf([0.5]):>8.3f}" == "   0.500"
    assert f"{x}" == str(x) == repr(x)


def test_conversions_to_python_numbers() -> None:
    x = leaf([[2.5]])
    assert x.item() == 2.5
    assert isinstance(x.item(), float)
    assert int(x[0, 0]) == 2
    assert bool(x[0, 0])
    assert float(x[0, 0].detach()) == 2.5
    assert range(5)[tg.tensor(3)] == 3
    assert tg.tensor([True]).item() is True
    with pytest.raises(ValueError, match=r"item\(\).*float64\(3,\)"):
        leaf(A).item()
    with pytest.raises(ValueError, match="ambiguous"):
        bool(leaf(A))
    if x.sum() > 2:  # control flow works while recording
        assert (x * 2).requires_grad


def test_numpy_is_a_copy_and_so_is_the_input() -> None:
    data = A.copy()
    x = leaf(data)
    data[:] = 0
    copied = x.numpy()
    copied[:] = 0
    np.testing.assert_array_equal(x.numpy(), A)
    y = tg.tensor(x.detach())
    assert not y.requires_grad
    np.asarray(x.detach(), copy=True)[:] = 0
    np.testing.assert_array_equal(x.numpy(), A)


def test_no_view_of_the_value_can_be_written_through() -> None:
    """What ``np.asarray`` of a constant shares must not change a tape that reads it."""
    x, c = leaf(A), tg.tensor(B)
    loss = (x * c).sum()
    shared = np.asarray(c)
    if shared.flags.writeable:
        shared[:] = 100
    loss.backward()
    np.testing.assert_array_equal(x.grad.numpy(), B)
    y = leaf(A)
    loss = (y * y).sum()
    seen = np.asarray(y.detach())
    if seen.flags.writeable:
        seen[:] = 100
    loss.backward()
    np.testing.assert_array_equal(y.grad.numpy(), 2 * A)


def test_dtypes() -> None:
    assert tg.tensor([1.0]).dtype == np.float64
    assert tg.tensor([1]).dtype == np.int64
    assert tg.tensor(np.ones(1, np.float32)).dtype == np.float32
    assert tg.tensor([1, 2], dtype=np.float32, requires_grad=True).requires_grad
    x: Any = tg.tensor(P, dtype=np.float32, requires_grad=True)
    for y in (x * 2, x + 1.5, 2 / x, x**2, x**0.5, np.tanh(x), x.mean(), x.std(), -x, x.prod()):
        assert y.dtype == np.float32
    (x * P).sum().backward()  # float64 on the way, but a gradient has its leaf's type
    assert x.grad.dtype == np.float32


def test_pickle_and_copy_of_leaves() -> None:
    x = leaf(np.float32(A))
    for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x), copy.copy(x)):
        assert y is not x
        assert y.requires_grad
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y.numpy(), x.numpy())
    deep = copy.deepcopy([x, x, {"x": x}])
    assert deep[0] is deep[1] is deep[2]["x"]
    constant = pickle.loads(pickle.dumps(tg.tensor([1, 2])))
    assert not constant.requires_grad
    assert constant.dtype == np.int64
    x.name = "w"
    assert pickle.loads(pickle.dumps(x)).name == "w"


def test_a_copied_leaf_is_a_leaf_of_its_own() -> None:
    x = leaf(A)
    y = copy.deepcopy(x)
    (y * y).sum().backward()
    assert x.grad is None
    np.testing.assert_array_equal(y.grad.numpy(), 2 * A)


def test_computed_tensors_do_not_pickle() -> None:
    for tensor in (lambda: leaf(A) * 2, lambda: leaf(A)[:2] * 1):
        with pytest.raises(TypeError, match=r"pickle a recorded float64\([23],\).*detach"):
            pickle.dumps(tensor())
    with pytest.raises(TypeError, match="pickle"):
        tg.grad(lambda x: (pickle.dumps(x), x.sum())[1])(A)


def test_a_copy_of_what_is_recorded_has_its_derivative() -> None:
    def f(x: Any) -> Any:
        held = {"a": x, "b": [np.sin(x)]}
        other = copy.deepcopy(held)
        assert other["a"] is not x
        other["b"][0][0] = 0.0  # does not change what it was copied from
        return (copy.copy(x) ** 3).sum() + (other["a"] * held["b"][0]).sum() + other["b"][0].sum()

    cosines = np.cos(A) * [0, 1, 1]
    want = 3 * A**2 + np.sin(A) + A * np.cos(A) + cosines
    for derive in (tg.grad(f), tg.jit(tg.grad(f)), tg.jacfwd(f), tg.jacrev(f)):
        np.testing.assert_allclose(derive(A), want)
    np.testing.assert_allclose(tg.vmap(tg.grad(f))(A[None])[0], want)
    np.testing.assert_allclose(tg.vmap(f)(A[None])[0], f(tg.tensor(A)).numpy())
    second = 6 * A + 2 * np.cos(A) - A * np.sin(A) - np.sin(A) * [0, 1, 1]
    np.testing.assert_allclose(tg.hessian(f)(A), np.diag(second), atol=1e-14)


# ---- backward -----------------------------------------------------------------------------------


def test_gradients_accumulate_until_cleared() -> None:
    x = leaf(A)
    for k in (1, 2, 3):
        (x * x).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), 2 * k * A)
    x.grad = None
    x.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.ones(3))
    assert not x.grad.requires_grad


def test_the_gradient_is_not_shared() -> None:
    """Neither between leaves, nor with operands or the given cotangent."""
    x, y = leaf(A), leaf(B)
    (x + y).sum().backward()
    assert x.grad is not y.grad
    assert not np.shares_memory(x.grad.value, y.grad.value)
    c = np.array([1.0, 2.0, 3.0])
    x.grad = None
    x.backward(c)
    c[:] = 0
    np.testing.assert_array_equal(x.grad.numpy(), [1, 2, 3])
    x.grad = None
    (x * c).sum().backward()
    assert not np.shares_memory(x.grad.value, c)


def test_backward_with_a_cotangent() -> None:
    x = leaf(A)
    c = np.array([1.0, 10.0, 100.0])
    for given_as in (c, c.tolist(), tg.tensor(c), np.float32(c)):
        x.grad = None
        (x * x).backward(given_as)
        np.testing.assert_allclose(x.grad.numpy(), 2 * A * c)
    x.grad = None
    x.backward(c)
    np.testing.assert_array_equal(x.grad.numpy(), c)


def test_retain_graph() -> None:
    x = leaf(A)
    loss = (x**3).sum()
    loss.backward(retain_graph=True)
    loss.backward(retain_graph=True)
    np.testing.assert_allclose(x.grad.numpy(), 6 * A**2)
    loss.backward()
    with pytest.raises(tg.TapeReleasedError):
        loss.backward()


def test_create_graph_gives_gradients_that_can_be_differentiated() -> None:
    x = leaf(A)
    (x**4).sum().backward(create_graph=True)
    g = x.grad
    x.grad = None
    (g * B).sum().backward(create_graph=True)
    h = x.grad
    np.testing.assert_allclose(h.numpy(), 12 * A**2 * B)
    x.grad = None
    h.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 24 * A * B)


def test_backward_through_a_recorded_cotangent() -> None:
    x, c = leaf(A), leaf(B)
    (x * x).backward(c, create_graph=True)
    g = x.grad
    x.grad = c.grad = None
    g.sum().backward()
    np.testing.assert_allclose(c.grad.numpy(), 2 * A)
    np.testing.assert_allclose(x.grad.numpy(), 2 * B)


def test_only_leaves_that_were_used_get_a_gradient() -> None:
    x, y, z = leaf(A), leaf(B), leaf(B)
    (x * y.detach()).sum().backward()
    assert y.grad is None
    assert z.grad is None
    assert x.grad is not None
    (x * (z > 0)).sum().backward()
    if z.grad is not None:  # reached, but by comparisons alone
        np.testing.assert_array_equal(z.grad.numpy(), 0)


def test_leaves_and_their_switch() -> None:
    x = tg.tensor(A)
    assert x.is_leaf
    assert not x.requires_grad
    assert x.requires_grad_() is x
    assert x.requires_grad
    y = x * 2
    assert not y.is_leaf
    assert not (x.requires_grad_(False) * 2).requires_grad
    z = y.detach()
    assert z.is_leaf
    assert not z.requires_grad
    np.testing.assert_array_equal(z.requires_grad_().numpy(), 2 * A)


def test_a_diamond_of_sixty_doublings_costs_sixty_steps() -> None:
    """Walking paths instead of nodes would take 2⁶⁰ steps."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60
    assert tg.grad(lambda x: [x := x + x for _ in range(60)][-1])(1.0) == 2.0**60


@settings(derandomize=True, deadline=None, max_examples=80)
@given(
    st.sampled_from(["+", "-", "*"]),
    hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0),
)
def test_broadcast_operands_get_gradients_of_their_own_shape(sign: str, shapes: Any) -> None:
    """Every broadcast of two shapes, empty ones too: the sum over what was repeated."""
    op, left, right = BINARY[sign]
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=s) for s in shapes.input_shapes)
    c = rng.normal(size=shapes.result_shape)
    x, y = leaf(a), leaf(b)
    op(x, y).backward(c)
    for t, partial in ((x, left), (y, right)):
        full = c * partial(*np.broadcast_arrays(a, b))
        extra = full.ndim - t.ndim
        want = full.sum(axis=tuple(range(extra)))
        ones = tuple(i for i, n in enumerate(t.shape) if n == 1)
        want = want.sum(axis=ones, keepdims=True).reshape(t.shape)
        assert t.grad.shape == t.shape
        np.testing.assert_allclose(t.grad.numpy(), want, atol=1e-13)


def test_a_step_in_place_updates_a_leaf_under_no_grad() -> None:
    """As in PyTorch: the tensor itself takes the new value; elsewhere the name moves on."""
    p = tg.tensor([1.0, 2.0], requires_grad=True)
    (p * p).sum().backward()
    q = p
    with tg.no_grad():
        p -= 0.1 * p.grad
    assert p is q
    np.testing.assert_allclose(p.numpy(), [0.8, 1.6])
    p.data = np.array([3.0, 4.0])
    np.testing.assert_array_equal(q.data.numpy(), [3.0, 4.0])
    with pytest.raises(ValueError, match="cannot become"):
        p.data = np.ones(3)
    p *= 2.0
    assert p is not q
    assert not p.is_leaf


def test_complex_numbers_inside_a_function_of_real_ones() -> None:
    x = np.array([0.3, 1.2])
    for f in (lambda w: np.abs(1j * w).sum(), lambda w: np.abs(w * np.array([1j, -1])).sum()):
        np.testing.assert_array_equal(tg.grad(f)(x), [1, 1])


def test_constants_go_through_any_numpy_function() -> None:
    np.testing.assert_array_equal(np.histogram(tg.tensor([0.5, 1.5]), bins=[0, 1, 2])[0], [1, 1])
    with pytest.raises(tg.NonDifferentiableError, match="histogram"):
        np.histogram(tg.tensor([0.5, 1.5], requires_grad=True), bins=[0, 1, 2])
