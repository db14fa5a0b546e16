"""Pages that stand elsewhere in the checkout, and links between files, as links between pages.

In the checkout a link leads from file to file, so that it works where files are read; here a script
is a page of the gallery, and any other file is one to download.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import generated

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent

COPIED = {
    "CHANGELOG.md": "copied/changelog.md",
    "CONTRIBUTING.md": "copied/contributing.md",
    "SECURITY.md": "copied/security.md",
    "benchmarks/README.md": "copied/benchmarks.md",
    "benchmarks/RESULTS.md": "copied/times.md",
    "benchmarks/RESULTS_CURVATURE.md": "copied/times_curvature.md",
    "benchmarks/RESULTS_TRAINING.md": "copied/times_training.md",
    "examples/published/README.md": "copied/published.md",
}
"""Files outside docs/ that are pages, and where."""

ELSEWHERE = {
    "README.md": "index.md",
    "docs/README.md": "index.md",
    "examples/README.md": "examples.md",
    "examples/autograd/README.md": "examples.md",
    "examples/lessons/README.md": "lessons.md",
    "docs/published": "copied/published.md",
    **COPIED,
}
GALLERIES = {
    "examples/lessons": "gallery/lessons",
    "examples/autograd": "gallery/autograd",
    "examples": "gallery/examples",
}
LINK = re.compile(
    r"(!?)\[((?:[^][]|\[[^]]*\]\([^)]*\)|\[\])*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)"
)


def page_of(file: Path) -> Path | None:
    """Where the site has a file of the checkout; None if it is no page."""
    inside = file.relative_to(ROOT).as_posix()
    if inside in ELSEWHERE:
        return DOCS / ELSEWHERE[inside]
    folder, name = os.path.split(inside)
    if name.endswith(".py") and folder in GALLERIES:
        return DOCS / GALLERIES[folder] / f"{name[:-3]}.rst"
    return file if file.suffix in (".md", ".rst") and DOCS in file.parents else None


def relinked(text: str, origin: Path, page: Path) -> str:
    """The text of a file, with its links made for the page that shows it."""

    def link(match: re.Match[str]) -> str:
        image, label, target, anchor = match.groups()
        label = LINK.sub(link, label)  # a picture that is a link
        file = Path(os.path.normpath(origin.parent / target))
        if not file.is_relative_to(ROOT) or not file.exists():
            return match[0] if file.suffix in (".md", ".rst") else f"{image}[{label}]({target})"
        there = None if image else page_of(file)
        if there is None and file.is_dir():
            return label
        path = os.path.relpath(there or file, page.parent)
        return f"{image}[{label}]({path}{anchor or ''})"

    return LINK.sub(link, text)


def copy(app: Sphinx) -> None:
    for source, page in COPIED.items():
        origin, target = ROOT / source, DOCS / page
        target.parent.mkdir(exist_ok=True)
        text = relinked(origin.read_text(encoding="utf-8"), origin, target)
        generated.write(target, text)


def read(app: Sphinx, name: str, text: list[str]) -> None:
    page = Path(app.env.doc2path(name))
    if page.suffix == ".md" and page.parent.name != "copied":
        text[0] = relinked(text[0], page, page)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("builder-inited", copy, priority=1)
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
