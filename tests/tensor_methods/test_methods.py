"""Tensor's methods by the names that users of PyTorch and tinygrad type: values and derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import tinygrad_hess as tg

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 4))
T = RNG.normal(size=(2, 3, 4))
IMAGES = RNG.normal(size=(2, 4, 5, 6))
LABELS = np.array([3, 0, 2])
ROWS = np.array([[0, 2, 1, 1], [2, 2, 0, 1]])
COLUMNS = np.array([[3, 0], [1, 1], [2, 0]])


def softmax(x: Any, axis: int) -> Any:
    return np.exp(x) / np.exp(x).sum(axis, keepdims=True)


def written(x: Any, axis: int, at: Any, source: Any, add: bool = False) -> Any:
    """PyTorch's definition of scatter, element by element."""
    out = x.copy()
    for i in np.ndindex(at.shape):
        target = i[:axis] + (at[i],) + i[axis + 1 :]
        value = source if np.ndim(source) == 0 else source[i]
        out[target] = out[target] + value if add else value
    return out


def gathered(x: Any, axis: int, at: Any) -> Any:
    out = np.zeros(at.shape)
    for i in np.ndindex(at.shape):
        out[i] = x[i[:axis] + (at[i],) + i[axis + 1 :]]
    return out


def transposed(x: Any, w: Any, stride: Any, padding: Any, extra: Any, groups: int, dilation: Any):
    """Each element lays down a copy of the kernel."""
    (n, c, *space), (_, o, *size) = x.shape, w.shape
    full = [
        (p - 1) * s + d * (k - 1) + 1 + e
        for p, s, d, k, e in zip(space, stride, dilation, size, extra)
    ]
    out = np.zeros((n, o * groups, *full))
    for b, i, j in np.ndindex(n, c, o):
        to = i // (c // groups) * o + j
        for at in np.ndindex(*space):
            for k in np.ndindex(*size):
                place = tuple(a * s + m * d for a, s, m, d in zip(at, stride, k, dilation))
                out[(b, to, *place)] += x[(b, i, *at)] * w[(i, j, *k)]
    cut = tuple(slice(p, f - p) for p, f in zip(padding, full))
    return out[(slice(None), slice(None), *cut)]


def linear_resampled(x: Any, out: int, corners: bool) -> Any:
    """Along the last axis, by NumPy's interp between the centres of the elements."""
    n = x.shape[-1]
    at = np.arange(out) * (n - 1) / (out - 1) if corners else (np.arange(out) + 0.5) * n / out - 0.5
    rows = [np.interp(at, np.arange(n), row) for row in x.reshape(-1, n)]
    return np.reshape(rows, (*x.shape[:-1], out))


CENTRED = A - A.mean(1, keepdims=True)
OVER = (0, 2, 3)
SPREAD = ((IMAGES - IMAGES.mean(OVER, keepdims=True)) ** 2).mean(OVER, keepdims=True)

# (name, call, operand, NumPy's answer)
CASES: list[tuple[str, Callable[[Any], Any], Any, Any]] = [
    ("permute", lambda x: x.permute(2, 0, 1), T, T.transpose(2, 0, 1)),
    ("permute tuple", lambda x: x.permute((2, 0, 1)), T, T.transpose(2, 0, 1)),
    ("transpose", lambda x: x.transpose(), T, T.T),
    ("T", lambda x: x.T, A, A.T),
    ("mT", lambda x: x.mT, T, np.swapaxes(T, 1, 2)),
    ("view", lambda x: x.view(2, -1), T, T.reshape(2, 12)),
    ("view tuple", lambda x: x.view((-1,)), T, T.ravel()),
    ("reshape", lambda x: x.reshape(4, -1, 2), T, T.reshape(4, 3, 2)),
    ("flatten", lambda x: x.flatten(), T, T.ravel()),
    ("flatten 1", lambda x: x.flatten(1), T, T.reshape(2, 12)),
    ("flatten 0 1", lambda x: x.flatten(0, -2), T, T.reshape(6, 4)),
    ("flatten scalar", lambda x: x.flatten(), A[0, 0], A[0, :1]),
    ("flatten empty", lambda x: x.flatten(1), np.zeros((0, 3, 2)), np.zeros((0, 6))),
    ("expand", lambda x: x.expand(5, -1, 4), A[:, :1], np.broadcast_to(A[:, :1], (5, 3, 4))),
    ("expand tuple", lambda x: x.expand((3, 4)), A[0], np.broadcast_to(A[0], (3, 4))),
    ("unsqueeze", lambda x: x.unsqueeze(1), A, A[:, None]),
    ("unsqueeze dim", lambda x: x.unsqueeze(dim=-1), A, A[..., None]),
    ("squeeze", lambda x: x.squeeze(), A[None, :, :1], A[:, 0]),
    ("squeeze dim", lambda x: x.squeeze(dim=0), A[None, :, :1], A[:, :1]),
    ("cat", lambda x: x.cat(2 * x, x[:1], dim=0), A, np.concatenate([A, 2 * A, A[:1]])),
    ("stack", lambda x: x.stack(2 * x, dim=1), A, np.stack([A, 2 * A], 1)),
    ("chunk", lambda x: x.chunk(3, dim=1)[1], A, A[:, 2:]),
    ("split", lambda x: x.split(2, axis=1)[1], A, A[:, 2:]),
    ("gather 0", lambda x: x.gather(0, ROWS), A, gathered(A, 0, ROWS)),
    ("gather 1", lambda x: x.gather(dim=1, positions=COLUMNS), A, gathered(A, 1, COLUMNS)),
    ("scatter", lambda x: x.scatter(1, COLUMNS, x * x), A, written(A, 1, COLUMNS, A * A)),
    ("scatter 0", lambda x: x.scatter(0, ROWS, 3.0), A, written(A, 0, ROWS, 3.0)),
    ("scatter_add", lambda x: x.scatter_add(0, ROWS, x[1:]), A, written(A, 0, ROWS, A[1:], True)),
    ("index_select", lambda x: x.index_select(1, [3, 3, 0]), A, A[:, [3, 3, 0]]),
    ("masked_fill", lambda x: x.masked_fill(x < 0, -9.0), A, np.where(A < 0, -9, A)),
    ("masked_fill row", lambda x: x.masked_fill(A[0] < 0, 1), A, np.where(A[0] < 0, 1, A)),
    ("where, tinygrad", lambda x: (x < 0).where(x * 2, 1.0), A, np.where(A < 0, 2 * A, 1)),
    ("where, PyTorch", lambda x: x.where(x < 0, 1.0), A, np.where(A < 0, A, 1)),
    ("clamp", lambda x: x.clamp(-0.5, 0.5), A, np.clip(A, -0.5, 0.5)),
    ("clamp min", lambda x: x.clamp(min=-0.1), A, np.maximum(A, -0.1)),
    ("clamp max", lambda x: x.clamp(max=0.1), A, np.minimum(A, 0.1)),
    ("relu", lambda x: x.relu(), A, A * (A > 0)),
    ("leaky_relu", lambda x: x.leaky_relu(0.2), A, np.where(A > 0, A, 0.2 * A)),
    ("elu", lambda x: x.elu(), A, np.where(A > 0, A, np.expm1(A))),
    ("gelu", lambda x: x.gelu(), A, A * scipy.special.ndtr(A)),
    ("silu", lambda x: x.silu(), A, A * scipy.special.expit(A)),
    ("softplus", lambda x: x.softplus(), A, np.log1p(np.exp(A))),
    ("sigmoid", lambda x: x.sigmoid(), A, scipy.special.expit(A)),
    ("hard_tanh", lambda x: x.hard_tanh(), A, np.clip(A, -1, 1)),
    ("softmax dim", lambda x: x.softmax(dim=0), A, softmax(A, 0)),
    ("softmax axis", lambda x: x.softmax(axis=1), A, softmax(A, 1)),
    ("log_softmax dim", lambda x: x.log_softmax(dim=0), A, np.log(softmax(A, 0))),
    ("logsumexp", lambda x: x.logsumexp(dim=1, keepdim=True), A,
     np.log(np.exp(A).sum(1, keepdims=True))),
    ("cross_entropy", lambda x: x.cross_entropy(LABELS), A,
     -np.log(softmax(A, 1))[np.arange(3), LABELS].mean()),
    ("layernorm", lambda x: x.layernorm(eps=0.1), A,
     CENTRED / np.sqrt((CENTRED**2).mean(1, keepdims=True) + 0.1)),
    ("layernorm affine", lambda x: x.layernorm((1, 2), weight=T[0], bias=x[0], eps=0.0), T,
     (T - T.mean((1, 2), keepdims=True)) / T.std((1, 2), keepdims=True) * T[0] + T[0]),
    ("batchnorm", lambda x: x.batchnorm(A[0], A[1], eps=0.2), IMAGES,
     (IMAGES - IMAGES.mean(OVER, keepdims=True)) / np.sqrt(SPREAD + 0.2)
     * A[0].reshape(4, 1, 1) + A[1].reshape(4, 1, 1)),
    ("batchnorm known", lambda x: x.batchnorm(mean_of=A[0], inverse_std=A[1] ** 2), IMAGES,
     (IMAGES - A[0].reshape(4, 1, 1)) * A[1].reshape(4, 1, 1) ** 2),
    ("pad", lambda x: x.pad(((1, 0), (0, 2))), A, np.pad(A, ((1, 0), (0, 2)))),
    ("roll", lambda x: x.roll(2, 1), A, np.roll(A, 2, 1)),
    ("flip", lambda x: x.flip(0, 2), T, T[::-1, :, ::-1]),
    ("flip dims", lambda x: x.flip(dims=(1,)), T, T[:, ::-1]),
    ("flip all", lambda x: x.flip(), T, T[::-1, ::-1, ::-1]),
    ("cumsum", lambda x: x.cumsum(dim=1), A, np.cumsum(A, 1)),
    ("cumprod", lambda x: x.cumprod(dim=0), A, np.cumprod(A, 0)),
    ("cummax", lambda x: x.cummax(dim=1)[0], T, np.maximum.accumulate(T, 1)),
    ("cummin", lambda x: x.cummin(0)[0], A, np.minimum.accumulate(A, 0)),
    ("topk", lambda x: x.topk(2, dim=0)[0], A, np.sort(A, 0)[::-1][:2]),
    ("topk smallest", lambda x: x.topk(3, largest=False)[0], A, np.sort(A, 1)[:, :3]),
    ("std", lambda x: x.std(dim=0), A, A.std(0)),
    ("var", lambda x: x.var(dim=1, ddof=1, keepdim=True), A, A.var(1, ddof=1, keepdims=True)),
    ("norm", lambda x: x.norm(), A, np.sqrt((A**2).sum())),
    ("norm 1", lambda x: x.norm(1, dim=1), A, np.abs(A).sum(1)),
    ("sum", lambda x: x.sum(dim=(0, 2)), T, T.sum((0, 2))),
    ("mean", lambda x: x.mean(dim=1, keepdim=True), T, T.mean(1, keepdims=True)),
    ("max", lambda x: x.max(dim=1), T, T.max(1)),
    ("prod", lambda x: x.prod(dim=0), A, A.prod(0)),
    ("median", lambda x: x.median(dim=1), A, np.median(A, 1)),
    ("matmul", lambda x: x.matmul(A.T), A, A @ A.T),
    ("dot", lambda x: x.dot(A.T), A, A @ A.T),
    ("einsum", lambda x: tg.Tensor.einsum("ij,kj->ki", x, A), A, A @ A.T),
    ("tril", lambda x: x.tril(), A, np.tril(A)),
    ("triu", lambda x: x.triu(1), A, np.triu(A, 1)),
    ("diagonal", lambda x: x.diagonal(), A, A.diagonal()),
    ("take_along_axis", lambda x: x.take_along_axis(COLUMNS, 1), A, gathered(A, 1, COLUMNS)),
    ("rsqrt", lambda x: (x * x + 1).rsqrt(), A, (A * A + 1) ** -0.5),
    ("repeat", lambda x: x.repeat(2, dim=1), A, np.repeat(A, 2, 1)),
    ("indexing", lambda x: x[tg.tensor([2, 0]), None, ..., 1:], A, A[[2, 0], None, ..., 1:]),
    ("mask", lambda x: x[tg.tensor(A > 0)], A, A[A > 0]),
    ("avg_pool2d", lambda x: x.avg_pool2d(2, 3), IMAGES,
     np.stack([[IMAGES[:, :, 3 * i : 3 * i + 2, 3 * j : 3 * j + 2].mean((2, 3))
                for j in range(2)] for i in range(2)]).transpose(2, 3, 0, 1)),
    ("max_pool2d", lambda x: x.max_pool2d(2, 3), IMAGES,
     np.stack([[IMAGES[:, :, 3 * i : 3 * i + 2, 3 * j : 3 * j + 2].max((2, 3))
                for j in range(2)] for i in range(2)]).transpose(2, 3, 0, 1)),
    ("nearest", lambda x: x.interpolate((7, 3)), IMAGES,
     IMAGES[:, :, [0, 0, 1, 2, 2, 3, 4]][..., [0, 2, 4]]),
    ("nearest factor", lambda x: x.interpolate(scale_factor=2), IMAGES,
     IMAGES.repeat(2, 2).repeat(2, 3)),
    ("linear", lambda x: x.interpolate(9, mode="linear"), T, linear_resampled(T, 9, False)),
    ("linear, less", lambda x: x.interpolate(3, mode="linear"), T, linear_resampled(T, 3, False)),
    ("bilinear", lambda x: x.interpolate((5, 11), mode="bilinear", align_corners=True), IMAGES,
     linear_resampled(IMAGES, 11, True)),
]  # fmt: skip


WIDENED = ("matmul", "dot", "einsum", "layernorm affine", "batchnorm", "batchnorm known")
"""Another operand is float64."""


@pytest.mark.parametrize(("name", "f", "x", "want"), CASES, ids=[c[0] for c in CASES])
def test_method(name: str, f: Callable[[Any], Any], x: Any, want: Any) -> None:
    got = f(tg.tensor(x))
    assert got.shape == want.shape
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-12, atol=1e-14)
    if name not in WIDENED:
        assert f(tg.tensor(x.astype(np.float32))).dtype == np.float32

    def g(x: Any) -> Any:
        return f(x if isinstance(x, tg.Tensor) else tg.tensor(x))

    if x.size:
        tg.check_grads(g, (x,), order=2, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(tg.jit(g)(x), want, atol=1e-12)
        np.testing.assert_allclose(tg.vmap(g)(np.stack([x, x]))[1], want, atol=1e-12)


@pytest.mark.parametrize(
    ("stride", "padding", "extra", "groups", "dilation"),
    [
        ((1, 1), (0, 0), (0, 0), 1, (1, 1)),
        ((2, 3), (1, 0), (1, 2), 2, (1, 1)),
        ((2, 1), (1, 2), (0, 1), 4, (1, 2)),
    ],
)
def test_conv_transpose2d(
    stride: Any, padding: Any, extra: Any, groups: int, dilation: Any
) -> None:
    x, w = RNG.normal(size=(2, 4, 3, 4)), RNG.normal(size=(4, 2, 3, 2))
    b = RNG.normal(size=2 * groups)

    def f(x: Any, w: Any, b: Any) -> Any:
        return tg.Tensor.conv_transpose2d(x, w, b, stride, padding, extra, groups, dilation)

    want = transposed(x, w, stride, padding, extra, groups, dilation) + b[:, None, None]
    np.testing.assert_allclose(f(x, w, b), want, rtol=1e-12, atol=1e-12)
    tg.check_grads(f, (x, w, b), order=2)
    line = tg.Tensor.conv_transpose1d(x[:, :, 0], w[:, :, 0], None, stride[1], padding[1])
    want = transposed(x[:, :, 0], w[:, :, 0], stride[1:], padding[1:], (0,), 1, (1,))
    np.testing.assert_allclose(line, want, rtol=1e-12, atol=1e-12)


def test_a_transposed_convolution_is_the_transpose_of_a_convolution() -> None:
    x, w = RNG.normal(size=(2, 6, 7, 8)), RNG.normal(size=(4, 3, 3, 2))
    options = {"stride": (2, 3), "padding": (1, 0), "groups": 2, "dilation": (1, 2)}
    y, pull = tg.vjp(lambda x: tg.ops.conv2d(x, w, **options), x)
    g = RNG.normal(size=y.shape)
    back = tg.Tensor.conv_transpose2d(g, w, output_padding=(0, 2), **options)
    np.testing.assert_allclose(back, pull(g)[0], rtol=1e-12, atol=1e-13)


def test_topk_and_cummax_tell_where() -> None:
    x = np.array([[2.0, 5.0, 5.0, 1.0, 5.0], [0.0, np.nan, 3.0, np.nan, -1.0]])
    t = tg.tensor(x)
    values, at = t.topk(3)
    np.testing.assert_array_equal(at.numpy(), [[1, 2, 4], [1, 3, 2]])
    np.testing.assert_array_equal(values.numpy(), [[5, 5, 5], [np.nan, np.nan, 3]])
    assert t.topk(0)[0].shape == (2, 0)
    np.testing.assert_array_equal(t.topk(2, largest=False)[1].numpy(), [[3, 0], [4, 0]])
    values, at = t.cummax()
    np.testing.assert_array_equal(at.numpy(), [[0, 1, 2, 2, 4], [0, 1, 1, 3, 3]])
    np.testing.assert_array_equal(values.numpy(), np.maximum.accumulate(x, 1))
    slope = tg.grad(lambda x: x.cummax()[0].sum())
    np.testing.assert_array_equal(slope(x[0]), [1, 1, 2, 0, 1])


def test_one_hot() -> None:
    labels = tg.tensor([[2, 0], [1, 1]])
    want = np.eye(3)[labels.numpy()]
    np.testing.assert_array_equal(labels.one_hot(3).numpy(), want)
    assert labels.one_hot(3).dtype == np.int64
    assert labels.one_hot(3, dtype=np.float32).dtype == np.float32
    raw = labels.numpy()
    np.testing.assert_array_equal(tg.jit(lambda i: i.one_hot(3))(raw), want)
    np.testing.assert_array_equal(tg.vmap(lambda i: i.one_hot(3))(raw), want)
    for wrong, kind in ((tg.tensor([3]), ValueError), (tg.tensor([0.0]), TypeError)):
        with pytest.raises(kind, match="one_hot: class numbers must be"):
            wrong.one_hot(3)


def test_chunk_has_parts_of_one_length_and_a_rest() -> None:
    for n, chunks in ((7, 3), (6, 3), (5, 4), (2, 5), (0, 2)):
        x = np.arange(float(n))
        parts = [p.numpy() for p in tg.tensor(x).chunk(chunks)]
        np.testing.assert_array_equal(np.concatenate(parts), x)
        assert len(parts) <= chunks
        assert len({p.size for p in parts[:-1]} | {parts[0].size}) == 1
        assert parts[-1].size <= parts[0].size == -(-n // chunks)


def test_what_numpy_and_pytorch_mean_differently_is_numpys() -> None:
    x = tg.tensor(A)
    assert x.size == 12
    assert x.ndim == 2
    np.testing.assert_allclose(x.std().numpy(), A.std(ddof=0))
    np.testing.assert_allclose(x.var(0).numpy(), A.var(0, ddof=0))
    np.testing.assert_array_equal(x.repeat(2).numpy(), A.repeat(2))
    assert len(x.split(2, axis=1)) == 2
    assert x.max(axis=0).shape == (4,)
    with pytest.raises(ValueError, match=r"swapaxes\(0, 1\)"):
        tg.tensor(T).transpose(0, 1)
    np.testing.assert_array_equal(x.transpose(1, 0).numpy(), A.T)


def test_leaving() -> None:
    w = tg.tensor(A, requires_grad=True)
    assert w.tolist() == A.tolist()
    assert w.sum().item() == A.sum()
    assert not (w * 2).detach().requires_grad
    assert type((w * 2).numpy()) is np.ndarray


def test_creation() -> None:
    make = tg.Tensor
    for got, want in (
        (make.zeros(2, 3), np.zeros((2, 3))),
        (make.zeros((2,), dtype=np.float32), np.zeros(2, np.float32)),
        (make.ones(3), np.ones(3)),
        (make.full((2, 2), 7.0), np.full((2, 2), 7.0)),
        (make.arange(5), np.arange(5)),
        (make.arange(1.0, 2.0, 0.25), np.arange(1.0, 2.0, 0.25)),
        (make.linspace(0, 1, 5), np.linspace(0, 1, 5)),
        (make.eye(3), np.eye(3)),
        (make.eye(2, 3), np.eye(2, 3)),
        (make.rand(2, 3, seed=4), np.random.default_rng(4).random((2, 3))),
        (make.randn((2, 3), seed=4), np.random.default_rng(4).standard_normal((2, 3))),
    ):
        assert isinstance(got, tg.Tensor)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got.numpy(), want)
    w = make.randn(3, seed=0, dtype=np.float32, requires_grad=True)
    (w * w).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), 2 * w.numpy())
    rng = np.random.default_rng(1)
    assert not np.array_equal(make.rand(3, seed=rng).numpy(), make.rand(3, seed=rng).numpy())
    with pytest.raises(TypeError, match="seed"):
        make.rand(3)


@pytest.mark.parametrize(
    ("wrong", "kind", "match"),
    [
        (lambda x: x.gather(0, np.zeros(3, int)), ValueError, r"gather.*\(3,\).*\(3, 4\)"),
        (lambda x: x.gather(1, np.zeros((4, 1), int)), ValueError, "gather"),
        (lambda x: x.gather(1, np.zeros((3, 1))), TypeError, "gather.*integers.*float64"),
        (lambda x: x.gather(1, np.full((3, 1), 4)), IndexError, "out of bounds"),
        (lambda x: x.gather(2, COLUMNS), ValueError, "no axis 2"),
        (lambda x: x.scatter(1, COLUMNS, np.ones((3, 1))), ValueError, r"source of shape \(3, 1\)"),
        (lambda x: x.masked_fill(np.ones(4), 0.0), TypeError, "mask must be boolean.*float64"),
        (lambda x: x.masked_fill(np.ones((2, 3, 4), bool), 0.0), ValueError, r"\(2, 3, 4\)"),
        (lambda x: x.expand(4, 3), ValueError, r"\(3, 4\) does not broadcast to \(4, 3\)"),
        (lambda x: x.expand(-1, 3, 4), ValueError, "-1 needs an axis"),
        (lambda x: x.flatten(1, 0), ValueError, "no axes from 1 to 0"),
        (lambda x: x.topk(5), ValueError, "5 of 4"),
        (lambda x: x.chunk(0), ValueError, "positive"),
        (lambda x: x.where(x, x), TypeError, "boolean"),
        (lambda x: x.view(5, -1), ValueError, r"\(3, 4\).*12 elements"),
        (lambda x: x.interpolate(3), ValueError, "after the first two"),
        (lambda x: x[None].interpolate(3, mode="cubic"), ValueError, "cubic"),
        (lambda x: x[None].interpolate(), ValueError, "either size or scale_factor"),
        (lambda x: x[None].interpolate(3, align_corners=True), ValueError, "align_corners"),
        (lambda x: x[None].interpolate((3, 2)), ValueError, r"\(3, 2\)"),
        (lambda x: x.batchnorm(np.ones(3)), ValueError, r"weight of shape \(3,\) for 4 channels"),
        (lambda x: x.conv_transpose2d(x), ValueError, "4 axes"),
        (lambda x: x[None, None].conv_transpose2d(np.ones((2, 1, 1, 1))), ValueError, "1 channels"),
        (lambda x: x[None, None].conv_transpose2d(np.ones((1, 1, 1, 1)), output_padding=1),
         ValueError, "less than stride"),
        (lambda x: x[None, None].conv_transpose2d(np.ones((1, 1, 1, 1)), padding=2),
         ValueError, "leaves nothing"),
        (lambda x: x.sum(dim=2), ValueError, "no axis 2"),
        (lambda x: x.sum(dim=0, axis=0), TypeError, "dim"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(wrong: Callable[[Any], Any], kind: Any, match: str) -> None:
    with pytest.raises(kind, match=match):
        wrong(tg.tensor(A))
