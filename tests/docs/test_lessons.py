"""Every lesson runs, its assertions hold, and its figures can be read without the text."""

from __future__ import annotations

import os
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

LESSONS = Path(__file__).parents[2] / "examples" / "lessons"
SCRIPTS = sorted(LESSONS.glob("*.py"))
SLOW = {
    "10_contractive_autoencoder",
    "18_cost_of_a_hessian",
    "37_edge_of_stability",
    "38_small_and_large_batches",
    "41_top_subspace",
}
"""Lessons that take more than a few seconds."""

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path | None]:
    """Where to write figures, to look at them: the folder that the environment names."""
    named = os.environ.get("TINYGRAD_HESS_FIGURES")
    folder = Path(named).resolve() if named else None
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path)
    plt.close("all")
    with plt.rc_context():
        plt.switch_backend("Agg")
        yield folder
    plt.close("all")


@pytest.mark.parametrize(
    "script",
    [pytest.param(p, marks=[pytest.mark.slow] * (p.stem in SLOW), id=p.stem) for p in SCRIPTS],
)
def test_runs(script: Path, figures: Path | None, tmp_path: Path) -> None:
    runpy.run_path(str(script), run_name="__main__")
    assert not [*tmp_path.iterdir()], "a lesson leaves files behind"
    numbers = plt.get_fignums()
    assert 1 <= len(numbers) <= 2
    for number in numbers:
        figure = plt.figure(number)
        for ax in figure.axes:
            assert ax.lines or ax.patches or ax.collections or ax.images or ax.texts
            if ax.axison and ax.get_label() != "<colorbar>":
                stacked = ax.get_shared_x_axes().get_siblings(ax)
                assert any(other.get_xlabel() for other in stacked)
        assert any(ax.get_title(loc) for ax in figure.axes for loc in ("left", "center"))
        if figures:
            figure.savefig(figures / f"{script.stem}_{number}.png")
        else:
            figure.draw_without_rendering()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_is_short_and_asserts_what_it_claims(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 113
    title, underline = text.splitlines()[1:3]
    assert re.fullmatch(f"={{{len(title)}}}", underline)  # as sphinx-gallery wants it
    assert text.count("\n# %%\n") >= 2
    assert len(re.findall(r"^\s*(assert |np\.testing\.assert_)", text, re.MULTILINE)) >= 3


def test_numbers_have_no_gap_and_none_is_forgotten() -> None:
    assert [int(p.stem[:2]) for p in SCRIPTS] == [*range(1, len(SCRIPTS) + 1)]
    index = (LESSONS / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\d\d_\w+\.py)\)", index) == [p.name for p in SCRIPTS]
