"""How rules meet leaves: recorded, as one vector, in blocks by the C extension."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import optim
from tinygrad_hess.optim import eigenvectors
from tinygrad_hess.optim.blocks import BLOCK, LARGE, Blocked
from tinygrad_hess.optim.eigenvectors import LARGE as LARGE_MATRIX

SHAPES = {"large": (17, 4111), "small": (3, 2), "scalar": ()}
RNG = np.random.default_rng(0)

OPTIMISERS = [
    optim.SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    optim.Adam(lr=optim.cosine(0.1, steps=20), weight_decay=0.1),
    optim.AdamW(lr=0.1, groups={"large": {"lr": 0.2, "weight_decay": 0.5}}),
    optim.NAdam(max_norm=3.0),
    optim.RMSProp(momentum=0.5, centered=True),
    optim.AdaGrad(initial=0.1),
    optim.Adadelta(),
    optim.Lion(weight_decay=0.1),
    optim.AdaSecant(),
    optim.VSGD(slow_start=3),
    optim.Sophia(every=1),
    optim.AdaHessian(),
    optim.DiagonalNewton(),
]


def trees_like(dtype: Any, count: int) -> list[Any]:
    draw = lambda shape: np.asarray(RNG.normal(size=shape), dtype)
    return [{k: draw(shape) for k, shape in SHAPES.items()} for _ in range(count)]


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_on_every_path(dtype: Any, native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kingma and Ba's algorithm 1, on a leaf whose size is no multiple of a block."""
    monkeypatch.setenv("TINYGRAD_HESS_NATIVE", str(int(native)))
    start, *grads = trees_like(dtype, 6)
    assert start["large"].nbytes > LARGE and start["large"].size % BLOCK
    opt = optim.Adam(lr=0.01, betas=(0.8, 0.95))
    program, expected = tg.jit(opt.update), dict(start)
    recorded = called = (start, opt.init(start))
    m = v = dict.fromkeys(start, 0.0)
    for t, g in enumerate(grads, 1):
        m = {k: 0.8 * m[k] + 0.2 * np.float64(g[k]) for k in g}
        v = {k: 0.95 * v[k] + 0.05 * np.float64(g[k]) ** 2 for k in g}
        expected = {
            k: p - 0.01 * m[k] / (1 - 0.8**t) / (np.sqrt(v[k] / (1 - 0.95**t)) + 1e-8)
            for k, p in expected.items()
        }
        recorded = program(recorded[0], g, recorded[1])
        called = opt.update(called[0], g, called[1])
    atol = 1e-12 if dtype is np.float64 else 2e-6
    for found, _ in (recorded, called):
        for k in start:
            assert found[k].dtype == dtype and found[k].shape == SHAPES[k]
            np.testing.assert_allclose(found[k], expected[k], rtol=0, atol=atol)


@pytest.mark.parametrize("opt", OPTIMISERS, ids=lambda opt: type(opt).__name__)
def test_recorded_updates_are_those_of_calls(opt: Any) -> None:
    """To the bit, and nothing that is given changes."""
    start, *grads = trees_like(np.float32, 5)
    program = tg.jit(opt.update)
    recorded = called = (start, opt.init(start))
    before = {k: p.copy() for k, p in start.items()}
    for g in grads:
        diagonal = [{k: np.abs(x) for k, x in g.items()}] if opt.observes else []
        recorded = program(recorded[0], g, recorded[1], *diagonal)
        called = opt.update(called[0], g, called[1], *diagonal)
    pairs = zip(*(tg.core.trees.leaves((p, s.slots)) for p, s in (recorded, called)), strict=True)
    for a, b in pairs:
        assert np.asarray(a).dtype == np.float32
        np.testing.assert_array_equal(a, b)
    for k, p in start.items():
        np.testing.assert_array_equal(p, before[k])


def test_results_of_blocks_are_new_arrays() -> None:
    opt, p = optim.Adam(), np.ones(2 * BLOCK * 9)
    rule = Blocked(lambda numbers, arrays: (arrays[0] - numbers[0] * arrays[1], arrays[1]))
    np.testing.assert_array_equal(rule((0.5,), (p, p))[0], p / 2)
    np.testing.assert_array_equal(rule((0.5,), (p, p))[0], p / 2)  # an operand given back: no plan
    program, state = tg.jit(opt.update), opt.init(p)
    for _ in range(3):
        q, state = program(p, p, state)
    assert q is not p and q.base is None  # a new array, not copied once more


def test_a_rule_that_looks_at_values_in_blocks() -> None:
    def f(numbers: Any, arrays: Any) -> Any:
        return (arrays[0] * (2 if numbers[0] > 1 else 3),)

    rule, x = Blocked(f), np.ones(3 * BLOCK)
    for number, factor in ((0.0, 3), (2.0, 2), (0.0, 3)):
        np.testing.assert_array_equal(rule((number,), (x,))[0], factor * x)


@pytest.mark.parametrize("rule", [optim.Shampoo, optim.SOAP, optim.Muon, optim.Adam])
@pytest.mark.parametrize("jit", [True, False])
def test_leaves_without_elements_stay(rule: Any, jit: bool) -> None:
    start = {"empty": np.zeros((0, 3)), "none": np.zeros((2, 0)), "w": np.ones((2, 2))}
    cost = lambda p: (p["w"] ** 2).sum() + p["empty"].sum() + p["none"].sum()
    got = optim.fit(cost, start, None, rule(lr=0.1), epochs=3, jit=jit).params
    want = optim.fit(lambda w: (w**2).sum(), start["w"], None, rule(lr=0.1), epochs=3).params
    np.testing.assert_allclose(got["w"], want, rtol=1e-12)
    assert got["empty"].shape == (0, 3) and got["none"].shape == (2, 0)


@pytest.mark.parametrize(("rows", "alone"), [(3, True), (LARGE_MATRIX, False)])
def test_small_matrices_are_decomposed_on_one_thread(
    rows: int, alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered: list[str] = []

    class Noted:
        def __enter__(self) -> None:
            entered.append("in")

        def __exit__(self, *error: object) -> None:
            entered.append("out")

    monkeypatch.setattr(eigenvectors, "one_blas_thread", Noted())
    values, _ = eigenvectors.eigh(np.diag(np.arange(rows, dtype=float)))
    np.testing.assert_allclose(values, np.arange(rows), atol=1e-12)
    assert entered == (["in", "out"] if alone else [])
