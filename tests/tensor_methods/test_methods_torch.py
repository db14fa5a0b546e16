"""Methods that PyTorch's and tinygrad's tensors have, against NumPy and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import tinygrad_hess as tg

RNG = np.random.default_rng(2)
A, B = RNG.uniform(0.2, 2.0, size=(2, 3, 4))
S = A[:, :3] @ A[:, :3].T + np.eye(3)
T = RNG.normal(size=(2, 3, 4))
SIGNED = RNG.normal(size=(3, 4))

Call = Callable[[Any], Any]

OF_NUMPY: dict[str, tuple[Call, Call]] = {
    "to": (lambda x: x.to("cpu").to(np.float64), lambda x: x),
    "t": (lambda x: x.t(), lambda x: x.T),
    "expand_as": (lambda x: x[:1].expand_as(B), lambda x: np.broadcast_to(x[:1], B.shape)),
    "reshape_as": (lambda x: x.reshape_as(np.ones((2, 6))), lambda x: x.reshape(2, 6)),
    "unflatten": (lambda x: x.unflatten(1, (2, -1)), lambda x: x.reshape(3, 2, 2)),
    "unfold": (
        lambda x: x.unfold(1, 3, 1),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 3, 1),
    ),
    "narrow": (lambda x: x.narrow(1, 1, 2), lambda x: x[:, 1:3]),
    "select": (lambda x: x.select(0, -1), lambda x: x[-1]),
    "unbind": (lambda x: x.unbind(1)[2], lambda x: x[:, 2]),
    "shrink": (lambda x: x.shrink((1, 3), None), lambda x: x[1:3]),
    "diag_embed": (lambda x: x.diag_embed(1)[1], lambda x: np.diag(x[1], 1)),
    "masked_select": (lambda x: x.masked_select(B > 1), lambda x: x[B > 1]),
    "lerp": (lambda x: x.lerp(B, 0.3), lambda x: x + (B - x) * 0.3),
    "frac": (lambda x: x.frac(), lambda x: np.modf(x)[0]),
    "clamp_min": (lambda x: x.clamp_min(1.0), lambda x: np.maximum(x, 1.0)),
    "clamp_max": (lambda x: x.clamp_max(1.0), lambda x: np.minimum(x, 1.0)),
    "addcmul": (lambda x: x.addcmul(B, x, value=0.5), lambda x: x + 0.5 * B * x),
    "addcdiv": (lambda x: x.addcdiv(B, x, value=0.5), lambda x: x + 0.5 * B / x),
    "addmm": (lambda x: x.addmm(B, np.eye(4), beta=2), lambda x: 2 * x + B),
    "mm": (lambda x: x.mm(B.T), lambda x: x @ B.T),
    "mv": (lambda x: x.mv(B[0]), lambda x: x @ B[0]),
    "logcumsumexp": (lambda x: x.logcumsumexp(1), lambda x: np.log(np.cumsum(np.exp(x), 1))),
    "cosine_similarity": (
        lambda x: x.cosine_similarity(B),
        lambda x: (x * B).sum(-1) / np.sqrt((x * x).sum(-1) * (B * B).sum(-1)),
    ),
    "dist": (lambda x: x.dist(B), lambda x: np.sqrt(((x - B) ** 2).sum())),
    "linear": (lambda x: x.linear(B.T, np.ones(3)), lambda x: x @ B.T + 1),
    "kthvalue": (lambda x: x.kthvalue(2, 1)[0], lambda x: np.sort(x, 1)[:, 1]),
    "aminmax": (lambda x: x.aminmax(0)[1] - x.aminmax(0)[0], lambda x: np.ptp(x, 0)),
    "index_add": (lambda x: x.index_add(0, [0, 0], B[:2], alpha=2), lambda x: x + 2 * _at_first(B)),
    "index_copy": (lambda x: x.index_copy(1, [2], B[:, :1]), lambda x: _with(x, B[:, :1])),
    "index_fill": (lambda x: x.index_fill(1, [2], 7.0), lambda x: _with(x, np.full((3, 1), 7.0))),
    "repeat_interleave": (lambda x: x.repeat_interleave(2, dim=1), lambda x: np.repeat(x, 2, 1)),
    "movedim": (lambda x: x.movedim(0, 1), lambda x: x.T),
    "clone": (lambda x: x.clone() * x, lambda x: x * x),
    "contiguous": (lambda x: x.T.contiguous().view(-1), lambda x: x.T.ravel()),
    "nanmean": (lambda x: x.nanmean(dim=1), lambda x: np.nanmean(x, 1)),
    "quantile": (lambda x: x.quantile(0.3, dim=1), lambda x: np.quantile(x, 0.3, 1)),
    "sum where": (lambda x: x.sum(axis=0, where=B > 1), lambda x: np.sum(x, 0, where=B > 1)),
    "median of all": (lambda x: x.median(), lambda x: np.median(x)),
    "std correction": (lambda x: x.std(0, ddof=1), lambda x: np.std(x, 0, ddof=1)),
    "round": (lambda x: x * x.round(1), lambda x: x * np.round(x, 1)),
    "cov": (lambda x: x.cov(), np.cov),
    "corrcoef": (lambda x: x.corrcoef(), np.corrcoef),
    "lgamma": (lambda x: x.lgamma(), scipy.special.gammaln),
    "digamma": (lambda x: x.digamma(), scipy.special.digamma),
    "erfinv": (lambda x: (x / 3).erfinv(), lambda x: scipy.special.erfinv(x / 3)),
    "xlogy": (lambda x: x.xlogy(B), lambda x: scipy.special.xlogy(x, B)),
    "choose": (lambda x: tg.tensor([0, 1, 1]).choose([x[:, 0], x[:, 1]]), lambda x: x[[0, 1, 2], [0, 1, 1]]),
    "hardsigmoid": (lambda x: (4 * x - 4).hardsigmoid(), lambda x: np.clip((4 * x - 4) / 6 + 0.5, 0, 1)),
    "hardswish": (lambda x: x.hardswish(), lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "relu6": (lambda x: (5 * x).relu6(), lambda x: np.clip(5 * x, 0, 6)),
    "celu": (lambda x: (x - 1).celu(0.7), lambda x: np.where(x > 1, x - 1, 0.7 * np.expm1((x - 1) / 0.7))),
    "mish": (lambda x: x.mish(), lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    "softsign": (lambda x: (x - 1).softsign(), lambda x: (x - 1) / (1 + abs(x - 1))),
    "logsigmoid": (lambda x: x.logsigmoid(), lambda x: -np.log1p(np.exp(-x))),
    "prelu": (lambda x: (x - 1).prelu(x[0]), lambda x: np.where(x > 1, x - 1, x[0] * (x - 1))),
    "hardshrink": (lambda x: (x - 1).hardshrink(), lambda x: np.where(abs(x - 1) > 0.5, x - 1, 0)),
    "softshrink": (lambda x: (x - 1).softshrink(), lambda x: np.sign(x - 1) * np.maximum(abs(x - 1) - 0.5, 0)),
}  # fmt: skip


def _at_first(v: Any) -> Any:
    out = np.zeros((3, 4))
    out[0] = v[0] + v[1]
    return out


def _with(x: Any, column: Any) -> Any:
    out = x.copy()
    out[:, 2:3] = column
    return out


def _derivative(f: Call, x: Any, v: Any, h: float = 1e-5) -> Any:
    return (f(x + h * v) - f(x - h * v)) / (2 * h)


def _check(f: Call, g: Call, x: Any) -> None:
    y, want = f(tg.tensor(x, requires_grad=True)), g(x)
    assert y.requires_grad
    assert (y.shape, y.dtype) == (np.shape(want), np.asarray(want).dtype)
    np.testing.assert_allclose(y.detach().numpy(), want, rtol=1e-12, atol=1e-14)
    v = RNG.normal(size=x.shape)
    _, t = tg.jvp(f, (x,), (v,))
    np.testing.assert_allclose(t, _derivative(g, x, v), rtol=1e-6, atol=1e-8)
    u = RNG.normal(size=np.shape(want))
    np.testing.assert_allclose(np.sum(tg.vjp(f, x)[1](u)[0] * v), np.sum(u * t), rtol=1e-11)


@pytest.mark.parametrize("name", OF_NUMPY)
def test_value_and_derivatives(name: str) -> None:
    _check(*OF_NUMPY[name], A)


@pytest.mark.parametrize(
    ("f", "g"),
    [
        (lambda x: x.det(), np.linalg.det),
        (lambda x: x.logdet(), lambda x: np.log(np.linalg.det(x))),
        (lambda x: x.inverse(), np.linalg.inv),
        (lambda x: x.slogdet()[1], lambda x: np.linalg.slogdet(x)[1]),
        (lambda x: x.matrix_power(3), lambda x: x @ x @ x),
        (lambda x: x.mH @ x.H, lambda x: x.T @ x.T),
        (lambda x: x.svd()[1], lambda x: np.linalg.svd(x)[1]),
    ],
)
def test_of_matrices(f: Call, g: Call) -> None:
    _check(f, g, S)


def test_attention() -> None:
    keep = RNG.random((3, 3)) > 0.3
    keep |= np.eye(3, dtype=bool)

    def weighed(x: Any, bias: Any) -> Any:
        e = np.exp(np.einsum("bik,bjk->bij", x, x) / 2 + bias)
        return (e / e.sum(-1, keepdims=True)) @ (2 * x)

    for options, bias in (
        ({}, 0.0),
        ({"is_causal": True}, np.where(np.tri(3), 0.0, -np.inf)),
        ({"attn_mask": keep}, np.where(keep, 0.0, -np.inf)),
        ({"attn_mask": keep * 0.5}, keep * 0.5),
    ):
        _check(
            lambda x: x.scaled_dot_product_attention(x, 2 * x, **options),
            lambda x: weighed(x, bias),
            T,
        )


def test_types() -> None:
    x = tg.tensor(A, requires_grad=True)
    for got, dtype in (
        (x.float(), np.float32),
        (x.double(), np.float64),
        (x.int(), np.int32),
        (x.long(), np.int64),
        (x.bool(), np.bool),
        (x.to(np.float32), np.float32),
        (x.to("float32"), np.float32),
        (x.to(tg.tensor([1])), np.int64),
        (x.type_as(A.astype(np.float32)), np.float32),
    ):
        assert got.dtype == dtype
    assert x.to("cuda:0", dtype=np.float32).dtype == np.float32
    assert x.float().requires_grad
    assert x.is_floating_point()
    assert not x.is_complex()
    assert (x.dim(), x.numel(), x.element_size(), x.nbytes, x.itemsize) == (2, 12, 8, 96, 8)


def test_tensors_like_another() -> None:
    x = tg.tensor(A.astype(np.float32))
    for got, want in (
        (x.zeros_like(), np.zeros((3, 4))),
        (x.ones_like(), np.ones((3, 4))),
        (x.full_like(2.5), np.full((3, 4), 2.5)),
        (x.new_zeros(2), np.zeros(2)),
        (x.new_ones((2, 1)), np.ones((2, 1))),
        (x.new_full((2,), 3.0), np.full(2, 3.0)),
        (x.new_tensor([1.0, 2.0]), np.array([1.0, 2.0])),
        (x.rand_like(seed=3), np.random.default_rng(3).random((3, 4), dtype=np.float32)),
    ):
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got.numpy(), want)
    assert x.randn_like(seed=0, dtype=np.float64).dtype == np.float64
    assert x.zeros_like(requires_grad=True).requires_grad


def test_writing() -> None:
    def f(x: Any) -> Any:
        y = x * x
        y.put([0, 5], x[0, :2] * 3)
        z = x * 1.0
        z.fill(2.0)
        return y + z

    want = A * A
    want.flat[[0, 5]] = 3 * A[0, :2]
    np.testing.assert_allclose(f(tg.tensor(A)).numpy(), want + 2)
    slope = np.where(np.isin(np.arange(12), [0, 5]), 0, 2 * A.ravel()).reshape(3, 4)
    slope[0, :2] += 3
    np.testing.assert_allclose(tg.grad(lambda x: f(x).sum())(A), slope)


@pytest.mark.parametrize(
    ("wrong", "kind", "match"),
    [
        (lambda x: x[None].t(), ValueError, "two axes"),
        (lambda x: x.unflatten(1, (3, -1)), ValueError, r"4 elements.*\(3, -1\)"),
        (lambda x: x.unfold(1, 5, 1), ValueError, "windows of 5.*of 4"),
        (lambda x: x.narrow(0, 2, 2), ValueError, "2 to 4 of 3"),
        (lambda x: x.select(0, 3), IndexError, "3"),
        (lambda x: x.kthvalue(5), ValueError, "5 of 4"),
    ],
)
def test_errors(wrong: Call, kind: Any, match: str) -> None:
    with pytest.raises(kind, match=match):
        wrong(tg.tensor(A))
