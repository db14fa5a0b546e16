"""The README's code runs, and prints what it says, which closed forms say too."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest

import tinygrad_hess as tg

README = Path(__file__).parents[2] / "README.md"
NUMBER = re.compile(r"-?\d+\.\d+")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", README.read_text(), flags=re.S)
    return found


@pytest.fixture(scope="module")
def printed() -> str:
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        exec(compile(block("python"), str(README), "exec"), {})
    return stream.getvalue()


def numbers(line: str) -> np.ndarray:
    return np.array(NUMBER.findall(line), float)


def test_it_prints_what_it_says(printed: str) -> None:
    got, said = printed.splitlines(), block("text").splitlines()
    for one, other in zip(got, said, strict=True):
        words = [NUMBER.sub("#", line.partition(" ±")[0]).split() for line in (one, other)]
        assert words[0] == words[1]
        np.testing.assert_allclose(numbers(one), numbers(other), rtol=0, atol=2e-6)


def test_closed_forms_say_the_same() -> None:
    """Of logistic regression: Xᵀ(p - y) / n, and Xᵀ diag(p (1 - p)) X / n."""
    data = tg.data.moons(100, seed=0)
    p = 1 / (1 + np.exp(-(data.x @ [1.0, -0.5])))
    gradient = data.x.T @ (p - data.y) / len(p)
    hessian = (data.x.T * (p * (1 - p))) @ data.x / len(p)
    lines = [numbers(line) for line in block("text").splitlines()]
    np.testing.assert_allclose(lines[0], gradient, atol=1e-8)
    np.testing.assert_allclose(lines[1], hessian @ [0.3, 0.7], atol=1e-8)
    np.testing.assert_allclose(lines[2], hessian.ravel(), atol=1e-8)
    np.testing.assert_allclose(lines[3][0], np.linalg.eigvalsh(hessian)[-1], atol=1e-6)


def test_it_is_one_screen() -> None:
    text = README.read_text()
    assert len(text.splitlines()) < 80
    code = [line for line in block("python").splitlines() if line.strip()]
    assert len(code) <= 12
