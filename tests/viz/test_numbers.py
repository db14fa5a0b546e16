"""Values, derivatives and names in the boxes of a graph."""

from __future__ import annotations

import html
import re
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.viz.naming import numbered
from tinygrad_hess.viz.values import BINS, histogram, numbers_text


def boxes(graph: Any) -> dict[str, list[str]]:
    """Lines of each box, by its title."""
    labels = re.findall(r"^\s*n\d+ \[label=<(.*)> ?[^\n]*\]$", graph.source, re.M)
    texts = [re.sub(r"<[^>]*>", "", re.sub("<br/>|</td>", "\n", x)).split("\n") for x in labels]
    return {html.unescape(x[0]): [line for line in x[1:] if line] for x in texts}


def kinds(graph: Any) -> dict[str, str]:
    """What the colour of each box says of it."""
    colours = {"#F6DCEA": "parameter", "#FFF6C9": "input"}
    found = re.findall(r'label=<(?:<b>)?(.*?)(?:</b>)?<br.*?fillcolor="(#\w+)"', graph.source)
    return {title: colours[fill] for title, fill in found if fill in colours}


def f(x: Any, y: Any) -> Any:
    return x * y + np.sin(x)


class TestNumbers:
    def test_closed_form(self) -> None:
        found = boxes(tg.viz.graph(f, 2.0, 3.0, values=True, grads=True))
        shape = "scalar float64"
        assert found == {
            "x": [shape, "value 2", f"grad {3 + np.cos(2):.4g}"],
            "y": [shape, "value 3", "grad 2"],
            "×": [shape, "value 6", "grad 1"],
            "sin": [shape, f"value {np.sin(2):.4g}", "grad 1"],
            "+": [shape, f"value {6 + np.sin(2):.4g}", "grad 1"],
            "output": [shape, f"value {6 + np.sin(2):.4g}", "grad 1"],
        }

    def test_small_arrays_in_full_large_ones_summarised(self, rng: np.random.Generator) -> None:
        x = rng.normal(size=(8, 25))
        found = boxes(
            tg.viz.graph(lambda x, b: (x.sum(0)[:3] * b).sum(), x, np.ones(3), values=True)
        )
        mean, deviation = f"{x.mean():.4g}", f"{x.std():.4g}"
        assert found["x"][1] == f"value {mean} ± {deviation} in [{x.min():.4g}, {x.max():.4g}]"
        assert found["b"][1] == "value [1, 1, 1]"

    def test_of_a_gradient_and_of_a_product_with_the_hessian(self) -> None:
        found = boxes(tg.viz.graph(tg.grad(f), 2.0, 3.0, values=True))
        assert found["output"][-1] == f"value {3 + np.cos(2):.4g}"
        h = lambda x, y, v: tg.hvp(f, x, v, y)
        found = boxes(tg.viz.graph(h, 2.0, 3.0, 1.5, values=True, grads=True))
        assert found["output"][-2] == f"value {-1.5 * np.sin(2):.4g}"
        assert found["v"][-1] == f"grad {-np.sin(2):.4g}"
        assert found["x"][-1] == f"grad {-1.5 * np.cos(2):.4g}"

    def test_zero_where_no_derivative_arrives(self) -> None:
        found = boxes(tg.viz.graph(lambda x, y: x + np.floor(y), 1.5, 2.5, grads=True))
        assert found["y"][-1] == "grad 0"

    def test_batched_values_have_the_batch_in_front(self) -> None:
        g = tg.viz.graph(
            lambda x: tg.vmap(lambda r: (r * r).sum())(x).sum(), np.eye(2), values=True
        )
        assert boxes(g)["sum"] == ["axis -1", "scalar float64", "value 2"]
        assert "value [1, 1]" in g.source

    def test_derivatives_need_one_number(self) -> None:
        for out in (lambda x: x * 2, lambda x: (x[0], x[1])):
            with pytest.raises(
                ValueError, match=r"graph: derivatives are those of one number.*sum"
            ):
                tg.viz.graph(out, np.ones(2), grads=True)
        with pytest.raises(ValueError, match="only a real number"):
            tg.viz.graph(lambda x: (x * 1j).sum(), np.ones(2), grads=True)
        with pytest.raises(TypeError, match="values must be True or False"):
            tg.viz.graph(f, 1.0, 2.0, values="yes")  # type: ignore[arg-type]

    def test_a_released_tape(self) -> None:
        x = tg.tensor(2.0, requires_grad=True)
        y = x * x
        y.backward()
        assert "backward(retain_graph=True)" in tg.viz.graph(y).source
        with pytest.raises(tg.TapeReleasedError):
            tg.viz.graph(y, grads=True)
        y = x * x
        y.backward(retain_graph=True)
        assert "grad 4" in tg.viz.graph(y, grads=True).source


class TestText:
    def test_numbers_that_are_not_finite(self) -> None:
        assert numbers_text(np.array([np.nan, np.inf])) == "[nan, inf]"
        x = np.r_[np.zeros(10), np.nan, np.inf]
        assert numbers_text(x) == "all 0\n2 of 12 not finite"
        assert numbers_text(np.full(20, np.nan)) == "20 of 20 not finite"
        assert histogram(np.full(20, np.nan)) == []

    def test_extreme_ranges(self) -> None:
        x = np.linspace(-1, 1, 48) * 1.7e308
        assert sum(histogram(x)) == 48 and len(histogram(x)) == BINS
        assert histogram(np.full(30, 5e-324)) == [30]

    def test_histogram_is_numpys(self, rng: np.random.Generator) -> None:
        x = rng.normal(size=500)
        want, _ = np.histogram(x, BINS)
        assert np.abs(np.array(histogram(x)) - want).sum() <= 2  # an edge may round either way

    def test_columns_are_written_along_the_line(self) -> None:
        said = numbers_text(np.arange(9.0).reshape(9, 1) / 7).split("\n")
        assert len(said) == 2 and max(map(len, said)) <= 48
        assert numbers_text(np.eye(2)) == "[[1, 0],\n [0, 1]]"

    def test_other_types(self) -> None:
        assert numbers_text(np.array([True, False])) == "[True, False]"
        assert numbers_text(np.arange(3)) == "[0, 1, 2]"
        assert numbers_text(np.ones(20) * 1j) == "20 numbers"
        assert numbers_text(np.float64(-0.0)) == "0"


class TestNames:
    def test_tensors(self) -> None:
        w, b, c = (tg.tensor(v, requires_grad=True) for v in (1.0, 2.0, 3.0))
        w.name = "w"
        found = boxes(tg.viz.graph(w * b + c))
        assert {"w", "parameter 1", "parameter 2"} <= set(found)
        x = tg.tensor([1.0], requires_grad=True, name="x")
        y = np.exp(x)
        y.name = "y"
        assert {"x", "y = exp"} <= set(boxes(tg.viz.graph(y.sum())))

    def test_a_named_argument_keeps_its_name(self) -> None:
        w = tg.tensor(2.0, requires_grad=True, name="slope")
        assert "slope" in boxes(tg.viz.graph(lambda p: p["k"] * 2, {"k": w}))

    def test_numbered(self) -> None:
        assert numbered(["a", "b", "a"]) == ["a 1", "b", "a 2"]

    def test_parameters_of_a_module_know_their_attributes(self) -> None:
        model = nn.MLP([3, 4, 2])
        model.parameters()
        g = tg.viz.graph((model(np.ones((5, 3))) ** 2).sum())
        assert {"layers[0].weight", "layers[1].bias"} <= set(boxes(g))

    def test_layers_are_told_apart(self) -> None:
        class Net(nn.Module):
            def __init__(self) -> None:
                self.stem = nn.Linear(2, 2)
                self.blocks = [nn.Linear(2, 2) for _ in range(3)]

            def __call__(self, x: Any) -> Any:
                x = self.stem(x)
                for block in self.blocks:
                    x = block(x)
                return x

        source = tg.viz.graph(Net(), np.ones((1, 2))).source
        frames = re.findall(r"label=<([^<>]*)> labeljust", source)
        assert sorted(frames) == [
            "Net", "blocks[0] Linear", "blocks[1] Linear", "blocks[2] Linear", "stem Linear",
        ]  # fmt: skip

    def test_layers_without_parameters_are_numbered(self) -> None:
        class Act(nn.Module):
            def __call__(self, x: Any) -> Any:
                return np.tanh(x)

        source = tg.viz.graph(lambda x: Act()(Act()(x)), 1.0).source
        assert "<Act 1>" in source and "<Act 2>" in source

    def test_what_is_differentiated_is_told_from_inputs(self) -> None:
        assert kinds(tg.viz.graph(tg.grad(lambda x, y: x * y**3, argnums=1), 2.0, 3.0)) == {
            "x": "input",
            "y": "parameter",
        }
        assert kinds(tg.viz.graph(tg.grad(f, argnums=1), 2.0, 3.0)) == {"x": "input"}  # dy is x
        h = lambda x, y, v: tg.hvp(lambda x, y: x**3 * y, x, v, y)
        assert kinds(tg.viz.graph(h, 2.0, 3.0, 1.0)) == {
            "x": "parameter",
            "y": "input",
            "v": "input",
        }
        assert kinds(tg.viz.graph(tg.grad(f), 2.0, 3.0, argnums=(0, 1))) == dict.fromkeys(
            "xy", "parameter"
        )
