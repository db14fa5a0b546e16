"""Whose memory it is: results belong to the caller, inputs and constants stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import optree
import pytest
from comparing import close
from jit_functions import RETURNS
from replayed import M, N, W, X, Y, arrays

import tinygrad_hess as tg


def _unwrapped(f: Callable[..., Any]) -> Callable[..., Any]:
    """Results of a vjp without the function that comes with them."""
    return lambda *a: [y for y in optree.tree_leaves(f(*a)) if not callable(y)]


@pytest.mark.parametrize("name", RETURNS)
def test_results_belong_to_the_caller(name: str) -> None:
    """They share no memory with each other, inputs, constants or later results, and stay."""
    f = _unwrapped(RETURNS[name])
    jitted = tg.jit(f)
    for first, second in ((X, Y), (M, N)):
        if name == "split" and first is M:
            first, second = M[:3], N[:3]
        if name == "constants" and first is M:
            continue
        given, kept = first.copy(), W.copy()
        results = arrays(jitted(given))
        before = [y.copy() for y in results]
        later = arrays(jitted(second))
        close(results, before, strict=True, what=f"{name}: a later call changed results")
        for i, y in enumerate(results):
            assert y.flags.writeable, f"{name}: result {i} cannot be written to"
            others = [*results[:i], *results[i + 1 :], *later, given, W]
            assert not any(np.shares_memory(y, z) for z in others), f"{name}: result {i} is shared"
            y[...] = -77.0
        close(given, first, strict=True)
        close(W, kept, strict=True)
        close(
            arrays(jitted(first.copy())),
            before,
            strict=True,
            what=f"{name}: after results were overwritten",
        )


def test_results_may_be_passed_in_again() -> None:
    f = lambda x, y: (x + y, x * y)
    jitted = tg.jit(f)
    mine, theirs = (X, Y), (X, Y)
    for _ in range(5):
        mine, theirs = jitted(*mine), f(*theirs)
        close(mine, theirs, strict=True)


def test_read_only_inputs() -> None:
    x = X.copy()
    x.flags.writeable = False
    y = tg.jit(lambda x: (x, x * 2, x[1:]))(x)
    assert all(a.flags.writeable for a in y)


def test_closed_over_arrays_are_constants() -> None:
    """What they were when the function was first called counts, wherever they are used."""
    w = np.ones(3)
    functions = {
        "operand": lambda x: x * w,
        "result": lambda x: (x * 2, w),
        "view": lambda x: x * w[::-1] + w.reshape(3, 1),
        "gradient": tg.value_and_grad(lambda x: (x * x * w).sum()),
        "checkpoint": tg.value_and_grad(lambda x: tg.checkpoint(lambda x: (x * x * w).sum())(x)),
        "mapped": lambda x: tg.vmap(lambda s: s * w)(x),
        "alone": lambda x: np.sin(w) + x,
        "tensor": tg.grad(lambda x: (x * x * tg.tensor(w)).sum()),
    }
    jitted = {name: tg.jit(f) for name, f in functions.items()}
    want = {name: optree.tree_map(np.copy, f(X)) for name, f in functions.items()}
    for name, f in jitted.items():
        close(f(X), want[name], strict=True, what=name)
    w[:] = 7.0
    for name, f in jitted.items():
        close(f(X), want[name], strict=True, what=f"{name}, after the array was changed")
