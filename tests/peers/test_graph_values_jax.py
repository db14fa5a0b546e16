"""Values and derivatives on graphs are those of JAX, box by box, of random programs.

JAX has no derivative of an intermediate result, so each is given a zero to be added, and the
derivative by the zero is taken.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pytest
import random_libraries
import random_programs
from comparing import close
from hypothesis import given
from jaxpr_in_numpy import evaluate
from random_examples import SEEDS, examples
from random_programs import Program, programs

import tinygrad_hess as tg
from tinygrad_hess.viz.values import SMALL

pytestmark = [
    pytest.mark.peers,
    pytest.mark.slow,  # JAX traces each program
    pytest.mark.filterwarnings("ignore"),
]


def with_each(after: Callable[[int, Any], Any], library: Any, program: Program) -> Any:
    """The loss of a program, each of whose results goes through ``after`` first.

    It is then moved a little, by a number of its own for each element: copies of one element tie in
    a maximum, whose derivative by each of them is a choice.
    """
    settled = random_programs._settled

    def loss(*inputs: Any) -> Any:
        numbers = iter(range(len(program.steps)))

        def moved(library: Any, y: Any) -> Any:
            n = next(numbers)
            y = after(n, settled(library, y))
            size = math.prod(y.shape)
            return y + 0.01 * np.cos(1.7 * n + np.arange(size)).reshape(y.shape)

        with mock.patch.object(random_programs, "_settled", moved):
            return program.loss(library)(*inputs)

    return loss


def drawn(program: Program, point: list[np.ndarray]) -> str:
    """The DOT text of a program's graph with numbers, its results named."""

    def named(n: int, y: Any) -> Any:
        if isinstance(y, tg.Tensor) and y.prim is not None and y.parents and y.name is None:
            y.name = f"result_{n}"
        return y

    loss = with_each(named, random_libraries.here(np), program)
    return tg.viz.graph(
        loss, *point, values=True, grads=True, repeats=False, max_nodes=10**6
    ).source


def theirs(program: Program, point: list[np.ndarray]) -> dict[str, tuple[Any, Any]]:
    """Value and derivative of inputs and results, by name."""
    import jax

    library = random_libraries.there()
    values: dict[int, Any] = {}

    def kept(n: int, y: Any) -> Any:
        values[n] = y
        return y

    def results(*inputs: Any) -> Any:
        values.clear()
        with_each(kept, library, program)(*inputs)
        return [values[n] for n in range(len(program.steps))]

    found = evaluate(results, *point)

    def loss(inputs: Any, zeros: Any) -> Any:
        return with_each(lambda n, y: y + zeros[n], library, program)(*inputs)

    slopes = evaluate(jax.grad(loss, argnums=(0, 1)), point, [np.zeros(y.shape) for y in found])
    names = [*(f"inputs[{i}]" for i in range(3)), *(f"result_{n}" for n in range(len(found)))]
    return dict(zip(names, zip([*point, *found], slopes, strict=True), strict=True))


BOX = re.compile(r"^\s*n\d+ \[label=<(.*)> ?[^\n]*\]$", re.M)


def numbers_of(label: str) -> tuple[str, dict[str, list[float]]]:
    """What a box is called, and the numbers that are written after each word."""
    lines = html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"<br/>|</td>", "\n", label)))
    said: dict[str, list[float]] = {}
    word = ""
    for line in lines.split("\n")[1:]:
        if line.startswith(("value ", "grad ")):
            word, line = line.split(" ", 1)
            said[word] = []
        if word:
            said[word] += map(float, re.findall(r"-?(?:\d[\d.]*(?:e[-+]\d+)?|inf|nan)", line))
    return lines.split("\n", 1)[0].split(" = ")[0], said


@examples(200)
@given(programs(4, 12), SEEDS)
def test_numbers_in_boxes(program: Program, seed: int) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    point = program.point(seed)
    want = theirs(program, point)
    checked = 0
    for label in BOX.findall(drawn(program, point)):
        name, said = numbers_of(label)
        for word, expected in zip(("value", "grad"), want.get(name, ()), strict=False):
            expected = np.asarray(expected)
            if expected.dtype.kind != "f":
                continue
            largest = np.abs(expected).max(initial=1e-8)
            if expected.size <= SMALL:
                close(np.array(said[word]), expected.ravel(), 1e-3, 1e-8 * largest, f"{name} {word}",
                      elementwise=True)  # fmt: skip
            elif "all" not in label:
                mean = [expected.mean(), expected.std(), expected.min(), expected.max()]
                close(np.array(said[word][:4]), np.array(mean), 1e-3, 1e-8 * largest,
                      f"{name} {word}", elementwise=True)  # fmt: skip
            checked += 1
    assert checked >= 2
