"""Mapping over a batch: the same as a loop, for every way of saying what is mapped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_hess as tg

RNG = np.random.default_rng(0)
B = 4
XS = RNG.normal(size=(B, 3))
MS = RNG.normal(size=(B, 3, 3)) + 2 * np.eye(3)
W = RNG.normal(size=(3, 3))

FUNCTIONS = {
    "elementwise": lambda x, w: np.sin(x) * np.exp(-x) + 2,
    "unmapped matrix @ vector": lambda x, w: w @ x,
    "vector @ unmapped matrix": lambda x, w: x @ w,
    "quadratic form": lambda x, w: x @ w @ x,
    "outer": lambda x, w: np.outer(x, x + 1),
    "reductions": lambda x, w: np.stack([x.sum(), x.mean(), x.max(), x.std(), np.prod(x)]),
    "axis": lambda x, w: (w * x).sum(axis=0) + (w * x).mean(axis=-1),
    "keepdims": lambda x, w: x - x.max(axis=0, keepdims=True),
    "norm": lambda x, w: x / np.linalg.norm(x),
    "softmax": lambda x, w: tg.ops.softmax(w * x, axis=0),
    "logsumexp": lambda x, w: tg.ops.logsumexp(w + x, axis=1),
    "log_softmax": lambda x, w: tg.ops.log_softmax(x),
    "cumsum": lambda x, w: np.cumsum(x) * np.cumsum(w * x, axis=0),
    "cumprod": lambda x, w: np.cumprod(x),
    "sort": lambda x, w: np.sort(x) * np.arange(3.0),
    "median": lambda x, w: np.median(w * x, axis=0),
    "reshape": lambda x, w: (w * x).reshape(-1)[2:5],
    "transpose": lambda x, w: (w * x).T @ w,
    "moveaxis": lambda x, w: np.moveaxis(x[:, None, None] * w, 0, -1),
    "broadcast": lambda x, w: np.broadcast_to(x, (2, 3)) * x[:2, None],
    "concatenate": lambda x, w: np.concatenate([x, w[0], x * 2]),
    "stack": lambda x, w: np.stack([x, w[0]], axis=1),
    "split": lambda x, w: np.split(x, 3)[1] * x,
    "pad": lambda x, w: np.pad(x, (1, 2)),
    "flip": lambda x, w: np.flip(x) * np.roll(x, 1),
    "tile": lambda x, w: np.tile(x, (2, 2)) + np.repeat(x, 2),
    "slice": lambda x, w: x[::-1][:2] * x[..., None][1],
    "integer index": lambda x, w: x[1] * w[:, 2],
    "array index": lambda x, w: x[[0, 0, 2]] * w[[0, 1, 1], [2, 2, 0]],
    "mask": lambda x, w: x[np.array([True, False, True])],
    "index an unmapped array": lambda x, w: tg.ops.take(w, np.argsort(x), axis=0),
    "index a mapped array": lambda x, w: x[np.argsort(x)][np.argmax(x)],
    "take_along_axis": lambda x, w: np.take_along_axis(w * x, np.argsort(w * x, axis=1), axis=1),
    "where": lambda x, w: np.where(x > 0, x, w),
    "maximum": lambda x, w: np.maximum(x, w) + np.minimum(x, 0.1) + np.clip(x, -0.5, 0.5),
    "einsum": lambda x, w: np.einsum("i,ij,j->ij", x, w, x),
    "einsum trace": lambda x, w: np.einsum("ii", w * x),
    "tensordot": lambda x, w: np.tensordot(x[:, None] * w, w, axes=((0,), (1,))),
    "trace": lambda x, w: np.trace(w * x) + np.diagonal(w * x, 1).sum(),
    "power": lambda x, w: np.abs(x) ** w + np.abs(w) ** x + x**3,
    "arctan2": lambda x, w: np.arctan2(x, w) + np.hypot(x, w) + np.logaddexp(x, w),
    "conv1d": lambda x, w: tg.ops.conv1d(x.reshape(1, 1, 3), w[:2, None, :2]),
    "max_pool1d": lambda x, w: tg.ops.max_pool1d(x.reshape(1, 1, 3), 2, 1),
    "constant": lambda x, w: w,
    "stop": lambda x, w: tg.stop_gradient(x) * x,
}  # fmt: skip


def leaf(x: Any) -> Any:
    """A start of the tape, as a user makes one."""
    return tg.tensor(x, requires_grad=True)


def looped(f: Any, xs: Any) -> Any:
    return np.stack([np.asarray(f(x)) for x in xs])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_like_a_loop(name: str) -> None:
    """Value, gradient in mapped and unmapped arguments, Jacobian and Hessian."""
    f = FUNCTIONS[name]
    run = tg.vmap(f, in_axes=(0, None))
    got = run(XS, W)
    assert type(got) is np.ndarray
    np.testing.assert_allclose(got, looped(lambda x: f(x, W), XS), rtol=1e-12, atol=1e-13)
    total = lambda x, w: np.sum(np.tanh(f(x, w)))
    for derive in (
        tg.grad(total),
        tg.grad(total, 1),
        tg.jacfwd(f),
        tg.jacrev(f),
        tg.hessian(total),
    ):
        got = tg.vmap(derive, in_axes=(0, None))(XS, W)
        want = looped(lambda x, d=derive: d(x, W), XS)
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)
    outside = tg.grad(lambda xs, w: np.sum(np.tanh(run(xs, w))), argnums=(0, 1))(XS, W)
    each = [tg.grad(total, argnums=(0, 1))(x, W) for x in XS]
    np.testing.assert_allclose(outside[0], np.stack([g[0] for g in each]), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(outside[1], sum(g[1] for g in each), rtol=1e-10, atol=1e-12)
    v = RNG.normal(size=XS.shape)
    hv = tg.hvp(lambda xs: np.sum(np.tanh(run(xs, W))), XS, v)
    want = np.stack([tg.hvp(lambda x: total(x, W), x, t) for x, t in zip(XS, v, strict=True)])
    np.testing.assert_allclose(hv, want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_like_two_loops(name: str) -> None:
    """Nested maps: x over one axis, w over another, in both orders."""
    f = FUNCTIONS[name]
    ws = RNG.normal(size=(2, 3, 3))
    want = np.stack([[np.asarray(f(x, w)) for w in ws] for x in XS])
    inner = tg.vmap(f, in_axes=(None, 0))
    np.testing.assert_allclose(tg.vmap(inner, (0, None))(XS, ws), want, rtol=1e-11, atol=1e-12)
    inner = tg.vmap(f, in_axes=(0, None))
    other = tg.vmap(inner, in_axes=(None, 0), out_axes=1)(XS, ws)
    np.testing.assert_allclose(other, want, rtol=1e-11, atol=1e-12)
    g = tg.grad(lambda x, w: np.sum(np.sin(f(x, w))), argnums=1)
    want = np.stack([[g(x, w) for w in ws] for x in XS])
    got = tg.vmap(tg.vmap(g, (None, 0)), (0, None))(XS, ws)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


# ---- which axes ---------------------------------------------------------------------------------


def test_in_and_out_axes() -> None:
    a = RNG.normal(size=(2, 5, 3))
    f = lambda m: np.cumsum(m, axis=0)
    for i in (0, 1, 2, -1, -2, -3):
        for o in (0, 1, 2, -1, -2, -3):
            want = np.stack(
                [np.cumsum(np.take(a, k, axis=i), axis=0) for k in range(a.shape[i])], o
            )
            np.testing.assert_allclose(tg.vmap(f, in_axes=i, out_axes=o)(a), want)


def test_trees_and_prefixes() -> None:
    tree = {"a": XS, "b": [MS, None], "c": 2.0}
    f = lambda p, k: {"y": p["b"][0] @ p["a"] * p["c"] * k, "n": None, "k": (k,)}
    axes = ({"a": 0, "b": 0, "c": None}, None)
    out = tg.vmap(f, in_axes=axes, out_axes={"y": 1, "n": 0, "k": None})(tree, 3.0)
    np.testing.assert_allclose(out["y"], 6 * np.einsum("bij,bj->ib", MS, XS))
    assert out["n"] is None
    assert out["k"] == (3.0,)
    pair = tg.vmap(lambda p: p[0] * p[1])((XS, XS))
    np.testing.assert_allclose(pair, XS**2)
    listed = tg.vmap(lambda x, y: x + y, in_axes=[0, None])(XS, W[0])
    np.testing.assert_allclose(listed, XS + W[0])


def test_keyword_arguments_are_mapped_over_their_first_axis() -> None:
    np.testing.assert_allclose(tg.vmap(lambda x, *, k: x * k)(XS, k=np.arange(B)), XS * np.c_[0:B])


def test_outputs_that_do_not_depend_on_the_batch_are_repeated() -> None:
    out = tg.vmap(lambda x: (x, 1.0, W, np.float32(2)))(XS)
    np.testing.assert_array_equal(out[1], np.ones(B))
    np.testing.assert_array_equal(out[2], np.stack([W] * B))
    assert out[3].dtype == np.float32
    assert out[2].flags.writeable
    out[2][0] = 0  # a copy for each
    np.testing.assert_array_equal(out[2][1], W)


def test_scalars_empty_batches_and_types() -> None:
    assert tg.vmap(lambda x: x * 2)(np.arange(3.0)).shape == (3,)
    assert tg.vmap(lambda x: x @ W)(np.zeros((0, 3))).shape == (0, 3)
    assert tg.vmap(tg.grad(lambda x: x @ W @ x))(np.zeros((0, 3))).shape == (0, 3)
    assert tg.vmap(lambda x: x.sum(0))(np.zeros((2, 0, 3))).shape == (2, 3)
    assert tg.vmap(lambda x: x * 1.5)(np.float32(XS)).dtype == np.float32
    assert tg.vmap(tg.grad(lambda x: (x * 1.5).sum()))(np.float32(XS)).dtype == np.float32
    np.testing.assert_array_equal(
        tg.vmap(lambda i: tg.ops.take(W, i, axis=0))(np.array([2, 0])), W[[2, 0]]
    )
    np.testing.assert_array_equal(tg.vmap(lambda b: ~b)(np.array([True, False])), [False, True])


def test_shape_is_that_of_one_example() -> None:
    seen: list[Any] = []

    def f(m: Any) -> Any:
        seen.append((m.shape, m.ndim, m.size, len(m), m.dtype, [r.shape for r in m]))
        return m.T.reshape(-1)

    tg.vmap(f)(np.zeros((B, 2, 5)))
    assert seen == [((2, 5), 2, 10, 2, np.float64, [(5,), (5,)])]


def test_repr_names_the_batch() -> None:
    texts: list[str] = []

    def f(x: Any) -> Any:
        texts.append(repr(x))
        return x

    tg.vmap(f)(XS)
    assert texts == ["batched(over 4, each float64(3,))"]


# ---- with the other transforms ------------------------------------------------------------------


def test_per_example_gradients() -> None:
    """½(x·w − y)²: (x·w − y) x for each example; their mean is the gradient of the mean."""
    y = RNG.normal(size=B)
    loss = lambda w, x, y: 0.5 * (x @ w - y) ** 2
    each = tg.vmap(tg.grad(loss), in_axes=(None, 0, 0))(W[0], XS, y)
    np.testing.assert_allclose(each, (XS @ W[0] - y)[:, None] * XS)
    mean = tg.grad(lambda w: np.mean(tg.vmap(loss, in_axes=(None, 0, 0))(w, XS, y)))(W[0])
    np.testing.assert_allclose(mean, each.mean(0))


def test_directions_mapped_over_one_recording() -> None:
    f = lambda x: np.sum(np.tanh(W @ x) ** 2)
    _, push = tg.linearize(tg.grad(f), XS[0])
    np.testing.assert_allclose(tg.vmap(push)(np.eye(3)), tg.hessian(f)(XS[0]), atol=1e-14)
    _, pull = tg.vjp(lambda x: np.tanh(W @ x), XS[0])
    want = tg.jacobian(lambda x: np.tanh(W @ x))(XS[0])
    np.testing.assert_allclose(tg.vmap(pull)(np.eye(3))[0], want, atol=1e-14)
    h = tg.vmap(lambda v: tg.hvp(f, XS[0], v), out_axes=1)(np.eye(3))
    np.testing.assert_allclose(h, tg.hessian(f)(XS[0]), atol=1e-14)


def test_mapped_and_raw_cotangents_mix() -> None:
    """Some parts of a cotangent are mapped and others not, in every order."""
    f = lambda x: tuple(k * x for k in (1.0, 10.0, 100.0, 1000.0))
    _, pull = tg.vjp(f, XS[0])
    raw, v = np.ones(3), np.eye(3)
    for mapped in range(16):
        bits = [bool(mapped >> i & 1) for i in range(4)]
        if not any(bits):
            continue
        got = tg.vmap(lambda c, bits=bits: pull(tuple(c if b else raw for b in bits))[0])(v)
        want = sum(10.0**i * (v if b else raw) for i, b in enumerate(bits)) * np.ones((3, 1))
        np.testing.assert_allclose(got, want)


def test_closures_over_an_outer_map() -> None:
    """The inner map closes over a tensor of the outer one."""
    got = tg.vmap(lambda x: tg.vmap(lambda y: x @ y)(XS))(XS)
    np.testing.assert_allclose(got, XS @ XS.T)
    got = tg.vmap(lambda x: tg.vmap(lambda y: y * x[0])(x))(XS)
    np.testing.assert_allclose(got, XS * XS[:, :1])
    got = tg.vmap(lambda x: tg.jacobian(lambda y: x * y.sum())(x))(XS)
    np.testing.assert_allclose(got, XS[:, :, None] * np.ones(3))


def test_custom_rules_and_checkpoints_inside() -> None:
    f = tg.checkpoint(lambda x: np.sin(x) * x.sum())
    total = lambda x: np.sum(f(x) ** 2)
    plain = lambda x: np.sum((np.sin(x) * x.sum()) ** 2)
    for d in (tg.grad, tg.hessian):
        np.testing.assert_allclose(tg.vmap(d(total))(XS), looped(d(plain), XS), rtol=1e-11)


def test_tensors_of_a_tape_can_be_mapped() -> None:
    x, w = leaf(XS), leaf(W)
    out = tg.vmap(lambda x: np.tanh(w @ x))(x)
    assert isinstance(out, tg.Tensor)
    out.sum().backward()
    slope = 1 / np.cosh(XS @ W.T) ** 2
    np.testing.assert_allclose(x.grad.numpy(), slope @ W)
    np.testing.assert_allclose(w.grad.numpy(), slope.T @ XS)
    assert x.grad.shape == (B, 3)


def test_backward_inside_a_map_is_refused_or_right() -> None:
    def f(x: Any) -> Any:
        w = leaf(2.0)
        (w * x.sum()).backward()
        return w.grad

    try:
        got = tg.vmap(f)(XS)
    except (TypeError, ValueError) as refusal:
        assert "vmap" in str(refusal) or "backward" in str(refusal)
    else:
        np.testing.assert_allclose(got, XS.sum(1))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
)
def test_broadcasting_of_mapped_operands(
    a: list[int], b: list[int], i: int, j: int, both: bool
) -> None:
    """Logical shapes broadcast as in NumPy, whatever the ranks and wherever the batch lies."""
    a = a[-len(b) :] if len(a) > len(b) else a
    b = [n if m == 1 else m if k % 2 else 1 for k, (n, m) in enumerate(
        zip(b, ([1] * (len(b) - len(a))) + a, strict=True))]  # fmt: skip
    i, j = i % (len(a) + 1), j % (len(b) + 1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(*a[:i], 5, *a[i:]))
    y = rng.normal(size=(*b[:j], 5, *b[j:]) if both else b)
    f = lambda x, y: np.sin(x) * y + x / (2 + y * y)
    got = tg.vmap(f, in_axes=(i, j if both else None))(x, y)
    xs = np.moveaxis(x, i, 0)
    ys = np.moveaxis(y, j, 0) if both else [y] * 5
    want = np.stack([f(p, q) for p, q in zip(xs, ys, strict=True)])
    np.testing.assert_allclose(got, want)
    total = lambda x, y: np.sum(tg.vmap(f, in_axes=(i, j if both else None))(x, y) ** 2)
    gx, gy = tg.grad(total, argnums=(0, 1))(x, y)
    pair = tg.grad(lambda p, q: np.sum(f(p, q) ** 2), argnums=(0, 1))
    each = [pair(p, q) for p, q in zip(xs, ys, strict=True)]
    np.testing.assert_allclose(gx, np.stack([g[0] for g in each], i), atol=1e-12)
    want = np.stack([g[1] for g in each], j) if both else sum(g[1] for g in each)
    np.testing.assert_allclose(gy, want, atol=1e-12)
