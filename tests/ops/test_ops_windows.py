"""Convolution and pooling against loops that spell out their definition."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sampling import spaced

import tinygrad_hess as tg
from tinygrad_hess import ops

Function = Callable[..., Any]


def made(*shapes: tuple[int, ...]) -> list[Any]:
    return [spaced(np.random.default_rng(i), s) for i, s in enumerate(shapes)]


def looped(x: Any, w: Any, b: Any, stride: Any, pads: Any, dilation: Any, groups: int) -> Any:
    """Cross-correlation, one output element after another. ``pads``: (before, after) an axis."""
    rank = x.ndim - 2
    x = np.pad(x, ((0, 0), (0, 0), *pads))
    size = w.shape[2:]
    places = tuple(
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(x.shape[2:], size, stride, dilation, strict=True)
    )
    out = np.zeros((x.shape[0], w.shape[0], *places))
    inputs, outputs = w.shape[1], w.shape[0] // groups
    for n, o in itertools.product(range(x.shape[0]), range(w.shape[0])):
        for place in np.ndindex(places):
            total = 0.0 if b is None else b[o]
            for c, *k in np.ndindex(w.shape[1:]):
                at = tuple(place[a] * stride[a] + k[a] * dilation[a] for a in range(rank))
                total += x[(n, o // outputs * inputs + c, *at)] * w[(o, c, *k)]
            out[(n, o, *place)] = total
    return out


CONVS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 1, 5), (1, 1, 3), {}),
    ((2, 3, 7), (4, 3, 2), {"stride": 2, "padding": 1}),
    ((1, 2, 8), (2, 2, 3), {"dilation": 2, "padding": 2}),
    ((2, 4, 6), (6, 2, 3), {"groups": 2, "stride": 2}),
    ((1, 2, 6), (3, 2, 4), {"padding": "same"}),
    ((1, 2, 6), (3, 2, 3), {"padding": "valid"}),
    ((1, 3, 6), (3, 1, 6), {"groups": 3}),
    ((2, 1, 5, 4), (2, 1, 3, 2), {}),
    ((1, 2, 5, 6), (3, 2, 2, 3), {"stride": (2, 1), "padding": (1, 2)}),
    ((1, 2, 7, 6), (2, 2, 3, 2), {"dilation": (1, 2), "padding": 1}),
    ((2, 4, 4, 4), (4, 2, 3, 3), {"groups": 2, "padding": "same"}),
    ((1, 3, 4, 4), (6, 1, 2, 2), {"groups": 3, "stride": 2}),
    ((1, 2, 5, 5), (2, 2, 4, 4), {"padding": "same"}),
    ((1, 1, 3, 3), (1, 1, 1, 1), {"stride": 3}),
    ((2, 2, 6, 5), (2, 2, 2, 2), {"stride": 2, "dilation": 2, "padding": 1}),
]


def _each(v: Any, rank: int) -> tuple[int, ...]:
    return (v,) * rank if isinstance(v, int) else tuple(v)


def _pads(how: dict[str, Any], size: Any, dilation: Any) -> list[tuple[int, int]]:
    padding = how.get("padding", 0)
    if padding == "same":  # the odd one goes behind
        reach = [d * (k - 1) for k, d in zip(size, dilation, strict=True)]
        return [(r // 2, r - r // 2) for r in reach]
    padding = 0 if padding == "valid" else padding
    return [(p, p) for p in _each(padding, len(size))]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("xs", "ws", "how"), CONVS)
def test_convolution(xs: Any, ws: Any, how: dict[str, Any], bias: bool) -> None:
    rank = len(xs) - 2
    x, w, b = made(xs, ws, ws[:1])
    conv = ops.conv1d if rank == 1 else ops.conv2d
    stride, dilation = (_each(how.get(k, 1), rank) for k in ("stride", "dilation"))
    pads = _pads(how, ws[2:], dilation)
    args = (x, w, b) if bias else (x, w)
    want = looped(x, w, b if bias else None, stride, pads, dilation, how.get("groups", 1))
    y = conv(*args, **how)
    np.testing.assert_allclose(y, want, rtol=1e-12, atol=1e-12)
    if how.get("padding") == "same" and stride == (1,) * rank:
        assert y.shape[2:] == xs[2:]
    narrow = conv(*(a.astype(np.float32) for a in args), **how)
    assert narrow.dtype == np.float32
    tg.check_grads(lambda *a: conv(*a, **how), args, order=2)

    # Linear in x and in w: the transposes, against the loop on unit arrays.
    u = np.cos(np.arange(want.size)).reshape(want.shape)
    found = tg.vjp(lambda *a: conv(*a, **how), *args)[1](u)
    for i, place in (
        (0, (0,) * x.ndim),
        (0, (-1,) * x.ndim),
        (1, (-1,) * w.ndim),
        (1, (0,) * w.ndim),
    ):
        pair = [x, w]
        pair[i] = np.zeros_like(pair[i])
        pair[i][place] = 1
        value = np.sum(u * looped(*pair, None, stride, pads, dilation, how.get("groups", 1)))
        np.testing.assert_allclose(found[i][place], value, rtol=1e-12, atol=1e-12)
    if bias:
        np.testing.assert_allclose(found[2], u.sum(axis=(0, *range(2, u.ndim))), rtol=1e-12)


@pytest.mark.parametrize("mapped", [(0, 0), (0, None), (None, 0)])
@pytest.mark.parametrize(("xs", "ws", "how"), CONVS[::3])
def test_convolution_under_vmap(xs: Any, ws: Any, how: dict[str, Any], mapped: Any) -> None:
    conv = ops.conv1d if len(xs) == 3 else ops.conv2d
    x, w = made(xs, ws)
    stacks = [np.stack([a, a[::-1] + 0.5, -a]) for a in (x, w)]
    given = [s if m == 0 else s[0] for s, m in zip(stacks, mapped, strict=True)]
    each = [[g[k] if m == 0 else g for g, m in zip(given, mapped, strict=True)] for k in range(3)]

    def slope(x: Any, w: Any) -> Any:
        return tg.grad(lambda x, w: (conv(x, w, **how) ** 2).sum(), (0, 1))(x, w)

    np.testing.assert_allclose(
        tg.vmap(lambda x, w: conv(x, w, **how), mapped)(*given),
        np.stack([conv(*a, **how) for a in each]), rtol=1e-12, atol=1e-12,
    )  # fmt: skip
    got = tg.vmap(slope, mapped)(*given)
    for i, part in enumerate(got):
        want = np.stack([slope(*a)[i] for a in each])
        np.testing.assert_allclose(part, want, rtol=1e-12, atol=1e-12)


POOLS: list[tuple[tuple[int, ...], Any, dict[str, Any]]] = [
    ((2, 3, 6), 2, {}),
    ((2, 3, 7), 3, {"stride": 2}),
    ((2, 7), 3, {"stride": 1, "padding": 1}),
    ((1, 2, 5), (2,), {"stride": 3}),
    ((2, 1, 4, 6), 2, {}),
    ((1, 2, 5, 6), (2, 3), {"stride": (1, 2)}),
    ((1, 2, 5, 5), 3, {"stride": 2, "padding": 1}),
    ((2, 4, 4), (3, 2), {"stride": 1, "padding": (1, 0)}),
]


def _rank(shape: Any, size: Any) -> int:
    if isinstance(size, tuple):
        return len(size)
    return 1 if len(shape) < 4 else 2


@pytest.mark.parametrize(("shape", "size", "how"), POOLS)
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_pooling(shape: Any, size: Any, how: dict[str, Any], kind: str) -> None:
    rank = _rank(shape, size)
    pool = getattr(ops, f"{kind}_pool{rank}d")
    (x,) = made(shape)
    size = _each(size, rank)
    stride = _each(how.get("stride") or size, rank)
    pads = [(p, p) for p in _each(how.get("padding", 0), rank)]
    fill = -np.inf if kind == "max" else 0.0
    lead = x.ndim - rank
    wide = np.pad(x, [(0, 0)] * lead + pads, constant_values=fill)
    places = [(n - k) // s + 1 for n, k, s in zip(wide.shape[lead:], size, stride, strict=True)]
    want = np.zeros((*shape[:lead], *places))
    slope = np.zeros_like(wide)
    u = np.cos(np.arange(want.size)).reshape(want.shape)
    for at in np.ndindex(want.shape):
        window = at[:lead] + tuple(
            slice(p * s, p * s + k) for p, s, k in zip(at[lead:], stride, size, strict=True)
        )
        seen = wide[window]
        want[at] = seen.max() if kind == "max" else seen.mean()
        slope[window] += u[at] * (seen == seen.max() if kind == "max" else 1 / seen.size)
    inner = tuple(slice(a, a + n) for (a, _), n in zip(pads, shape[lead:], strict=True))
    y, pull = tg.vjp(lambda x: pool(x, size, **how), x)
    np.testing.assert_allclose(y, want, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(pull(u)[0], slope[(Ellipsis, *inner)], rtol=1e-12, atol=1e-13)
    tg.check_grads(lambda x: pool(x, size, **how) ** 2, (x,), order=2)
    assert pool(x.astype(np.float32), size, **how).dtype == np.float32
    xs = np.stack([x, x[::-1] * 2, -x])
    np.testing.assert_allclose(
        tg.vmap(lambda x: pool(x, size, **how))(xs),
        np.stack([pool(x, size, **how) for x in xs]), rtol=1e-13,
    )  # fmt: skip


def test_tied_maxima_share() -> None:
    x = np.array([[1.0, 1.0, 0.0, 0.0]])
    got = tg.grad(lambda x: (ops.max_pool1d(x, 2) * np.array([[1.0, 4.0]])).sum())(x)
    np.testing.assert_array_equal(got, [[0.5, 0.5, 2, 2]])


def test_second_order_of_a_small_conv_net() -> None:
    x, w, v = made((2, 1, 6, 6), (3, 1, 3, 3), (2, 27))

    def loss(w: Any, v: Any) -> Any:
        h = ops.max_pool2d(np.tanh(ops.conv2d(x, w, padding=1)), 2)
        return -ops.log_softmax(h.reshape(2, -1) @ v.T)[:, 0].sum()

    tg.check_grads(loss, (w, v), order=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.conv2d(np.ones((1, 2, 4)), np.ones((1, 2, 2, 2))), r"conv2d.*\(N, C, H, W\)"),
        (lambda: ops.conv1d(np.ones((1, 2, 4)), np.ones((1, 3, 2))), "2 channels"),
        (lambda: ops.conv1d(np.ones((1, 4, 4)), np.ones((3, 2, 2)), groups=2), "groups=2"),
        (lambda: ops.conv1d(np.ones((1, 1, 3)), np.ones((1, 1, 5))), "does not fit"),
        (lambda: ops.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), padding=-1), "negative"),
        (lambda: ops.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), stride=(1, 2, 3)), "2"),
        (lambda: ops.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), stride=0), "stride"),
        (lambda: ops.max_pool2d(np.ones(4), 2), "max_pool2d.*3 axes"),
        (lambda: ops.avg_pool1d(np.ones((1, 3)), 4), "does not fit"),
        (lambda: ops.max_pool1d(np.ones((1, 4)), 2, stride=0), "stride"),
        (lambda: ops.max_pool1d(np.ones((1, 4)), 0), "size"),
        (lambda: ops.conv1d(np.ones((1, 1, 3)), np.ones((1, 1, 2)), padding="full"), "padding"),
    ],
)
def test_errors_name_the_operation(call: Function, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()


@pytest.mark.peers
@pytest.mark.parametrize(("xs", "ws", "how"), CONVS)
def test_convolution_against_pytorch(xs: Any, ws: Any, how: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    if how.get("padding") == "same" and any(k % 2 == 0 for k in ws[2:]):
        pytest.skip("PyTorch warns about a copy for even kernels; the loop covers them")
    conv, peer = (
        (ops.conv1d, torch.nn.functional.conv1d) if len(xs) == 3
        else (ops.conv2d, torch.nn.functional.conv2d)
    )  # fmt: skip
    args = made(xs, ws, ws[:1])
    leaves = [torch.tensor(a, requires_grad=True) for a in args]
    theirs = peer(*leaves, **how)
    np.testing.assert_allclose(conv(*args, **how), theirs.detach().numpy(), rtol=1e-10, atol=1e-12)
    (theirs**3).sum().backward()
    ours = tg.grad(lambda *a: (conv(*a, **how) ** 3).sum(), (0, 1, 2))(*args)
    for a, b in zip(ours, leaves, strict=True):
        np.testing.assert_allclose(a, b.grad.numpy(), rtol=1e-9, atol=1e-10)
