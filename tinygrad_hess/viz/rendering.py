"""From DOT text to a file, with or without Graphviz on the machine.

The wheel ``graphviz-pure`` comes first (the same bytes everywhere), then a system ``dot``, then a
web page that carries Graphviz with it and draws when it is opened.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sysconfig
import warnings
from pathlib import Path
from typing import Any

import graphviz

from ..core import arguments
from ..core.display import frame
from ..core.files import replace_whole
from .pages import as_json, notice, page, shipped

_PURE = ("svg", "png")
"""What graphviz-pure writes."""

_INSTALL = "Install the extra: pip install 'tinygrad-hess[viz]'."


_STYLE = (
    "<style>.tg-graph{overflow:auto;max-height:45rem;cursor:zoom-in}.tg-graph img{max-width:100%}"
    ".tg-graph:focus{cursor:auto}.tg-graph:focus img{max-width:none}</style>"
)

_GRAPH = "a graph, as made by tg.viz.graph(f, x), or DOT text"


class Graph(graphviz.Digraph):
    """A graph that notebooks show without a system Graphviz, by the renderer of :func:`render`."""

    def _repr_html_(self) -> str:
        """A picture as wide as the page; while it has the focus, at full size, to scroll."""
        svg = svg_of(self.source)
        if svg is None:
            return frame(_page(self.source, "graph"), self._told(), height=620)
        told = self._told()
        data = base64.b64encode(svg.encode()).decode()
        return (
            f'{_STYLE}<div class="tg-graph" tabindex="0" role="group" aria-label="{told}">'
            f'<img alt="{told}" src="data:image/svg+xml;base64,{data}"></div>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> Any:
        return {"text/html": self._repr_html_()}  # else Digraph calls a system Graphviz

    def _told(self) -> str:
        boxes = len(re.findall(r"^\t*n\d+ \[", self.source, re.M))
        edges = self.source.count(" -> ")
        return f"Computation graph of {boxes:,} boxes and {edges:,} edges"

    def __repr__(self) -> str:
        return f"<{self._told()}; tg.viz.render(graph, path) draws it>"


def render(graph: graphviz.Digraph | str, path: str | Path, timeout: float = 60) -> Path:
    """Write a graph as a picture; the suffix of ``path`` gives the format.

    Parameters
    ----------
    graph : graphviz.Digraph or str
        A graph, as made by :func:`graph`, or DOT text.
    path : path
        Where to write: ``.svg`` and ``.png`` need nothing but the extra ``viz`` or a system
        Graphviz, ``.pdf`` needs a system Graphviz, ``.html`` (drawn by the browser that opens it)
        and ``.dot`` need nothing. An existing file is replaced at once.
    timeout : float
        Seconds to wait for the layout; it grows faster than the number of boxes.

    Returns
    -------
    Path
        What was written: ``path``, or, with a warning, a page beside it with the suffix ``.html``
        where no Graphviz program was found for an SVG or PNG.

    Raises
    ------
    ValueError
        For a suffix that is none of these.
    FileNotFoundError
        When the folder is not there.
    RuntimeError
        When the program fails (with its message) or is missing.
    TimeoutError
        When it takes longer than ``timeout``.

    Examples
    --------
    >>> import numpy as np, tempfile, tinygrad_hess as tg
    >>> folder = tempfile.TemporaryDirectory()
    >>> tg.viz.render(tg.viz.graph(np.sin, 1.0), folder.name + "/sine.svg").name
    'sine.svg'
    >>> folder.cleanup()
    """
    graph = arguments.instance(
        "render", "graph", graph, (str, graphviz.Digraph, graphviz.Graph), _GRAPH
    )
    path = arguments.path("render", path)
    arguments.number("render", "timeout", timeout, above=0, infinite=True)
    source = graph if isinstance(graph, str) else graph.source
    kind = path.suffix.lower().removeprefix(".")
    if kind in ("dot", "gv"):
        return replace_whole(path, source.encode())
    if kind == "html":
        return replace_whole(path, _page(source, path.stem).encode())
    if kind not in ("svg", "png", "pdf"):
        raise ValueError(
            f"render: cannot write {path.name!r}: "
            "the suffix must be .svg, .png, .pdf, .html or .dot"
        )
    program = _program(kind)
    if program is not None:
        return replace_whole(path, _run(program, kind, source, timeout))
    if kind == "pdf":
        raise RuntimeError(
            f"render: {path.name} needs the program dot of a system Graphviz, which is not on "
            "PATH. Install Graphviz, or write .svg."
        )
    page = path.with_suffix(".html")
    warnings.warn(
        f"render: no Graphviz program found, so {page.name}, which draws itself in a browser, was "
        f"written in place of {path.name}. {_INSTALL}",
        RuntimeWarning,
        stacklevel=2,
    )
    return replace_whole(page, _page(source, path.stem).encode())


def renderer() -> str | None:
    """The path of the program that draws SVG; None where there is none."""
    return _program("svg")


def svg_of(source: str) -> str | None:
    """DOT text drawn as SVG; None where no Graphviz program is installed."""
    program = renderer()
    return None if program is None else _run(program, "svg", source, 60).decode()


def _program(kind: str) -> str | None:
    """The program to call: the wheel's, installed beside the interpreter, or the system's."""
    found = None
    if kind in _PURE:
        scripts = sysconfig.get_path("scripts")
        found = shutil.which("graphviz-pure", path=scripts) or shutil.which("graphviz-pure")
    return found or shutil.which("dot")


def _run(program: str, kind: str, source: str, timeout: float) -> bytes:
    command = [program, f"-T{kind}"]
    if kind == "png":
        command.append("-Gdpi=144")
    name = os.path.basename(program)
    try:
        done = subprocess.run(
            command, input=source.encode(), capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(
            f"render: {name} took longer than {timeout:g} s. Draw a smaller graph (max_nodes=...), "
            "or give it more time (timeout=...)."
        ) from None
    except OSError as error:
        raise RuntimeError(f"render: {program} could not be run: {error}. {_INSTALL}") from error
    if done.returncode != 0 or not done.stdout:
        message = done.stderr.decode(errors="replace").strip() or "nothing"
        raise RuntimeError(f"render: {name} failed with code {done.returncode}; it said: {message}")
    return done.stdout


def _page(source: str, title: str) -> str:
    """One web page with the graph, the program that draws it, and that program's notices."""
    return page(
        "graph.html", title, DATA=as_json(source), PROGRAM=shipped("viz-global.js"), NOTICE=notice()
    )
