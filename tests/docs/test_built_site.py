"""The site as ``make docs`` left it, in headless Chromium from its folder: search, and no requests.

Needs the built site; ``TINYGRAD_HESS_SITE`` names another folder than docs/_build/html.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from browser import browser, driven, visit

SITE = Path(
    os.environ.get("TINYGRAD_HESS_SITE", Path(__file__).parents[2] / "docs/_build/html")
).resolve()

pytestmark = [
    pytest.mark.slow,
    browser,
    pytest.mark.skipif(not (SITE / "index.html").exists(), reason="make docs builds the site"),
]


def opened(page: str, script: str, tmp_path: Path, query: str = "", *options: str) -> Any:
    """What a script gives at the end of a page; nothing is asked of another host."""
    path = SITE / page
    copy = path.with_name(f"driven-{path.name}")
    copy.write_text(driven(path.read_text(encoding="utf-8"), script), encoding="utf-8")
    try:
        url, profile = copy.as_uri() + query, tmp_path / "profile"
        result, requests = visit(url, profile, *options, notes="[PST]")  # the theme's
    finally:
        copy.unlink()
    assert {urlsplit(request).scheme for request in requests} <= {"file", "data"}
    return result


@pytest.mark.parametrize(
    ("words", "target"),
    [
        ("hvp", "reference/tinygrad_hess.html#tinygrad_hess.hvp"),
        ("edge of stability", "gallery/lessons/37_edge_of_stability.html"),
        ("to_dense", "#tinygrad_hess.curvature.HessianOperator.to_dense"),
        ("top_eigenpairs", "#tinygrad_hess.curvature.top_eigenpairs"),
    ],
)
def test_search_finds(words: str, target: str, tmp_path: Path) -> None:
    script = """
        const found = () => all("#search-results ul.search li a").length;
        for (let before = 0; !found() || before < found(); ) {  // one after the other appears
            before = found();
            await new Promise(done => setTimeout(done, 500));
        }
        return all("#search-results ul.search li a").slice(0, 10).map(a => a.href);
    """
    found = opened("search.html", script, tmp_path, f"?q={quote(words)}")
    assert any(target in href for href in found), found


PAGES = (
    "index.html",
    "start.html",
    "lessons.html",
    "guides/curvature.html",
    "gallery/lessons/37_edge_of_stability.html",
    "reference/tinygrad_hess.html",
    "accuracy.html",
)


@pytest.mark.parametrize("width", [1280, 500])  # the narrowest window that Chromium opens
@pytest.mark.parametrize("page", PAGES)
def test_pages_fit_and_their_pictures_load(page: str, width: int, tmp_path: Path) -> None:
    script = """
        for (const image of document.images) image.loading = "eager";
        await wait(() => [...document.images].every(image => image.complete));
        const page = document.documentElement;
        return { width: innerWidth, over: page.scrollWidth - page.clientWidth,
                 missing: [...document.images].filter(i => !i.naturalWidth).map(i => i.src),
                 untold: all("article img:not([alt])").length };
    """
    found = opened(page, script, tmp_path, "", f"--window-size={width},800")
    assert found == {"width": width, "over": 0, "missing": [], "untold": 0}
