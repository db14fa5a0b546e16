"""A document as files: Markdown, and its figures with their data.

save_markdown, save_figures : Document, path -> what was written
"""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from urllib.parse import quote

from ...core import arguments
from ...core.files import replace_whole
from ..training.records import for_json
from .document import Document, Figure
from .markdown import markdown
from .svg import svg


def save_markdown(document: Document, path: Path) -> Path:
    """Write the text, and the figures into a folder beside it where they can be drawn."""
    folder = path.with_name(f"{path.stem}_figures")
    try:
        save_figures(document, folder, "save_markdown")
        pictures = {f.name: f"{quote(folder.name)}/{f.name}" for f in document.figures}
    except ImportError:  # without matplotlib
        pictures = {}
    return replace_whole(path, markdown(document, pictures).encode())


def save_figures(document: Document, folder: str | Path, who: str) -> list[Path]:
    """Write each figure as SVG, and its columns as CSV and as JSON, into a folder."""
    arguments.instance(who, "folder", folder, (str, os.PathLike), "a path to a folder")
    folder = Path(folder)
    drawn = {figure.name: svg(figure, alone=True) for figure in document.figures}
    folder.mkdir(parents=True, exist_ok=True)
    wrote = []
    for figure in document.figures:
        for suffix, text in (
            ("svg", drawn[figure.name]), ("csv", _csv(figure)), ("json", _json(figure))
        ):  # fmt: skip
            wrote.append(replace_whole(folder / f"{figure.name}.{suffix}", text.encode()))
    return wrote


def _csv(figure: Figure) -> str:
    """A column each, under its name; empty where a number is not finite."""
    columns = for_json(figure.columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def _json(figure: Figure) -> str:
    found = {"title": figure.title, "caption": figure.caption, "columns": for_json(figure.columns)}
    return json.dumps(found, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
