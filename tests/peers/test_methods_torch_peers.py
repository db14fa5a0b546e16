"""More methods that users of PyTorch type, held against PyTorch in float64: values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_methods_peers import ALONG, MASK, A, B, Call, T, compare

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

S = A[:, :3] @ A[:, :3].T + 2 * np.eye(3)
POSITIVE = np.abs(A) + 0.3

SAME: dict[str, tuple[Call, tuple[Any, ...]]] = {
    "t": (lambda x: x.t().contiguous(), (A,)),
    "unflatten": (lambda x: x.unflatten(1, (2, -1)), (A,)),
    "unfold": (lambda x: x.unfold(1, 2, 1), (A,)),
    "unfold with steps": (lambda x: x.unfold(-1, 2, 2), (T,)),
    "narrow": (lambda x: x.narrow(1, -3, 2), (A,)),
    "select": (lambda x: x.select(-1, 2), (T,)),
    "unbind": (lambda x: x.unbind(1)[-1], (T,)),
    "movedim": (lambda x: x.movedim(0, 2), (T,)),
    "swapdims": (lambda x: x.swapdims(0, 2), (T,)),
    "diag_embed": (lambda x: x.diag_embed(1), (A,)),
    "diag_embed below": (lambda x: x.diag_embed(-2), (A,)),
    "expand_as": (lambda x, y: x[:1].expand_as(y) * y, (A, B)),
    "view_as": (lambda x, y: x.t().reshape_as(y) * y, (A, B)),
    "repeat_interleave": (lambda x: x.repeat_interleave(3, dim=1), (A,)),
    "clone": (lambda x: x.clone() * x, (A,)),
    "lerp": (lambda x, y: x.lerp(y, 0.3), (A, B)),
    "frac": (lambda x: x.frac(), (A,)),
    "addcmul": (lambda x, y: x.addcmul(y, y, value=0.5), (A, B)),
    "addcdiv": (lambda x, y: x.addcdiv(y, x * x + 1, value=0.5), (A, B)),
    "addmm": (lambda x, y: x.addmm(y, y.t() @ y, beta=0.5, alpha=2), (A, B)),
    "mm": (lambda x, y: x.mm(y.t()), (A, B)),
    "mv": (lambda x, y: x.mv(y[0]), (A, B)),
    "bmm": (lambda x: x.bmm(x.mT), (T,)),
    "outer": (lambda x: x[0].outer(x[1]), (A,)),
    "logcumsumexp": (lambda x: x.logcumsumexp(dim=1), (100 * A,)),
    "dist": (lambda x, y: x.dist(y), (A, B)),
    "dist of order 3": (lambda x, y: x.dist(y, 3), (A, B)),
    "kthvalue": (lambda x: x.kthvalue(2, dim=1)[0], (A,)),
    "aminmax": (lambda x: x.aminmax(dim=1)[1], (A,)),
    "amax": (lambda x: x.amax(dim=(0, 2)), (T,)),
    "det": (lambda x: x.det(), (S,)),
    "logdet": (lambda x: x.logdet(), (S,)),
    "inverse": (lambda x: x.inverse(), (S,)),
    "pinverse": (lambda x: x.pinverse(), (A,)),
    "matrix_exp": (lambda x: x.matrix_exp(), (S / 4,)),
    "matrix_power": (lambda x: x.matrix_power(3), (S,)),
    "singular values": (lambda x: x.svd()[1], (S,)),
    "adjoint": (lambda x: x.adjoint() * 2, (T,)),
    "cov": (lambda x: x.cov(), (A,)),
    "corrcoef": (lambda x: x.corrcoef(), (A,)),
    "cross": (lambda x: x[:, :3].cross(x[:, 1:], dim=1), (A,)),
    "quantile": (lambda x: x.quantile(0.3, dim=1), (A,)),
    "nanmean": (lambda x: x.nanmean(dim=1), (A,)),
    "hypot": (lambda x, y: x.hypot(y), (A, B)),
    "atan2": (lambda x, y: x.atan2(y), (A, B)),
    "logaddexp": (lambda x, y: x.logaddexp(y), (A, B)),
    "digamma": (lambda x: x.digamma(), (POSITIVE,)),
    "lgamma": (lambda x: x.lgamma(), (POSITIVE,)),
    "mvlgamma": (lambda x: (x + 2).mvlgamma(3), (POSITIVE,)),
    "erfc": (lambda x: x.erfc(), (A,)),
    "erfinv": (lambda x: x.tanh().erfinv(), (A,)),
    "logit": (lambda x: x.sigmoid().logit(), (A,)),
    "i0": (lambda x: x.i0(), (A,)),
    "xlogy": (lambda x, y: x.xlogy(y * y + 1), (A, B)),
    "nan_to_num": (lambda x: x.nan_to_num() * 2, (A,)),
    "float_power": (lambda x: x.float_power(1.5), (POSITIVE,)),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_call(torch: Any, name: str) -> None:
    call, xs = SAME[name]
    compare(torch, call, call, *xs)


# hardsigmoid is left out: PyTorch rounds its 1/6 to float32.
ACTIVATIONS = {
    "relu6": {}, "celu": {"alpha": 0.5}, "selu": {}, "mish": {}, "softsign": {}, "logsigmoid": {},
    "hardswish": {}, "hardtanh": {}, "hardshrink": {}, "softshrink": {},
    "silu": {}, "elu": {}, "leaky_relu": {}, "gelu": {}, "softplus": {},
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(torch: Any, name: str) -> None:
    options = ACTIVATIONS[name]
    there = getattr(torch.nn.functional, name)
    compare(torch, lambda x: getattr(x, name)(**options), lambda x: there(x, **options), 4 * T)


def test_prelu(torch: Any) -> None:
    f = torch.nn.functional
    compare(
        torch, lambda x, w: x.prelu(w), lambda x, w: f.prelu(x, w), A, np.array([0.3, 0.1, -0.2, 1])
    )


def test_positions(torch: Any) -> None:
    t = torch.tensor
    first = np.array([0, 2, 0])
    compare(torch, lambda x: x.masked_select(MASK), lambda x: x.masked_select(t(MASK)), A)
    compare(
        torch,
        lambda x, y: x.index_add(0, first, y, alpha=2),
        lambda x, y: x.index_add(0, t(first), y, alpha=2),
        A, B,
    )  # fmt: skip
    compare(
        torch,
        lambda x, y: x.index_copy(1, [2, 0], y[:, :2]),
        lambda x, y: x.index_copy(1, t([2, 0]), y[:, :2]),
        A, B,
    )  # fmt: skip
    compare(torch, lambda x: x.index_fill(1, [2], 7.0), lambda x: x.index_fill(1, t([2]), 7.0), A)
    compare(
        torch,
        lambda x: x.take_along_dim(ALONG, dim=1),
        lambda x: x.take_along_dim(t(ALONG), dim=1),
        A,
    )
    compare(torch, lambda x: x.tensor_split(3, dim=1)[0], lambda x: x.tensor_split(3, dim=1)[0], A)


def test_attention_and_similarity(torch: Any) -> None:
    f, t = torch.nn.functional, torch.tensor
    keep = np.tri(3, dtype=bool)
    for options in ({}, {"is_causal": True}):
        compare(
            torch,
            lambda q, k, v: q.scaled_dot_product_attention(k, v, **options),
            lambda q, k, v: f.scaled_dot_product_attention(q, k, v, **options),
            T, T[::-1].copy(), np.cos(T),
        )  # fmt: skip
    compare(
        torch,
        lambda q: q.scaled_dot_product_attention(q, q, attn_mask=keep),
        lambda q: f.scaled_dot_product_attention(q, q, q, attn_mask=t(keep)),
        T,
    )
    compare(
        torch,
        lambda x, y: x.cosine_similarity(y, axis=1),
        lambda x, y: f.cosine_similarity(x, y, dim=1),
        A, B,
    )  # fmt: skip
