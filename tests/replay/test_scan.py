"""``scan`` against the same loop written in Python, and against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess.core.tape import Tape

RNG = np.random.default_rng(0)
W, C, X = RNG.normal(size=(3, 3)) / 2, RNG.normal(size=3), RNG.normal(size=(7, 3))
V = RNG.normal(size=(3, 3))
close = np.testing.assert_allclose


def loop(body: Any, carry: Any, xs: Any, reverse: bool = False) -> Any:
    """The definition."""
    ys = []
    for x in reversed(list(xs)) if reverse else xs:
        carry, y = body(carry, x)
        ys.append(y)
    return carry, np.stack(ys[::-1] if reverse else ys)


def recurrent(how: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """A loss that reads carry and ys, of closed-over weights, first carry and inputs."""

    def f(w: Any, c: Any, xs: Any) -> Any:
        def body(c: Any, x: Any) -> Any:
            h = np.tanh(w @ c + x)
            return h, h * c

        c, ys = how(body, c, xs, **options)
        return (c**3).sum() + (ys * ys).sum()

    return f


OPTIONS: list[dict[str, Any]] = [
    {}, {"reverse": True}, {"checkpoint": True}, {"checkpoint": 3, "reverse": True},
    {"checkpoint": 1}, {"checkpoint": 7},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_derivatives(options: dict[str, Any]) -> None:
    f = recurrent(tg.scan, **options)
    g = recurrent(loop, reverse=options.get("reverse", False))
    close(f(W, C, X), g(W, C, X))
    for n in range(3):
        close(tg.grad(f, n)(W, C, X), tg.grad(g, n)(W, C, X), atol=1e-12)
    close(tg.jvp(lambda w: f(w, C, X), (W,), (V,))[1], (tg.grad(g)(W, C, X) * V).sum())
    expected = tg.hvp(g, W, V, C, X)
    close(tg.hvp(f, W, V, C, X), expected)
    close(tg.grad(lambda w: (tg.grad(f)(w, C, X) * V).sum())(W), expected)
    close(tg.hessian(f, 1)(W, C, X), tg.hessian(g, 1)(W, C, X), atol=1e-11)


@pytest.mark.parametrize("axes", [(None, 0, None), (None, None, 0), (0, None, None), (0, 0, 0)])
def test_vmap(axes: Any) -> None:
    f, g = recurrent(tg.scan), recurrent(loop)
    args = [
        x if a is None else RNG.normal(size=(4, *x.shape))
        for x, a in zip((W, C, X), axes, strict=True)
    ]
    close(tg.vmap(f, axes)(*args), tg.vmap(g, axes)(*args))
    for n in range(3):
        per_example = [tg.vmap(tg.grad(h, n), axes)(*args) for h in (f, g)]
        close(*per_example, atol=1e-11)
        total = [tg.grad(lambda *z, h=h: tg.vmap(h, axes)(*z).sum(), n)(*args) for h in (f, g)]
        close(*total, atol=1e-11)
    products = [tg.vmap(lambda w, *z, h=h: tg.hvp(h, w, V, *z), axes)(*args) for h in (f, g)]
    close(*products, atol=1e-10)


def test_jit_outside_and_inside() -> None:
    f, g = recurrent(tg.scan), recurrent(loop)
    gradient = tg.jit(tg.grad(f))
    product = tg.jit(lambda w: tg.hvp(f, w, V, C, X))
    for w in (W, 2 * W):
        close(gradient(w, C, X), tg.grad(g)(w, C, X))
        close(product(w), tg.hvp(g, w, V, C, X))
    inner = tg.jit(lambda c, x: (np.tanh(c + x), c))
    close(tg.scan(inner, C, X)[0], loop(lambda c, x: (np.tanh(c + x), c), C, X)[0])
    batched = tg.jit(tg.vmap(tg.grad(f), (None, 0, None)))
    cs = RNG.normal(size=(4, 3))
    close(batched(W, cs, X), tg.vmap(tg.grad(g), (None, 0, None))(W, cs, X))


def test_third_derivative_of_a_power() -> None:
    def power(x: Any) -> Any:
        return tg.scan(lambda c, _: (c * x, None), 1.0, length=5)[0]

    third = tg.grad(tg.grad(tg.grad(power)))
    close(third(1.5), 60 * 1.5**2)
    close(tg.jvp(tg.grad(tg.grad(power)), (1.5,), (1.0,))[1], 60 * 1.5**2)


def test_linear_recurrence() -> None:
    a, n = 0.9, 6

    def last(a: Any) -> Any:
        return tg.scan(lambda c, x: (a * c + x, c), 0.0, np.ones(n))[0]

    close(last(a), (1 - a**n) / (1 - a))
    close(tg.grad(last)(a), sum(k * a ** (k - 1) for k in range(1, n)))
    close(tg.grad(tg.grad(last))(a), sum(k * (k - 1) * a ** (k - 2) for k in range(2, n)))


def test_jacobians_of_all_steps() -> None:
    def steps(c: Any) -> Any:
        return tg.scan(lambda c, x: (np.sin(c) + x, c * c), c, X)[1]

    expected = tg.jacrev(lambda c: loop(lambda c, x: (np.sin(c) + x, c * c), c, X)[1])(C)
    close(tg.jacfwd(steps)(C), expected, atol=1e-12)
    close(tg.jacrev(steps)(C), expected, atol=1e-12)


def test_body_with_a_product_with_a_hessian() -> None:
    def descent(how: Any, rate: Any) -> Any:
        def body(c: Any, x: Any) -> Any:
            return c - rate * tg.hvp(lambda z: (z**4).sum(), c, c * x), (c * c).sum()

        c, ys = how(body, C, X)
        return c.sum() + ys.sum()

    close(tg.grad(lambda r: descent(tg.scan, r))(0.01), tg.grad(lambda r: descent(loop, r))(0.01))


def test_nested_scans() -> None:
    def f(how: Any, w: Any) -> Any:
        def outer(c: Any, row: Any) -> Any:
            c, ys = how(lambda c, x: (np.tanh(w * c + x), c), c, row)
            return c, ys.sum()

        c, ys = how(outer, np.float64(0.3), X)
        return c * ys.sum()

    for derivative in (tg.grad, lambda h: tg.grad(tg.grad(h))):
        close(derivative(lambda w: f(tg.scan, w))(0.7), derivative(lambda w: f(loop, w))(0.7))


def test_trees_and_integers() -> None:
    def body(c: Any, x: Any) -> Any:
        total = c["total"] + tg.numpy.where(np.arange(3) == x["at"], W[0], 0.0).sum() * x["by"]
        return {"count": c["count"] + 1, "total": total}, (total, x["at"])

    start = {"count": np.int64(0), "total": 0.0}
    xs = {"at": np.array([0, 2, 1]), "by": np.array([1.0, 2.0, 3.0])}
    c, (totals, at) = tg.scan(body, start, xs)
    products = W[0][xs["at"]] * xs["by"]
    assert c["count"] == 3
    close(totals, np.cumsum(products))
    assert at.tolist() == [0, 2, 1]
    assert at.dtype == xs["at"].dtype
    gradient = tg.grad(lambda by: tg.scan(body, start, {**xs, "by": by})[0]["total"])
    close(gradient(xs["by"]), W[0][xs["at"]])


def test_float32_and_complex() -> None:
    c, x = C.astype(np.float32), X.astype(np.float32)
    out, ys = tg.scan(lambda c, x: (c * x, c), c, x)
    assert out.dtype == ys.dtype == np.float32
    assert tg.grad(lambda c: tg.scan(lambda c, x: (c * x, c), c, x)[0].sum())(c).dtype == np.float32

    def size(how: Any, z: Any) -> Any:
        return np.abs(how(lambda c, x: (c * z + x, c), np.complex128(1j), X[:, 0])[0]) ** 2

    close(tg.grad(lambda z: size(tg.scan, z))(0.5 + 1j), tg.grad(lambda z: size(loop, z))(0.5 + 1j))


def test_no_steps() -> None:
    c, ys = tg.scan(lambda c, x: (c * 2, c), C, X[:0])
    close(c, C)
    assert ys.shape == (0, 3)


def test_one_node_and_one_recording() -> None:
    calls = []

    def body(c: Any, x: Any) -> Any:
        calls.append(1)
        return c * x, c

    c = tg.tensor(C, requires_grad=True)
    out = tg.scan(body, c, np.ones((200, 3)))[0].sum()
    assert len(calls) == 1
    assert [n.prim.name for n in Tape([out]).nodes] == ["leaf", "scan", "pick", "sum"]
    out.backward()
    close(c.grad, np.ones(3))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: tg.scan(lambda c, x: c, 0.0, X), TypeError, "a pair"),
        (lambda: tg.scan(lambda c, x: ((c, c), x), 0.0, X), TypeError, "structure"),
        (lambda: tg.scan(lambda c, x: (c + x, x), 0.0, X), TypeError, r"carry came .*left it"),
        (lambda: tg.scan(lambda c, x: (c, x), 0, (X, X[1:])), ValueError, r"xs\[0\] .* xs\[1\]"),
        (lambda: tg.scan(lambda c, x: (c, x), 0.0), ValueError, "length"),
        (lambda: tg.scan(lambda c, x: (c, x), 0.0, 1.0), ValueError, "scalar"),
        (lambda: tg.scan(lambda c, x: (c, x), 0.0, X, length=3), ValueError, "length=3"),
        (lambda: tg.scan(lambda c, x: (c if c > 0 else x, x), 0.0, X[0]), tg.TracingError, ""),
        (lambda: tg.scan(None, 0.0, X), TypeError, "body"),
        (lambda: tg.scan(lambda c, x: (c, x), 0.0, X, checkpoint=0), ValueError, "checkpoint"),
    ],
)  # fmt: skip
def test_errors(call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=f"scan.*{words}" if words else None):
        call()
