"""Methods that users of PyTorch type, held against PyTorch in float64: values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

RNG = np.random.default_rng(1)
A, B = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
T = RNG.normal(size=(2, 3, 4))
IMAGES = RNG.normal(size=(2, 4, 6, 7))
KERNEL, SPREADING = RNG.normal(size=(6, 2, 3, 2)), RNG.normal(size=(4, 3, 3, 2))
WEIGHT, BIAS = RNG.normal(size=4), RNG.normal(size=4)
AT = np.array([[0, 2, 1, 1], [2, 2, 0, 1]])
ALONG = np.array([[3, 0], [1, 2], [2, 0]])
LABELS = np.array([3, 0, 2])
MASK = A > 0.2

Call = Callable[..., Any]


def compare(torch: Any, here: Call, there: Call, *xs: Any) -> None:
    """Values, and gradients of a sum with unequal weights."""
    mine = [tg.tensor(x, requires_grad=True) for x in xs]
    others = [torch.tensor(x, requires_grad=True) for x in xs]
    y, z = here(*mine), there(*others)
    want = z.detach().numpy()
    assert y.shape == want.shape
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-10, atol=1e-12)
    weights = np.cos(np.arange(want.size)).reshape(want.shape)
    (y * weights).sum().backward()
    (z * torch.tensor(weights)).sum().backward()
    for a, b in zip(mine, others, strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-9, atol=1e-11)


SAME: dict[str, tuple[Call, tuple[Any, ...]]] = {
    "permute": (lambda x: x.permute(2, 0, 1), (T,)),
    "view": (lambda x: x.view(2, -1), (T,)),
    "flatten": (lambda x: x.flatten(0, 1), (T,)),
    "expand": (lambda x: x.expand(5, -1, 4), (A[:, :1],)),
    "unsqueeze": (lambda x: x.unsqueeze(1).squeeze(dim=1).unsqueeze(-1), (A,)),
    "chunk": (lambda x: x.chunk(3, dim=1)[-1], (A,)),
    "masked softmax": (lambda x: x.masked_fill(x < -0.5, -1e3).softmax(dim=1), (A,)),
    "clamp": (lambda x: x.clamp(min=-0.3, max=0.6), (A,)),
    "log_softmax": (lambda x: x.log_softmax(dim=0), (A,)),
    "logsumexp": (lambda x: x.logsumexp(dim=1, keepdim=True), (A,)),
    "flip": (lambda x: x.flip(0, 2), (T,)),
    "roll": (lambda x: x.roll(2, 1), (A,)),
    "cumsum": (lambda x: x.cumsum(dim=1), (A,)),
    "cumprod": (lambda x: x.cumprod(dim=1), (A,)),
    "cummax": (lambda x: x.cummax(dim=1)[0], (np.round(A),)),
    "cummin": (lambda x: x.cummin(dim=0)[0], (np.round(B),)),
    "topk": (lambda x: x.topk(2, dim=0)[0], (A,)),
    "topk smallest": (lambda x: x.topk(2, 1, False)[0], (A,)),
    "norm": (lambda x: x.norm(dim=1), (A,)),
    "mean": (lambda x: x.mean(dim=(0, 2), keepdim=True), (T,)),
    "tril": (lambda x: x.tril(-1) + x.triu(1), (A,)),
    "mT": (lambda x: x.mT.matmul(x), (T,)),
    "relu": (lambda x: x.relu(), (A,)),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_call(torch: Any, name: str) -> None:
    call, xs = SAME[name]
    compare(torch, call, call, *xs)


def test_positions(torch: Any) -> None:
    t = torch.tensor
    for axis, at in ((0, AT), (1, ALONG)):
        compare(torch, lambda x: x.gather(axis, at), lambda x: x.gather(axis, t(at)), A)
        compare(
            torch,
            lambda x, y: x.scatter_add(axis, at, y),
            lambda x, y: x.scatter_add(axis, t(at), y),
            A,
            B[: at.shape[0], : at.shape[1]],  # PyTorch has no gradient for a longer source
        )
    compare(
        torch,
        lambda x, y: x.scatter(1, ALONG, y),
        lambda x, y: x.scatter(1, t(ALONG), y),
        A,
        B[:, :2],
    )
    compare(
        torch,
        lambda x: x.index_select(1, [3, 3, 0]),
        lambda x: x.index_select(1, t([3, 3, 0])),
        A,
    )
    compare(torch, lambda x: x.where(MASK, 2.0), lambda x: x.where(t(MASK), t(2.0)), A)
    hot = torch.nn.functional.one_hot(t(LABELS), 4).numpy()
    np.testing.assert_array_equal(tg.tensor(LABELS).one_hot(4).numpy(), hot)


@pytest.mark.parametrize("name", ["values", "positions"])
def test_order(torch: Any, name: str) -> None:
    n = ["values", "positions"].index(name)
    x = np.round(RNG.normal(size=(5, 9)) * 2)
    x[1, 3] = np.nan
    for call in (lambda x: x.cummax(1)[n], lambda x: x.cummin(1)[n]):
        np.testing.assert_array_equal(call(tg.tensor(x)).numpy(), call(torch.tensor(x)).numpy())
    y = RNG.permutation(45).reshape(5, 9) / 7
    for call in (lambda x: x.topk(4, 1)[n], lambda x: x.topk(3, 0, False)[n]):
        np.testing.assert_array_equal(call(tg.tensor(y)).numpy(), call(torch.tensor(y)).numpy())


def test_nets(torch: Any) -> None:
    f, t = torch.nn.functional, torch.tensor
    labels = t(LABELS)
    for reduction in ("mean", "sum", "none"):
        compare(
            torch,
            lambda x: x.cross_entropy(LABELS, label_smoothing=0.1, reduction=reduction),
            lambda x: f.cross_entropy(x, labels, label_smoothing=0.1, reduction=reduction),
            A,
        )
    compare(
        torch,
        lambda x, w, b: x.layernorm(weight=w, bias=b, eps=1e-3),
        lambda x, w, b: f.layer_norm(x, (4,), w, b, 1e-3),
        T, WEIGHT, BIAS,
    )  # fmt: skip
    compare(
        torch,
        lambda x, w, b: x.batchnorm(w, b, eps=1e-3),
        lambda x, w, b: f.batch_norm(x, None, None, w, b, True, 0.1, 1e-3),
        IMAGES, WEIGHT, BIAS,
    )  # fmt: skip
    variance = WEIGHT**2 + 0.5
    compare(
        torch,
        lambda x, w, b: x.batchnorm(w, b, BIAS, (variance + 1e-3) ** -0.5),
        lambda x, w, b: f.batch_norm(x, t(BIAS), t(variance), w, b, False, 0.1, 1e-3),
        IMAGES, WEIGHT, BIAS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "extra"),
    [(1, 0, 1, 0), ((2, 3), (1, 0), 1, (1, 2)), (2, (2, 1), (1, 2), (0, 1))],
)
def test_convolutions(torch: Any, stride: Any, padding: Any, dilation: Any, extra: Any) -> None:
    f = torch.nn.functional
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": 2}
    compare(
        torch,
        lambda x, w, b: x.conv2d(w, b, **options),
        lambda x, w, b: f.conv2d(x, w, b, **options),
        IMAGES, KERNEL, RNG.normal(size=6),
    )  # fmt: skip
    compare(
        torch,
        lambda x, w, b: x.conv_transpose2d(w, b, output_padding=extra, **options),
        lambda x, w, b: f.conv_transpose2d(x, w, b, output_padding=extra, **options),
        IMAGES, SPREADING, RNG.normal(size=6),
    )  # fmt: skip


def test_pools(torch: Any) -> None:
    f = torch.nn.functional
    for size, stride, padding in ((2, None, 0), ((3, 2), (2, 1), 1), (3, 2, (1, 0))):
        for name in ("avg_pool2d", "max_pool2d"):
            compare(
                torch,
                lambda x: getattr(x, name)(size, stride, padding),
                lambda x: getattr(f, name)(x, size, stride, padding),
                IMAGES,
            )


@pytest.mark.parametrize(
    "options",
    [
        {"size": (7, 3)}, {"size": 11}, {"scale_factor": 2}, {"scale_factor": (0.5, 1.7)},
        {"size": (4, 13), "mode": "bilinear"}, {"scale_factor": 1.5, "mode": "bilinear"},
        {"size": (9, 3), "mode": "bilinear", "align_corners": True},
        {"size": (1, 1), "mode": "bilinear", "align_corners": True},
    ],
)  # fmt: skip
def test_interpolate(torch: Any, options: Any) -> None:
    there = torch.nn.functional.interpolate
    compare(torch, lambda x: x.interpolate(**options), lambda x: there(x, **options), IMAGES)


def test_assignment(torch: Any) -> None:
    def steps(x: Any, v: Any) -> Any:
        y = x * x
        kept = y.sum()
        y[0] = v[1]
        y[1:, ::2] += v[:2, :2]
        y[y < 0.1] = 0.5
        y *= 2 + v
        first = y[:, 0].clone() if hasattr(y, "clone") else y[:, 0]  # a view there, a copy here
        y[:, 1] = first * v[:, 2]
        return y * kept

    compare(torch, steps, steps, A, B)
