"""The README's code runs, and prints what it says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

README = Path(__file__).parents[2] / "README.md"
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), flags=re.S)


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """What each Python block prints, run one after the other in one namespace."""
    namespace: dict[str, Any] = {}
    out = []
    for code in blocks("python"):
        stream = io.StringIO()
        with contextlib.redirect_stdout(stream):
            exec(compile(code, str(README), "exec"), namespace)
        out.append(stream.getvalue())
    return out


def test_first_block_prints_what_it_says(printed: list[str]) -> None:
    expected = blocks("text")[0]
    assert NUMBER.sub("#", printed[0]) == NUMBER.sub("#", expected)
    got, want = (np.array(NUMBER.findall(text), float) for text in (printed[0], expected))
    np.testing.assert_allclose(got, want, rtol=0, atol=2e-8)


def test_each_answer_stands_beside_its_differences(printed: list[str]) -> None:
    lines = [NUMBER.findall(line) for line in printed[0].splitlines()]
    for numbers in lines[1:3]:
        half = len(numbers) // 2
        np.testing.assert_allclose(
            np.array(numbers[:half], float), np.array(numbers[half:], float), atol=1e-8
        )


def test_the_replayed_program_reads_as_it_says(printed: list[str]) -> None:
    assert printed[3].strip() == blocks("text")[2].strip()


def test_the_loops_train(printed: list[str]) -> None:
    accuracy = re.search(r"test accuracy (\d+\.\d)%", printed[1])
    assert accuracy is not None
    assert float(accuracy.group(1)) > 94


def test_the_curvature_is_told_in_the_same_words(printed: list[str]) -> None:
    pairs, trace, *report = printed[2].splitlines()
    assert pairs.startswith("<Eigenpairs") or "Eigenpairs" in pairs
    assert "Estimate" in trace
    parts = lambda lines: [line.split("  ")[1] for line in lines if re.match("  [A-Z]", line)]
    said, got = parts(blocks("text")[1].splitlines()), parts(report)
    assert said and set(said) <= set(got)


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text()):
        assert (README.parent / target).exists(), target
