"""Lessons as notebooks that were run: sphinx-gallery writes them without outputs."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from sphinx.application import Sphinx
from sphinx.util import logging

FOLDER = "gallery/lessons"


def is_run(notebook: Any) -> bool:
    return any(cell.get("outputs") for cell in notebook.cells)


def run(path: Path) -> None:
    """Run a notebook where it is, unless it was; an error in a cell is one of the build."""
    notebook = nbformat.read(path, as_version=4)
    if not is_run(notebook):
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
        options = {"timeout": 600, "extra_arguments": ["--log-level=ERROR"]}
        NotebookClient(notebook, kernel_name="python3", **options).execute()
        nbformat.write(notebook, path)


def run_all(app: Sphinx) -> None:
    if app.config.sphinx_gallery_conf["plot_gallery"] is not True:
        return
    paths = sorted((Path(app.srcdir) / FOLDER).glob("*.ipynb"))
    logging.getLogger(__name__).info("running %d notebooks...", len(paths))
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(run, paths))


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("builder-inited", run_all, priority=900)  # after the gallery has written them
    return {"parallel_read_safe": True, "parallel_write_safe": True}
