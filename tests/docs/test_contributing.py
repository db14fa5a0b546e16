"""The examples of CONTRIBUTING.md: a row of each kind, at work; and what it points to."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import comparing
import numpy as np
import pytest
from test_layout import LEVELS

import tinygrad_hess as tg
from tinygrad_hess.core.primitive import REGISTRY
from tinygrad_hess.curvature.traces import frobenius
from tinygrad_hess.replay.passes import PASSES
from tinygrad_hess.replay.passes.dead_code import drop_dead

close = functools.partial(comparing.close, rtol=1e-10, atol=1e-12, elementwise=True)

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


def test_there_is_a_row_of_each_kind(page: dict[str, Any]) -> None:
    assert {name: REGISTRY[name].kind for name in ROWS} == {
        n: kind for n, (kind, _) in ROWS.items()
    }


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
        close(transform(f)(*xs), transform(g)(*xs))
    close(call(*xs), plain(*xs))
    close(tg.vmap(call)(*xs), np.stack([plain(*x) for x in zip(*xs, strict=True)]))
    for case in REGISTRY[name].cases:
        args = case(rng)[0] if callable(case) else [rng.uniform(0.2, 1, s) for s in case[0]]
        tg.check_grads(call, tuple(args), order=2)
    for args, slopes in REGISTRY[name].edges:
        close(tg.grad(call)(*args), slopes[0])


def test_the_lowered_row_is_spelled_out(page: dict[str, Any]) -> None:
    f = tg.jit(page["bell"])
    close(f(np.ones(3)), np.exp(-np.ones(3)))
    assert "exp(" in f.source(np.ones(3))
    assert "bell" not in f.source(np.ones(3))


def test_what_is_pointed_to_is_there() -> None:
    assert callable(drop_dead) and drop_dead in PASSES
    assert {"Budget", "Counted", "Running", "run_probes"} <= vars(frobenius).keys()
    assert "_rule" in vars(tg.optim.SGD) and "moments" in vars(tg.optim.Optimizer)


def test_paths_exist() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT):
        assert (ROOT / target).exists(), target
    places = re.findall(
        r"`((?:tinygrad_hess|tests|docs|tools|curvature|replay|optim|core|ops)/[\w./]*)`", TEXT
    )
    assert len(places) > 20
    for place in places:
        assert any((base / place).exists() for base in (ROOT, ROOT / "tinygrad_hess")), place
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", TEXT, flags=re.MULTILINE)
    steps = {(int(n), room) for n, cell in rows for room in re.findall(r"(\w+)/`", cell)}
    assert steps == {(n, room) for n, rooms in enumerate(LEVELS, 1) for room in rooms}
