"""Loops whose body is one run in C: the bits of the same loop in Python, step by step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import optree
import pytest

import tinygrad_hess as tg
from tinygrad_hess.replay import loops
from tinygrad_hess.replay.native import library, why_python

pytestmark = pytest.mark.skipif(why_python() is not None, reason=str(why_python()))

RNG = np.random.default_rng(0)
W, C, X, V = (RNG.normal(size=s) / 2 for s in ((3, 3), (3,), (7, 3), (3, 3)))


@pytest.fixture(autouse=True)
def own_plans() -> Iterator[None]:
    """Plans are remembered by their programs, whether they were made with C or without."""
    loops._plan.cache_clear()
    yield
    loops._plan.cache_clear()


def recurrent(w: Any, c: Any, xs: Any, **options: Any) -> Any:
    def body(c: Any, x: Any) -> tuple[Any, Any]:
        h = np.tanh(w @ c + x)
        return h, h * c

    c, ys = tg.scan(body, c, xs, **options)
    return (c**3).sum() + (ys * ys).sum()


def orbit(p: Any, y0: Any) -> Any:
    slope = lambda t, y, p: np.stack([y[1] * np.cos(t), -p[0] * y[0] + p[1]])
    return (tg.ode.solve(slope, y0, np.linspace(0.0, 2.0, 9), p, method="rk4") ** 2).sum()


def numbers(c: Any, x: Any) -> Any:
    """Inputs, constants and results of a body in every place that they can have."""
    step = lambda c, x: ((c[0] + x, c[1] * 2), (c[0], x, 3.0, c[1], c[0] + x, x * 0 + 1))
    return tg.scan(step, (c, C), x)


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "value": lambda t: recurrent(t(W), t(C), t(X)),
    "gradients": lambda t: tg.grad(recurrent, (0, 1, 2))(t(W), t(C), t(X)),
    "backward": lambda t: tg.grad(lambda w: recurrent(w, t(C), t(X), reverse=True))(t(W)),
    "checkpoints": lambda t: tg.grad(lambda w: recurrent(w, t(C), t(X), checkpoint=2))(t(W)),
    "a product with the Hessian": lambda t: tg.hvp(recurrent, t(W), t(V), t(C), t(X)),
    "a batch": lambda t: tg.vmap(tg.grad(recurrent), (None, 0, None))(t(W), t(V), t(X)),
    "in a jit": lambda t: tg.jit(tg.grad(recurrent))(t(W), t(C), t(X)),
    "an equation": lambda t: tg.grad(orbit, (0, 1))(t(C[:2]), t(C[1:])),
    "its Hessian": lambda t: tg.hessian(orbit)(t(C[:2]), t(C[1:])),
    "numbers": lambda t: numbers(t(C)[0], t(X)[:, 0]),
    "complex numbers": lambda t: tg.scan(lambda c, x: (c * x + c, c - x), t(C) + 1j, t(X) * 1j),
}


def hostile(x: Any) -> Any:
    x = x.copy()
    x.flat[:: max(x.size // 2, 1)] = np.inf
    return x


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(
    "as_given", [np.copy, np.float32, hostile], ids=["double", "single", "inf"]
)
def test_the_same_bits(name: str, as_given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looped = []
    repeat = loops._Plan.repeat

    def noted(self: Any, *loop: Any) -> Any:
        found = repeat(self, *loop)
        looped.append(found is not None)
        return found

    with np.errstate(all="ignore"):
        monkeypatch.setattr(loops._Plan, "repeat", noted)
        first = optree.tree_leaves(PROGRAMS[name](as_given))
        assert any(looped) or as_given is np.float32  # an equation mixes its types with time
        monkeypatch.setenv("TINYGRAD_HESS_NATIVE", "0")
        loops._plan.cache_clear()
        looped.clear()
        second = optree.tree_leaves(PROGRAMS[name](as_given))
    assert not any(looped)
    for a, b in zip(first, second, strict=True):
        assert (type(a), np.shape(a), np.asarray(a).dtype) == (type(b), np.shape(b), b.dtype)
        np.testing.assert_array_equal(a, b)  # of a NaN, the sign is either one's
        assert np.array_equal(np.signbit(np.real(a)), np.signbit(np.real(b))) or np.isnan(a).any()


def test_what_lies_in_another_way_is_no_loop_and_right() -> None:
    step = lambda c, x: (c * x + 1, c)
    by_hand = C
    for x in X[::-1]:
        by_hand = by_hand * x + 1
    np.testing.assert_array_equal(tg.scan(step, C, X[::-1])[0], by_hand)
    wide = np.zeros((7, 6))
    wide[:, ::2] = X[::-1]
    np.testing.assert_array_equal(tg.scan(step, C, wide[:, ::2])[0], by_hand)


def test_a_result_is_no_part_of_later_ones() -> None:
    step = lambda c, x: (c * x, c + x)
    first = tg.scan(step, C, X)
    kept = optree.tree_map(np.copy, first)
    tg.scan(step, 2 * C, 3 * X)
    for a, b in zip(optree.tree_leaves(first), optree.tree_leaves(kept), strict=True):
        np.testing.assert_array_equal(a, b)


def test_several_threads() -> None:
    want = tg.grad(recurrent)(W, C, X)
    found: list[Any] = []
    work = lambda: found.extend(tg.grad(recurrent)(W, C, X) for _ in range(20))
    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 60
    for g in found:
        np.testing.assert_array_equal(g, want)


def test_the_extension_refuses_what_is_no_loop() -> None:
    run = library.run(None, (C,), (C,), (), np.zeros(0, np.intp), np.zeros(0, np.intp), False)
    for arrays, ways in (((C,), (2, 3)), ((C, 1.0), (2, 3)), ((C, C), (1, 3))):
        with pytest.raises(ValueError, match="an array for each"):
            run.repeat(3, arrays, np.zeros(ways, np.intp))
    run.repeat(3, (C, C), np.zeros((2, 3), np.intp))
