"""Repetition is drawn once, and only what repeats."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.viz.derivatives import derivatives
from tinygrad_hess.viz.picture import CARRIED, Picture
from tinygrad_hess.viz.reading import read
from tinygrad_hess.viz.repeats import LEAST, Repeat, _runs, fold
from tinygrad_hess.viz.trace import trace


def picture(f: Any, *args: Any, grads: bool = False) -> Picture:
    traced = trace("graph", f, args, None)
    found = derivatives("graph", traced.roots) if grads else None
    return read(traced.roots, traced.starts, traced.arrays, True, found)


def frames(picture: Picture) -> list[tuple[str, int]]:
    return [(s.name, s.steps) for s in picture.scopes if s.steps > 1]


def count(picture: Picture) -> int:
    return sum(v.ops.total() for v in picture.vertices)


def recurrence(steps: int) -> Any:
    def f(w: Any, x: Any) -> Any:
        h = x[0]
        for t in range(1, steps + 1):
            h = np.tanh(w * h + x[t])
        return h.sum()

    return f


class TestFold:
    def test_an_unrolled_recurrence(self, rng: np.random.Generator) -> None:
        x = rng.normal(size=(61, 3))
        before = picture(recurrence(60), 0.5, x)
        after = fold(before)
        assert frames(after) == [("60 steps × this body", 60)]
        assert count(after) == count(before)
        titles = [v.title for v in after.vertices if v.scope >= 0]
        assert titles == ["index", "×", "+", "tanh"] or sorted(titles) == [
            "+",
            "index",
            "tanh",
            "×",
        ]
        carried = [(after.vertices[a].title, after.vertices[b].title)
                   for a, b, slot in after.edges if slot == CARRIED]  # fmt: skip
        assert carried == [("tanh", "×")]

    def test_values_of_the_first_and_the_last_step(self, rng: np.random.Generator) -> None:
        x = rng.normal(size=(61, 3))
        h, states = x[0], []
        for t in range(1, 61):
            h = np.tanh(0.5 * h + x[t])
            states.append(h)
        after = fold(picture(recurrence(60), 0.5, x, grads=True))
        (tanh,) = [v for v in after.vertices if v.title == "tanh"]
        assert tanh.first is not None
        np.testing.assert_allclose(tanh.first.value, states[0], rtol=1e-15)
        np.testing.assert_allclose(tanh.value, states[-1], rtol=1e-15)
        slope = np.ones(3)
        for state in states[:0:-1]:
            slope = slope * (1 - state**2) * 0.5
        np.testing.assert_allclose(tanh.grad, np.ones(3))
        np.testing.assert_allclose(tanh.first.grad, slope, rtol=1e-12)

    def test_its_gradient_has_two_bodies(self, rng: np.random.Generator) -> None:
        before = picture(tg.grad(recurrence(60)), 0.5, rng.normal(size=(61, 3)))
        after = fold(before)
        assert [n for _, n in frames(after)] == pytest.approx([60, 59], abs=2)
        assert count(after) == count(before)
        assert len(after.vertices) < 45

    def test_equal_layers(self) -> None:
        class Net(nn.Module):
            def __init__(self) -> None:
                self.blocks = [nn.Linear(3, 3) for _ in range(12)]

            def __call__(self, x: Any) -> Any:
                for block in self.blocks:
                    x = np.tanh(block(x))
                return x

        g = tg.viz.graph(Net(), np.ones((2, 3)))
        assert "12 layers × this body" in g.source or "12 steps × this body" in g.source
        assert "blocks[0] Linear … blocks[11] Linear" in g.source
        assert "12 parameters" in g.source
        assert "net.blocks[0].weight … net.blocks[11].weight" in g.source

    def test_a_run_that_begins_before_the_first_layer(self) -> None:
        """The operation in front of the layers is like the last of each."""

        class Layer(nn.Module):
            def __init__(self, seed: int) -> None:
                self.inner = nn.Linear(2, 2, seed=seed)

            def __call__(self, x: Any) -> Any:
                return np.tanh(self.inner(x))

        layers = [Layer(seed) for seed in range(9)]

        def f(layers: Any, x: Any) -> Any:
            x = np.tanh(x)
            for layer in layers:
                x = layer(x)
            return x.sum()

        assert ("9 layers × this body", 9) in frames(fold(picture(f, layers, np.ones((1, 2)))))
        backward = frames(fold(picture(tg.grad(f), layers, np.ones((1, 2)))))
        # in reverse, the last step hands nothing on: the input has no derivative
        assert sorted(steps for name, steps in backward if "this body" in name) == [8, 9]

    def test_calls_of_one_module_are_steps(self) -> None:
        cell = nn.Linear(2, 2, seed=0)

        def f(cell: Any, x: Any) -> Any:
            for _ in range(9):
                x = np.tanh(cell(x))
            return x.sum()

        named = {name for name, _ in frames(fold(picture(f, cell, np.ones((1, 2)))))}
        assert any(name.endswith(" steps × this body") for name in named)
        assert not any("layers" in name for name in named)

    def test_loops_in_loops(self) -> None:
        def f(x: Any) -> Any:
            for _ in range(6):
                for _ in range(7):
                    x = np.sin(x)
                x = np.cosh(x)
            return x

        before = picture(f, 0.5)
        after = fold(before)
        assert sorted(n for _, n in frames(after)) == [6, 7]
        assert count(after) == count(before) == 48
        inner = next(s for s in after.scopes if s.steps == 7)
        assert after.scopes[inner.outer].steps == 6

    def test_steps_that_read_elsewhere_are_no_repetition(self, rng: np.random.Generator) -> None:
        """The same operations each time, wired at random."""

        def f(x: Any) -> Any:
            ys = [x]
            for _ in range(60):
                ys.append(np.sin(ys[rng.integers(len(ys))] * ys[rng.integers(len(ys))]))
            return sum(ys, start=0.0)

        traced = trace("graph", f, (0.5,), None)
        before = read(traced.roots, traced.starts, traced.arrays, True)
        after = fold(before)
        for a, b, slot in after.edges:  # what a body says holds of each of its steps
            assert slot != CARRIED or {after.vertices[a].title, after.vertices[b].title} == {"+"}

    def test_one_operation_many_times_side_by_side_is_none(self) -> None:
        before = picture(lambda x, *ys: sum((np.sin(x * y) for y in ys), start=0.0), 0.5, *range(9))
        assert frames(fold(picture(lambda x: tuple(np.sin(x) for _ in range(9)), 0.5))) == []
        assert count(fold(before)) == count(before)

    def test_longer_bodies_side_by_side_are_drawn_once(self) -> None:
        f = lambda x: tuple(np.sin(np.tanh(np.exp(np.sqrt(x)))) for _ in range(9))
        assert [n for _, n in frames(fold(picture(f, 0.5)))] == [9]

    def test_three_steps_are_few(self) -> None:
        assert frames(fold(picture(lambda x: np.sin(np.sin(np.sin(x))), 0.5))) == []


def plain_runs(codes: np.ndarray) -> list[Repeat]:
    """Every period compared in full."""
    found = []
    for period in range(1, len(codes) // LEAST + 1):
        equal = [*(codes[:-period] == codes[period:]), False]
        begin = 0
        for at, same in enumerate(equal):
            if not same:
                steps = (at - begin) // period + 1
                if at > begin and steps >= LEAST:
                    rest = (at - begin) % period
                    found.append(Repeat(begin, period, steps, rest))
                begin = at + 1
    return found


def test_the_search_by_samples_misses_nothing(rng: np.random.Generator) -> None:
    total = 0
    for _ in range(60):
        parts = []
        for _ in range(rng.integers(1, 5)):
            body = rng.integers(0, 4, rng.integers(1, 80))
            parts += [rng.integers(0, 4, rng.integers(0, 30)), np.tile(body, rng.integers(1, 9))]
        codes = np.concatenate(parts)
        want = plain_runs(codes)
        assert list(_runs(codes)) == want
        total += len(want)
    assert total > 100


class TestScan:
    def test_the_body_is_drawn(self, rng: np.random.Generator) -> None:
        x = rng.normal(size=(60, 3))

        def f(w: Any, x: Any) -> Any:
            def body(h: Any, xt: Any) -> Any:
                h = np.tanh(w * h + xt)
                return h, h.sum()

            h, ys = tg.scan(body, np.zeros(3), x)
            return h.sum() + ys.sum()

        found = picture(f, 0.5, x)
        assert frames(found) == [("60 steps × this body", 60)]
        inside = [v.title for v in found.vertices if v.scope >= 0 and v.kind == "op"]
        assert inside == ["×", "+", "tanh", "sum"]
        (carried,) = [(a, b) for a, b, slot in found.edges if slot == CARRIED]
        assert [found.vertices[i].title for i in carried] == ["tanh", "×"]
        h = np.zeros(3)
        for xt in x:
            h = np.tanh(0.5 * h + xt)
        tanh = found.vertices[carried[0]]
        np.testing.assert_allclose(tanh.value, h, rtol=1e-15)
        assert len(picture(tg.grad(f), 0.5, x).vertices) < 60


class TestBudget:
    def test_depth(self) -> None:
        model = nn.MLP([3, 4, 4, 2])
        x = np.ones((5, 3))
        whole, layers, one = (tg.viz.graph(model, x, depth=d).source for d in (None, 1, 0))
        assert (
            whole.count("subgraph") == 4 and layers.count("subgraph") == 1 and "subgraph" not in one
        )
        assert "layers[1] Linear" in layers and "modules deeper than 1 collapsed" in layers
        with pytest.raises(ValueError, match="depth"):
            tg.viz.graph(model, x, depth=-1)

    def test_edges_count(self) -> None:
        """Twelve values, each read by all that follow."""

        def f(x: Any) -> Any:
            ys = [np.sin(x * k) for k in range(1, 13)]
            return sum(a * b for a in ys for b in ys)

        def size(max_nodes: int) -> tuple[int, int]:
            g = tg.viz.graph(f, 0.5, max_nodes=max_nodes, repeats=False)
            return len(re.findall(r"^\s*n\d+ \[", g.source, re.M)), g.source.count(" -> ")

        boxes, edges = size(10**6)
        assert boxes > 300 and edges > 400
        assert size(boxes)[1] <= 2 * boxes
        assert size(200)[0] <= 200 and size(200)[1] <= 400
