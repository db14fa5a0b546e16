"""Pages as axe sees them in headless Chromium: names, contrast, keyboard, structure."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from browser import browser, run

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.curvature import Monitor


def axe() -> str:
    """The checker's script, from a package that carries it."""
    for package in ("axe_core_python", "axe_playwright_python"):
        found = importlib.util.find_spec(package)
        if found is not None and found.origin:
            text = Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")
            return text.replace("</script", "<\\/script")
    pytest.skip("needs axe-core-python")


def mean_square(model: Any, x: Any) -> Any:
    return (model(x) ** 2).mean()


def view() -> Any:
    return tg.viz.view(tg.jit(tg.grad(mean_square)), nn.MLP([3, 4, 2], seed=0), np.ones((5, 3)))


def steps() -> Any:
    return tg.viz.steps(lambda x, y: x * y + np.sin(x), 2.0, 3.0)


def live() -> Any:
    monitors = []
    for rate in (0.1, 0.2):
        quantities = ("top_eigenvalues", "gradient_norm", "trace", "layer_shares")
        monitors.append(Monitor(mean_square, np.ones((5, 3)), optimizer=rate, k=2, every=1,
                                quantities=quantities))  # fmt: skip
        for step in range(3):
            monitors[-1](step, nn.MLP([3, 4, 2], seed=step), 1.0 / (step + 1))
    with tg.viz.live(*monitors, title="a long name " * 170) as page:
        return page


def rendered() -> Any:
    graph = tg.viz.graph(np.sin, 1.0, values=True, title="a long name " * 170)
    return SimpleNamespace(save=lambda path: tg.viz.render(graph, path))


def report() -> Any:
    return tg.curvature.report(mean_square, nn.MLP([3, 4, 2], seed=0), np.ones((5, 3)), budget=5)


@browser
@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("made", [view, steps, live, rendered, report])
def test_axe_finds_nothing(made: Any, theme: str, tmp_path: Path) -> None:
    library = axe()
    page = made()
    save = page.save_html if isinstance(page, tg.curvature.Report) else page.save
    path = save(tmp_path / "page.html")
    found = run(
        path,
        """
        if (document.querySelector("#graph")) await painted(1);
        if (document.querySelector("#theme")) {
          if (document.querySelector("#drawing") && !document.querySelector("#slider")) await painted(1);
          if (document.documentElement.dataset.theme !== "THEME") $("theme").click();
        }
        await new Promise(done => setTimeout(done, 1000));
        // axe has retired duplicate-id: WCAG 2.2 no longer has its criterion, 4.1.1
        const rules = { "duplicate-id": { enabled: false } };
        const found = await axe.run(document, { resultTypes: ["violations"], rules });
        return found.violations.flatMap(v => v.nodes.map(n =>
          `${v.id} (${v.impact}): ${n.html.slice(0, 160)} | ${n.failureSummary.slice(0, 300)}`));
        """.replace("THEME", theme),
        f"--blink-settings=preferredColorScheme={0 if theme == 'dark' else 1}",
        library=library,
    )
    assert found == [], "\n".join(found)
