"""Steps tell what is computed: their numbers and formulas against closed forms and differences."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.dom import minidom

import numpy as np
import pytest
import random_libraries
from random_programs import Program, Step
from random_vocabulary import VOCABULARY

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.core.tape import Tape
from tinygrad_hess.viz import rendering
from tinygrad_hess.viz.formulas import partials, words


def told(steps: Any, phase: str) -> dict[str, list[str]]:
    return {s.heading: s.lines for s in steps if s.phase == phase}


X, Y = 2.0, 3.0


@pytest.fixture(scope="module")
def steps() -> Any:
    return tg.viz.steps(lambda x, y: x * y + np.sin(x), X, Y, title="x*y + sin(x)")


class TestSteps:
    def test_forward(self, steps: Any) -> None:
        s = np.sin(X)
        assert told(steps, "forward") == {
            "What is given": ["x = 2", "y = 3"],
            "v1 = x × y": ["v1 = 6"],
            "v2 = sin(x)": [f"v2 = {s:.4g}"],
            "v3 = v1 + v2": [f"v3 = {6 + s:.4g}"],
        }

    def test_reverse(self, steps: Any) -> None:
        c = np.cos(X)
        found = told(steps, "reverse")
        assert [*found] == [
            "L = v3, ∂L/∂v3 = 1", "back through v3 = v1 + v2", "back through v2 = sin(x)",
            "back through v1 = x × y",
        ]  # fmt: skip
        assert found["back through v2 = sin(x)"] == [
            f"∂v2/∂x = cos(x) = {c:.4g}",
            f"∂L/∂x = ∂L/∂v2 × ∂v2/∂x = {c:.4g}",
        ]
        assert found["back through v1 = x × y"] == [
            "∂v1/∂x = y = 3", "∂L/∂x += ∂L/∂v1 × ∂v1/∂x = 3", f"so far ∂L/∂x = {3 + c:.4g}",
            "∂v1/∂y = x = 2", "∂L/∂y = ∂L/∂v1 × ∂v1/∂y = 2",
        ]  # fmt: skip

    def test_tangent(self, steps: Any) -> None:
        found = told(steps, "tangent")
        assert found["A direction"] == ["dx = 1", "dy = 0"]
        assert found["dv1, the tangent of v1"] == ["dv1 = y × dx = 3"]  # dy is zero
        assert found["dv3, the tangent of v3"] == [f"dv3 = dv1 + dv2 = {3 + np.cos(X):.4g}"]

    def test_directions(self) -> None:
        f = lambda p, x: (p["w"] * x["a"]).sum()
        args = {"w": np.ones(2)}, {"a": np.array([2.0, 5.0])}
        last = tg.viz.steps(f, *args, tangents=({"w": np.array([1.0, 0.0])}, {"a": np.ones(2)}))[-1]
        assert last.lines[0].endswith("= 4")  # 1 * 2 + (1 + 1)
        with pytest.raises(ValueError, match="tangents of argument 0 must be float64"):
            tg.viz.steps(f, *args, tangents={"w": np.ones(3)})

    def test_each_box_is_complete_when_its_turn_has_come(self, steps: Any) -> None:
        """x gets its derivative from two operations; it is shown with the second."""
        reverse = [n for n, s in enumerate(steps) if s.phase == "reverse"]
        x, y, v1, v2, v3, output = steps.walk.since
        assert x[1] == y[1] == reverse[3]
        assert v3[1] == output[1] == reverse[0]
        assert v1[1] == v2[1] == reverse[1]
        assert [box[0] for box in steps.walk.since] == [0, 0, 1, 2, 3, 3]

    def test_broadcast_operands_are_summed(self) -> None:
        f = lambda b, x: ((x + b) ** 2).sum()
        b, x = np.array([0.5, -1.0]), np.arange(6.0).reshape(3, 2)
        found = tg.viz.steps(f, b, x)
        step = next(s for s in found if s.heading == "back through v1 = x + b")
        want = 2 * (x + b).sum(0)
        assert f"∂L/∂b = ∂L/∂v1 × ∂v1/∂b = [{want[0]:.4g}, {want[1]:.4g}]" in step.lines
        assert "b was broadcast" in step.words

    def test_gradients_of_a_net_are_those_of_differences(self, rng: np.random.Generator) -> None:
        model = nn.MLP([3, 4, 1])
        x = rng.normal(size=(6, 3))
        f = lambda model: (model(x) ** 2).mean()
        found = tg.viz.steps(f, model)
        leaves = tg.core.trees.leaves(model)
        grads = [found.walk.grads[time] for time in found.starts]
        for leaf, g in zip(leaves, grads, strict=True):
            direction = rng.normal(size=leaf.shape)
            kept = leaf.copy()
            values = []
            for sign in (1, -1):
                leaf[...] = kept + sign * 1e-6 * direction
                values.append(float(f(model)))
            leaf[...] = kept
            assert (g * direction).sum() == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-6)

    def test_errors(self) -> None:
        with pytest.raises(
            ValueError, match=r"steps: 2,253 steps are more than max_steps=300.*view"
        ):
            tg.viz.steps(lambda x: sum(np.sin(x * k) for k in range(250)), 1.0)
        with pytest.raises(ValueError, match="steps: derivatives are those of one number"):
            tg.viz.steps(np.sin, np.ones(2))
        with pytest.raises(TypeError, match="steps: give a function"):
            tg.viz.steps(tg.tensor(1.0))


class TestFormulas:
    """Formulas are evaluated as Python, and compared with differences of the function."""

    NAMES = {"×": "*", "÷": "/", "≤": "<=", "≥": ">="}  # fmt: skip

    @pytest.mark.parametrize(
        "f",
        [
            np.sin, np.cos, np.tanh, np.exp, np.log, np.sqrt, np.square, np.arctan, np.sinh,
            lambda x: x**3, lambda x: 1 / x, lambda x: 2.5 * x, lambda x: 1 - x, tg.ops.sigmoid,
            tg.ops.relu, np.negative, np.log1p, np.expm1, np.reciprocal,
        ],
    )  # fmt: skip
    def test_of_one_operand(self, f: Any) -> None:
        x = tg.tensor(0.7, requires_grad=True)
        node = Tape([f(x)]).nodes[-1]
        names = ["x" if p is not None else "c" for p in node.parents]
        (found,) = partials(node, names, "y", "g")
        self.check(
            found.formula, {"x": 0.7, "y": node.value}, lambda x: float(f(tg.tensor(x)).value)
        )

    @pytest.mark.parametrize(
        "f",
        [
            np.multiply, np.divide, np.subtract, np.add, np.power, np.hypot,
            lambda x, z: np.where(x > 0, x, z),
        ],
    )  # fmt: skip
    def test_of_two_operands(self, f: Any) -> None:
        x, z = (tg.tensor(v, requires_grad=True) for v in (0.7, 1.3))
        node = f(x, z)
        names = ["x" if p is x else "z" if p is z else "condition" for p in node.parents]
        both = {"x": 0.7, "z": 1.3, "y": node.value, "condition": True}
        for p in partials(node, names, "y", "g"):
            name = names[p.operand]
            if name == "condition":
                continue
            at = lambda v, name=name: float(
                f(*(tg.tensor(v if k == name else both[k]) for k in "xz")).value
            )
            self.check(p.formula, both, at, name)

    def check(self, formula: str, names: dict[str, Any], f: Any, by: str = "x") -> None:
        assert formula
        for sign, python in self.NAMES.items():
            formula = formula.replace(sign, python)
        formula = re.sub(r" = ", " == ", formula)
        got = eval(formula, {**vars(np), **vars(tg.ops), **names})
        h = 1e-6
        want = (f(names[by] + h) - f(names[by] - h)) / (2 * h)
        assert float(getattr(got, "value", got)) == pytest.approx(want, rel=1e-7, abs=1e-8)

    def test_of_products(self) -> None:
        a, b = (tg.tensor(np.eye(3), requires_grad=True) for _ in range(2))
        found = partials(a @ b, ["A", "B"], "C", "G")
        assert [p.formula for p in found] == ["G @ Bᵀ", "Aᵀ @ G"]

    def test_a_users_row_has_formulas_too(self) -> None:
        bell = tg.elementwise(
            "bell_of_steps", lambda x: np.exp(-x * x), lambda g, y, x: g * (-2 * x * y)
        )
        node = bell(tg.tensor(0.5, requires_grad=True))
        (found,) = partials(node, ["x"], "y", "g")
        self.check(found.formula, {"x": 0.5, "y": node.value}, lambda x: np.exp(-x * x))
        assert "partial derivative" in words(node)

    def test_what_has_no_formula_has_words(self) -> None:
        block = tg.checkpoint(lambda x: np.sin(x) * 2)
        found = tg.viz.steps(lambda x: block(x), 0.5)
        step = next(s for s in found if s.phase == "reverse" and s.lines)
        assert step.lines == [f"∂L/∂x = {2 * np.cos(0.5):.4g}"]
        assert "derivative of its own" in step.words


@pytest.mark.slow
def test_every_operation_is_told() -> None:
    """Each of the vocabulary of random programs, its gradient by steps against ``tg.jvp``."""
    library = random_libraries.here(np)
    for which, operation in enumerate(VOCABULARY):
        program = Program((0, 1, 2), (Step(which, which, 1, 2, 7 * which + 1),), 1)
        x, f = program.point(which), program.loss(library)
        ones = tuple(np.ones_like(a) for a in x)
        with np.errstate(all="ignore"):
            slope = tg.jvp(f, tuple(x), ones)[1]
            found = tg.viz.steps(f, *x, max_steps=10_000, tangents=ones)
            assert found.html and tg.viz.view(f, *x).html
        last = float(found[-1].lines[0].rpartition("= ")[2])
        assert last == pytest.approx(float(slope), rel=1e-3, abs=1e-9), operation.name
        grads = sorted(found.walk.grads.items())
        starts = {t: g for t, g in grads if t in found.starts}
        total = sum(float(np.sum(g)) for g in starts.values())
        assert total == pytest.approx(float(slope), rel=1e-9, abs=1e-12), operation.name


class TestFrames:
    def test_a_frame_for_each_step(self, steps: Any, tmp_path: Path) -> None:
        paths = steps.frames(tmp_path)
        assert [p.name for p in paths] == [f"step-{n:03}.svg" for n in range(1, len(steps) + 1)]
        documents = [minidom.parse(str(p)) for p in paths]

        def shown(document: Any, what: str) -> set[str]:
            return {
                t.firstChild.data
                for t in document.getElementsByTagName("text")
                if t.firstChild and t.firstChild.data.startswith(what)
                and t.getAttribute("visibility") != "hidden"
            }  # fmt: skip

        assert shown(documents[0], "value ") == {"value 2", "value 3"}
        assert shown(documents[0], "grad ") == set()
        assert shown(documents[4], "grad ") == {"grad 1"}
        assert shown(documents[7], "grad ") == {f"grad {3 + np.cos(X):.4g}", "grad 2", "grad 1"}
        assert any(
            "back through v1" in t.toxml() for t in documents[7].getElementsByTagName("text")
        )

    def test_without_a_renderer(self, steps: Any, tmp_path: Path, monkeypatch: Any) -> None:
        monkeypatch.setattr(rendering, "_program", lambda kind: None)
        with pytest.raises(RuntimeError, match=r"Steps\.frames: no Graphviz program.*\[viz\]"):
            steps.frames(tmp_path)
        page = steps.html
        assert "Viz.js" in page and "Eclipse Public License" in page

    def test_where_it_is_written(self, steps: Any, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"Steps\.save: cannot write 'a\.pdf'"):
            steps.save(tmp_path / "a.pdf")
        with pytest.raises(FileNotFoundError, match=r"Steps\.frames: there is no folder"):
            steps.frames(tmp_path / "gone")
        assert steps.save(tmp_path / "a.html").read_text().startswith("<!DOCTYPE html>")
        assert "<iframe" in steps._repr_html_()
