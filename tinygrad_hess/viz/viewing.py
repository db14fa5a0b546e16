"""``view``: a graph as one web page, to pan, zoom, search, open and close."""

from __future__ import annotations

import functools
import linecache
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import graphviz
import numpy as np

from ..core import arguments, trees
from ..core.boundary import named
from ..core.display import frame
from ..core.files import replace_whole
from ..core.primitive import Primitive
from ..core.tensor import Parts, Tensor
from ..replay.jitted import Jitted
from ..replay.passes import PASSES
from . import formulas
from .derivatives import derivatives
from .drawing import edge_style, frame_style, label_of, vertex_style
from .outline import closed_box, outline
from .pages import as_json, notice, page, shipped
from .picture import CARRIED, COMPUTED, Picture, Vertex
from .programs import read_program
from .reading import read
from .repeats import fold
from .trace import Traced, argument_names, title_of, trace
from .values import histogram, numbers_text, raw

_FORMULAS = 500
"""Above this number of boxes, no formulas are read off the rows."""

_REPEATS = 5
"""Runs of each line of a planned program, of which the best time is shown."""


@named
def view(
    f_or_tensor: Any,
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    repeats: bool = True,
    title: str = "",
) -> View:
    """A graph as one web page that needs no network: pan, zoom, search, open and close.

    Each box tells its shape, type, values with a histogram, the derivative of the output (where
    that is one real number), the line of code that made it, the rule of its derivative, and its
    floating-point operations and bytes. Modules and repeated bodies open and close; forward,
    reverse and tangent parts are shown one by one.

    Parameters
    ----------
    f_or_tensor, *args, argnums
        As in :func:`graph`. Of a function made by ``tg.jit``, the page also has the recorded
        program, what each pass made of it, and the time of each line.
    repeats : bool
        Draw repetition once.
    title : str
        A line above; the function's name by default.

    Returns
    -------
    View
        Its ``save`` writes the page; a notebook shows it.

    Raises
    ------
    ValueError
        When nothing was recorded.

    Notes
    -----
    The page carries Graphviz (Viz.js) and D3's zoom with it, 1.4 MB; the layout is made in the
    browser, of what is open.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.viz.view(lambda x: np.tanh(2 * x).sum(), np.ones(3))
    <View of 5 boxes; save(path) writes a page>
    """
    arguments.instance("view", "title", title, str, "text")
    arguments.flag("view", "repeats", repeats)
    traced = trace("view", f_or_tensor, args, argnums)
    grads = _derivatives(traced)
    picture = read(traced.roots, traced.starts, traced.arrays, True, grads)
    if repeats:
        picture = fold(picture)
    graphs = [_graph("Computation graph", picture)]
    times: list[list[Any]] = []
    if isinstance(f_or_tensor, Jitted):
        programs, times = _planned(f_or_tensor, args)
        graphs += programs
    name = title or title_of(f_or_tensor)
    return View({"title": name, "graphs": graphs, "times": times})


@dataclass(frozen=True, repr=False)
class View:
    """What :func:`view` gives: the data of a page."""

    data: dict[str, Any]

    def __repr__(self) -> str:
        count = len(self.data["graphs"][0]["nodes"])
        return f"<View of {count:,} boxes; save(path) writes a page>"

    @property
    def html(self) -> str:
        """The page."""
        return page(
            "view.html", self.data["title"], DATA=as_json(self.data),
            PROGRAM=shipped("viz-global.js"), ZOOM=shipped("d3-zoom.js"), NOTICE=notice(),
        )  # fmt: skip

    def save(self, path: str | Path) -> Path:
        """Write the page, whole or not at all; the suffix must be ``.html``."""
        path = arguments.path("View.save", path)
        if path.suffix.lower() != ".html":
            raise ValueError(f"View.save: cannot write {path.name!r}: the suffix must be .html")
        return replace_whole(path, self.html.encode())

    def _repr_html_(self) -> str:
        return frame(self.html, self.data["title"], height=620)


def _derivatives(traced: Traced) -> Any:
    """Those of the output, where it is one real number."""
    roots = traced.roots
    if len(roots) == 1 and roots[0][1].shape == () and roots[0][1].dtype.kind == "f":
        return derivatives("view", roots)
    return None


# ---- what the page gets -------------------------------------------------------------------------


def _graph(name: str, picture: Picture) -> dict[str, Any]:
    """A picture as the page draws it: DOT attributes from here, chosen and composed there."""
    picture = outline(picture)
    vertices, scopes = picture.vertices, picture.scopes
    told = len(vertices) <= _FORMULAS
    inside: list[list[Vertex]] = [[] for _ in scopes]
    for v in vertices:
        scope = v.scope
        while scope >= 0:
            inside[scope].append(v)
            scope = scopes[scope].outer
    styles: dict[str, int] = {}

    def style(look: dict[str, str]) -> int:
        return styles.setdefault(_attributes(tuple(look.items())), len(styles))

    return {
        "name": name,
        "note": picture.note,
        "nodes": [
            {
                "label": label_of(v),
                "style": style(vertex_style(v, False)),
                "scope": v.scope,
                "kind": v.kind,
                "phase": v.phase.kind,
                "title": v.title,
                "facts": facts(v, told),
                "numbers": numbers(v),
            }
            for v in vertices
        ],
        "scopes": [
            {
                "label": label_of(box),
                "style": style(vertex_style(box, False)),
                "frame": style(frame_style(scope)),
                "outer": scope.outer,
                "title": scope.name,
                "detail": box.detail,
                "ops": box.ops.most_common(12),
                "phase": box.phase.kind,
            }
            for scope, members in zip(scopes, inside, strict=True)
            for box in (closed_box(members, scope),)
        ],
        "edges": [
            [
                a,
                b,
                style(edge_style(vertices[a], vertices[b], slot)),
                style(edge_style(vertices[a], vertices[b], CARRIED if slot == CARRIED else "")),
            ]
            for a, b, slot in picture.edges
        ],
        "styles": list(styles),
    }


@functools.lru_cache(maxsize=4096)
def _attributes(look: tuple[tuple[str, str], ...]) -> str:
    """DOT text of attributes, quoted by the library that knows how."""
    dot = graphviz.Digraph()
    dot.node("n", **dict(look))
    return dot.body[-1].strip().removeprefix("n").strip().removeprefix("[").removesuffix("]")


def facts(v: Vertex, told: bool = True) -> list[list[str]]:
    """What is said of a box: names and texts."""
    out = [["kind", v.kind if v.kind not in COMPUTED else f"{v.phase.kind} operation"]]
    out += [["detail", line] for line in v.detail.split("\n") if line]
    node = v.node
    if v.first is not None and (v.ops or v.sources):
        out.append(["stands for", f"{(v.ops.total() or v.sources.total()):,} equal steps"])
    if node is None:
        return out
    where = getattr(node, "_where", "")
    if where:
        file, _, line = where.rpartition(":")
        out.append(["line", f"{Path(file).name}:{line}"])
        if source := linecache.getline(file, int(line)).strip():
            out.append(["code", source])
    if v.kind == "op":
        prim: Any = node.prim
        out.append(["operation", prim.name])
        out.append(["rule", formulas.words(node)])
        if told and isinstance(prim, Primitive):
            out += [["derivative", line] for line in _rules(node)]
        if isinstance(prim, Primitive) and not isinstance(node.value, Parts):
            out.append(["flops", f"{_flops(node):,}"])
    if not isinstance(node.value, Parts):
        out.append(["bytes", f"{raw(node).nbytes:,}"])
    return out


def _rules(node: Tensor) -> list[str]:
    """Formulas of the operands' derivatives; L is the output, y this value."""
    names = [f"x{i}" if len(node.args) > 1 else "x" for i in range(len(node.args))]
    lines = []
    for p in formulas.partials(node, names, "y", "∂L/∂y"):
        if p.formula:
            elementwise = getattr(node.prim, "kind", "") == "elementwise"
            left = f"∂y/∂{names[p.operand]}" if elementwise else f"∂L/∂{names[p.operand]}"
            lines.append(f"{left} = {p.formula}")
    return lines


def _flops(node: Tensor) -> int:
    prim: Any = node.prim
    return int(prim.flops(raw(node), *map(raw, node.args), **(node.params or {})))


def numbers(v: Vertex) -> list[dict[str, Any]]:
    """Values and derivatives, with histograms."""
    out = []
    for step in (v.first, v) if v.first is not None else (v,):
        when = "" if v.first is None else "first " if step is v.first else "last "
        for what in ("value", "grad"):
            x = getattr(step, what)
            if x is not None:
                out.append({"name": f"{when}{what}", "text": numbers_text(x), **_bins(x)})
    return out


def _bins(x: Any) -> dict[str, Any]:
    return {"histogram": counts} if (counts := histogram(x)) else {}


# ---- the program of jit -------------------------------------------------------------------------


def _planned(f: Jitted, args: Sequence[Any]) -> tuple[list[dict[str, Any]], list[list[Any]]]:
    """The program as recorded and after each pass that changed it, and times by line."""
    plan, call = f.plan_for(*args)
    program = plan.recorded
    leaves = [
        name + path
        for name, x in zip(argument_names(f.f, len(args)), args, strict=True)
        for path in trees.paths(x)
    ]
    count = len(program.inputs)
    names = leaves if len(leaves) == count else [f"x{n}" for n in range(count)]
    values = [np.asarray(v) for v in call]
    stages = [("Program as recorded", program)]
    for rewrite in PASSES:
        after = rewrite(program)
        if str(after) != str(program):
            stages.append((f"after {rewrite.__name__}", after))
        program = after
    graphs = [
        _graph(f"{name}: {len(p.instructions):,} operations", read_program(p, names, values))
        for name, p in stages
    ]
    explained = f.explain(*args, repeats=_REPEATS)
    _, _, timed = explained.partition("microseconds by line")
    times = re.findall(r"^ +([\d.]+)  (.*)$", timed, re.M)
    return graphs, [[float(t), line] for t, line in times]
