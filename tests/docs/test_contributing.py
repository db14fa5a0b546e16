"""The examples of CONTRIBUTING.md: rows of each kind, a pass, an estimate and an optimiser, at work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess.core.primitive import REGISTRY
from tinygrad_hess.replay.record import read
from tinygrad_hess.transforms.recording import Recording

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

ROWS = {  # by name: its kind, and the same function of the library's operations
    "half_steps": ("zero", lambda x: np.floor(2 * x) / 2),
    "bell": ("elementwise", lambda x: np.exp(-(x**2))),
    "reverse_last": ("linear", lambda x: np.flip(x, -1)),
    "weighted_sum": ("bilinear", lambda a, b: (a * b).sum(-1)),
    "total": ("variadic", lambda a, b: a + b),
    "share": ("structured", lambda x: x / x.sum(-1, keepdims=True)),
}


@pytest.fixture(scope="module")
def page() -> Iterator[dict[str, Any]]:
    """What the blocks of the page define; the rows are not left behind."""
    before = set(REGISTRY)
    names: dict[str, Any] = {}
    try:
        for code in re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL):
            exec(compile(code, "CONTRIBUTING.md", "exec"), names)
        assert set(REGISTRY) - before == set(ROWS)
        yield names
    finally:
        for name in set(REGISTRY) - before:
            REGISTRY.pop(name)


def near(got: Any, want: Any) -> None:
    for a, b in zip(tg.core.trees.leaves(got), tg.core.trees.leaves(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_there_is_a_row_of_each_kind(page: dict[str, Any]) -> None:
    assert {name: REGISTRY[name].kind for name in ROWS} == {n: kind for n, (kind, _) in ROWS.items()}


@pytest.mark.parametrize("name", ROWS)
def test_a_row(page: dict[str, Any], name: str) -> None:
    call, plain = page[name], ROWS[name][1]
    rng = np.random.default_rng(0)
    xs = tuple(rng.uniform(0.2, 1, (3, 4)) for _ in range(plain.__code__.co_argcount))
    vs = tuple(rng.normal(size=x.shape) for x in xs)
    f, g = (lambda *xs, call=c: (np.cos(call(*xs)) * xs[0].sum()).sum() for c in (call, plain))
    nums = tuple(range(len(xs)))
    for transform in (
        lambda f: f,
        lambda f: tg.grad(f, nums),
        lambda f: lambda *xs: tg.jvp(f, xs, vs),
        lambda f: tg.hessian(f, argnums=nums),
        lambda f: tg.jit(tg.grad(f, nums)),
    ):
        near(transform(f)(*xs), transform(g)(*xs))
    assert not np.any(call(*xs) - plain(*xs)) or np.allclose(call(*xs), plain(*xs), rtol=1e-14)
    near(tg.vmap(call)(*xs), np.stack([plain(*x) for x in zip(*xs, strict=True)]))
    for case in REGISTRY[name].cases:
        args = case(rng)[0] if callable(case) else [rng.uniform(0.2, 1, s) for s in case[0]]
        tg.check_grads(call, tuple(args), order=2)
    for args, slopes in REGISTRY[name].edges:
        near(tg.grad(call)(*args), slopes[0])


def program(f: Any, *args: Any) -> Any:
    run = Recording(f, args)
    return read(run.tape(), run.starts, run.outputs, run.starts[0].time)


def test_the_lowered_row_is_spelled_out(page: dict[str, Any]) -> None:
    f = tg.jit(page["bell"])
    near(f(np.ones(3)), np.exp(-np.ones(3)))
    assert "exp(" in f.source(np.ones(3))
    assert "bell" not in f.source(np.ones(3))


def test_the_pass(page: dict[str, Any]) -> None:
    x = np.array([1.0, -2.0])
    before = program(lambda x: np.tanh(x * x) * x, x)
    after = page["squares"](before)
    assert [i.name for i in before.instructions] == ["multiply", "tanh", "multiply"]
    assert [i.name for i in after.instructions] == ["square", "tanh", "multiply"]
    np.testing.assert_array_equal(after.run(x)[0], before.run(x)[0])


def test_the_estimate(page: dict[str, Any]) -> None:
    A = np.random.default_rng(0).normal(size=(100, 100))
    found = page["mean_eigenvalue"](A + A.T)
    assert found.matvecs == 64
    assert abs(found.value - np.trace(A + A.T) / 100) < 4 * found.standard_error
    assert found.interval[0] < found.value < found.interval[1]


def test_the_optimiser(page: dict[str, Any]) -> None:
    opt, params = page["SignDescent"](lr=0.1), {"w": np.array([1.0, -2.0])}
    params, _ = opt.update(params, {"w": np.array([3.0, -4.0])}, opt.init(params))
    near(params, {"w": np.array([0.9, -1.9])})


def test_paths_exist() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT):
        assert (ROOT / target).exists(), target
    places = re.findall(r"`((?:tinygrad_hess|tests|docs|tools|curvature|replay|optim|core|ops)/[\w./]*)`", TEXT)
    assert len(places) > 20
    for place in places:
        assert any((base / place).exists() for base in (ROOT, ROOT / "tinygrad_hess")), place
    table = re.findall(r"^\| `(?:tinygrad_hess/)?(\w+)/`", TEXT, flags=re.MULTILINE)
    assert table[:3] == ["core", "ops", "numpy"]
