"""The notebook for the first five minutes: each cell runs, and what it ends with shows itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg

SCRIPT = Path(__file__).parents[2] / "examples" / "first_five_minutes.py"


def cells() -> list[str]:
    """In the percent format, which editors, jupytext and sphinx-gallery read."""
    return re.split(r"^# %%.*\n", SCRIPT.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


def shown(value: Any) -> dict[str, str]:
    """What a notebook shows of a value, by media type."""
    if hasattr(value, "_repr_mimebundle_"):
        return dict(value._repr_mimebundle_())
    methods = {"text/html": "_repr_html_", "image/svg+xml": "_repr_svg_"}
    return {kind: getattr(value, m)() for kind, m in methods.items() if hasattr(value, m)}


@pytest.fixture(scope="module")
def displayed() -> list[tuple[str, Any]]:
    """The last expression of each cell that has one, evaluated as a notebook does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYGRAD_HESS_QUICK", "1")
        scope: dict[str, Any] = {}
        found = []
        for cell in cells():
            tree = ast.parse(cell)
            last = tree.body[-1] if tree.body else None
            if isinstance(last, ast.Expr) and not ast.unparse(last).startswith(("print", "page.")):
                exec(compile(ast.Module(tree.body[:-1], []), str(SCRIPT), "exec"), scope)
                value = eval(compile(ast.Expression(last.value), str(SCRIPT), "eval"), scope)
                found.append((ast.unparse(last), value))
            else:
                exec(compile(tree, str(SCRIPT), "exec"), scope)
    return found


def test_cells_show_themselves_without_widgets(displayed: list[tuple[str, Any]]) -> None:
    names = [name.split("(")[0] for name, _ in displayed]
    assert names == ["tg.viz.graph", "tg.viz.steps", "net", "fitted", "page", "pairs"]
    for name, value in displayed:
        bundle = shown(value)
        assert "application/vnd.jupyter.widget-view+json" not in bundle
        if name != "pairs" or bundle:  # a table of text is enough
            assert re.search("<(svg|table|iframe|pre|div)", "".join(bundle.values())), name


def test_nothing_is_loaded_from_elsewhere(displayed: list[tuple[str, Any]]) -> None:
    for name, value in displayed:
        for text in shown(value).values():
            loaded = re.findall(r'(?:src|href)=(?:"|&quot;)(https?://[^"&]+)', text)
            own = [value.url] if name == "page" else []
            assert loaded == own, name


def test_frames_have_names_and_pages_in_them(displayed: list[tuple[str, Any]]) -> None:
    frames = [shown(value)["text/html"] for name, value in displayed if name in ("page",)]
    frames.append(shown(tg.viz.view(np.sin, 1.0))["text/html"])
    for frame in frames:
        assert re.search(r'<iframe srcdoc="[^"]+" [^>]*title="[^"]+"', frame)
