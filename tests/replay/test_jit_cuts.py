"""Programs as people write them are cut along their examples, and the parts give the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from jit_routes import every_cut, recorded, route, steady

import tinygrad_hess as tg
from tinygrad_hess.replay.shard import split as shards
from tinygrad_hess.replay.shard.split import split, why_not

RNG = np.random.default_rng(0)
N = 9
X, W = RNG.normal(size=(N, 4, 5)), RNG.normal(size=(5, 5))
ROWS, LABELS = RNG.normal(size=(N, 5)), RNG.integers(0, 5, N)
IMAGES, FILTERS = RNG.normal(size=(N, 2, 6, 6)), RNG.normal(size=(3, 2, 3, 3))
TABLE, TOKENS = RNG.normal(size=(7, 5)), RNG.integers(0, 7, (N, 4))
PLACES = RNG.integers(0, 4, (N, 1, 5))
ops = tg.ops


def _recurrent(x: Any, w: Any) -> Any:
    h = np.zeros((N, 5))
    for t in range(4):
        h = np.tanh(x[:, t] @ w + h @ w.T)
    return (h**2).mean()


def _layer_norm(x: Any, w: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return ((centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) @ w) ** 2).mean()


def _attention(x: Any, w: Any) -> Any:
    scores = (x @ w) @ np.swapaxes(x @ w.T, 1, 2) / np.sqrt(5)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return ((weights / weights.sum(-1, keepdims=True) @ (2 * x @ w)) ** 2).mean()


def _swish(x: Any) -> Any:
    return x / (1 + np.exp(-x))


def _by_index(x: Any, w: Any, y: Any) -> Any:
    z = _swish(x @ w) @ w
    z = z - np.max(z, axis=1, keepdims=True)
    return -np.mean((z - np.log(np.exp(z).sum(1, keepdims=True)))[np.arange(N), y])


def _by_one_hot(x: Any, w: Any, y: Any) -> Any:
    z = _swish(x @ w) @ w
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return -np.sum(y * np.log(e / np.sum(e, axis=1, keepdims=True))) / N


def _points(x: Any, w: Any) -> Any:
    y = x @ w
    return np.exp(-((y[:, :, None] - y[:, None]) ** 2).sum(-1)).sum()


Program = tuple[Callable[..., Any], list[Any]]
PROGRAMS: dict[str, Program] = {
    "another axis indexed": (lambda x, w: (np.sin(x @ w)[:, 1:, ::2] ** 2).sum(), [X, W]),
    "an index drops an axis": (lambda x, w: ((x @ w)[:, 0] ** 2).sum(), [X, W]),
    "take": (lambda x, w: (np.take(np.sin(x @ w), [0, 3, 3], axis=1) ** 2).sum(), [X, W]),
    "take along an axis": (lambda x, w, i: (np.take_along_axis(x @ w, i, 1) ** 2).sum(), [X, W, PLACES]),
    "sort along another axis": (lambda x, w: (np.sort(x @ w, axis=1) ** 2 * np.arange(5)).sum(), [X, W]),
    "median": (lambda x, w: (np.median(x @ w, axis=1) ** 2).sum(), [X, W]),
    "running sums": (lambda x, w: (np.cumsum(x @ w, axis=1) ** 2).sum(), [X, W]),
    "running products": (lambda x, w: (np.cumprod(x @ w, axis=1) ** 2).sum(), [X, W]),
    "product": (lambda x, w: np.prod(np.cos(x @ w), axis=1).sum(), [X, W]),
    "layer norm by hand": (_layer_norm, [X, W]),
    "layer norm": (lambda x, w: (ops.layer_norm(x @ w) ** 3).sum(), [X, W]),
    "attention": (_attention, [X, W]),
    "recurrent": (_recurrent, [X, W]),
    "convolution": (lambda x, k: (np.tanh(ops.conv2d(x, k)) ** 2).mean(), [IMAGES, FILTERS]),
    "largest of windows": (lambda x, k: (ops.max_pool2d(ops.conv2d(x, k), 2) ** 2).mean(), [IMAGES, FILTERS]),
    "mean of windows": (lambda x, k: (ops.avg_pool2d(ops.conv2d(x, k), 2) ** 2).mean(), [IMAGES, FILTERS]),
    "labels by index": (_by_index, [ROWS, W, LABELS]),
    "labels by one-hot": (_by_one_hot, [ROWS, W, np.eye(5)[LABELS]]),
    "labels of a library's loss": (lambda x, w, y: tg.nn.cross_entropy(x @ w, y), [ROWS, W, LABELS]),
    "labels gathered": (lambda x, w, y: ops.gather(np.sin(x @ w), 1, y[:, None]).sum(), [ROWS, W, LABELS]),
    "rows of a table": (lambda t, w, k: (np.tanh(t[k] @ w) ** 2).mean(), [TABLE, W, TOKENS]),
    "where": (lambda x, w: np.where(x @ w > 0, np.sin(x @ w), 0.1 * (x @ w)).sum(), [X, W]),
    "largest size": (lambda x, w: (np.max(np.abs(x @ w), axis=1) ** 2).sum(), [X, W]),
    "standard deviation": (lambda x, w: np.std(x @ w, axis=1).sum(), [X, W]),
    "length": (lambda x, w: np.linalg.norm(x @ w, axis=1).sum(), [X, W]),
    "solutions": (
        lambda x, w: (np.linalg.solve(np.einsum("bij,bkj->bik", x, x) + np.eye(4), x @ w) ** 2).sum(),
        [X, W],
    ),
    "Fourier transform": (lambda x, w: (np.abs(np.fft.rfft(x @ w, axis=1)) ** 2).sum(), [X, W]),
    "pairs of points": (_points, [X, W]),
    "joined": (lambda x, w: (np.concatenate([x @ w, x], axis=2) ** 2).sum(), [X, W]),
    "stacked": (lambda x, w: (np.stack([x @ w, x], axis=1) ** 2).sum(), [X, W]),
    "padded": (lambda x, w: (np.pad(x @ w, ((0, 0), (1, 1), (0, 0))) ** 2).sum(), [X, W]),
    "rolled": (lambda x, w: (np.roll(np.sin(x @ w), 1, axis=1) * x).sum(), [X, W]),
    "repeated": (lambda x, w: (np.repeat(x @ w, 2, axis=1) ** 2).sum(), [X, W]),
    "tiled": (lambda x, w: (np.tile(x @ w, (1, 2, 1)) ** 2).sum(), [X, W]),
    "written to": (lambda x, w: (np.tanh(x @ w).at[:, 0].set(0.0) ** 2).sum(), [X, W]),
    "upper triangles": (lambda x, w: (np.triu(np.einsum("bij,bkj->bik", x @ w, x)) ** 2).sum(), [X, W]),
}  # fmt: skip


def gradient(name: str) -> Callable[..., Any]:
    f, _ = PROGRAMS[name]
    return tg.value_and_grad(f, argnums=(0, 1))


def product(name: str) -> Callable[..., Any]:
    f, _ = PROGRAMS[name]
    return lambda x, w, *rest: tg.hvp(lambda w: f(x, w, *rest), w, np.cos(w))


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_are_cut_along_the_examples(name: str) -> None:
    found = split(recorded(gradient(name), *PROGRAMS[name][1]).program)
    assert found is not None and found.length == N


@pytest.mark.parametrize("transform", [gradient, product])
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_cut_gives_the_whole(name: str, transform: Any) -> None:
    args = PROGRAMS[name][1]
    others = [a if a.dtype.kind == "i" else np.cos(a) for a in args]
    assert every_cut(transform(name), args, others, counts=(1, 2), ulps=2**14)
    with route(2):
        steady(transform(name), args, others, what=name, ulps=2**14)


@pytest.mark.parametrize(
    "name", ["labels by index", "labels of a library's loss", "rows of a table"]
)
def test_gradients_of_each_example_are_cut(name: str) -> None:
    """A batch of examples, each with a label that differs."""
    if name == "rows of a table":
        f = tg.vmap(tg.grad(lambda w, t, k: (np.tanh(t[k] @ w) ** 2).mean()), (None, None, 0))
        args = [W, TABLE, TOKENS]
    else:
        loss = lambda w, x, y: -tg.ops.log_softmax(_swish(x @ w) @ w, axis=-1)[y]
        f, args = tg.vmap(tg.grad(loss), (None, 0, 0)), [W, ROWS, LABELS]
    found = split(recorded(f, *args).program)
    assert found is not None and found.length == N and not found.sums
    assert every_cut(f, args, counts=(1, 2), ulps=2**14)


# ---- what is told of it -------------------------------------------------------------------------


def test_explain_names_the_line_that_stopped_a_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    f = lambda x: np.cumsum(np.cumsum(np.sin(x), axis=0), axis=1)
    x = RNG.normal(size=(30, 20))
    assert split(recorded(f, x).program) is None
    why = why_not(recorded(f, x).program)
    assert "cumsum" in why and "as a whole" in why
    monkeypatch.setattr("tinygrad_hess.replay.compiled.CUT", 0)
    assert "too small to share" in tg.jit(f).explain(x)
    monkeypatch.setattr("tinygrad_hess.replay.compiled.SHARED", 0)
    monkeypatch.setattr("tinygrad_hess.replay.compiled.WOKEN", 0)
    assert why in tg.jit(f).explain(x)


def test_a_sum_that_flows_back_is_named() -> None:
    f = lambda x: np.sin(np.sin(x) - np.sin(x).sum()).sum()
    assert "finished sum" in why_not(recorded(f, RNG.normal(size=30)).program)


def test_there_may_be_nothing_to_cut() -> None:
    assert why_not(recorded(lambda x: x * 2, np.float64(3)).program) == (
        "no argument has an axis to cut along"
    )


def test_axes_of_smaller_arguments_are_tried_too() -> None:
    """The examples are the smallest array beside a net's many weights."""
    widths = [3, 20, 20, 20, 20, 20, 20, 20, 1]
    net = tg.nn.MLP(widths, seed=0)
    x, y = RNG.normal(size=(16, 3)), RNG.normal(size=(16, 1))
    f = tg.value_and_grad(lambda m, x, y: ((m(x) - y) ** 2).mean())
    found = split(recorded(f, net, x, y).program)
    assert found is not None and found.length == 16


def test_attempts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "ATTEMPTS", 0)
    f = lambda *xs: sum(np.sin(x).sum() for x in xs)
    assert len(list(shards._attempts(recorded(f, *[np.ones(3)] * 12).program, 2))) == 8
