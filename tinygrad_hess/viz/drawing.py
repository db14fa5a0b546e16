"""From a picture to DOT text: colours, labels, module clusters, the legend.

Colours follow Okabe and Ito (2008), so that they differ for colour-blind readers too; shapes and
outlines distinguish the kinds without them.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import graphviz

from ..core.text import visible
from .picture import CARRIED, SOURCES, Picture, Vertex
from .rendering import Graph
from .scopes import Scope
from .values import histogram, numbers_text

FONT = "Helvetica"  # every engine knows its widths; the pure renderer brings a look-alike

_GREY = "#565656"

_SWEEPS = {
    "forward": ("#D6E8F6", "#0072B2"),
    "reverse": ("#FCE3D0", "#D55E00"),
    "tangent": ("#D3F0E5", "#009E73"),
}
"""Fill and outline of each kind of sweep."""

_LATER = {"forward": "#D6E8F6", "reverse": "#F7BE94", "tangent": "#97DDC4"}
"""Fill of the second and later sweeps of a kind, where they are numbered."""

_OTHER = ("#ECECEC", "#555555")

_KINDS = {
    "parameter": {"fillcolor": "#F6DCEA", "color": "#B0578D", "shape": "box", "penwidth": "2"},
    "input": {"fillcolor": "#FFF6C9", "color": "#A08A00", "shape": "box", "penwidth": "2"},
    "constant": {"fillcolor": "#F7F7F7", "color": "#999999", "shape": "box"},
    "output": {"fillcolor": "#3A3A3A", "color": "#3A3A3A", "shape": "box", "fontcolor": "white"},
}

_STYLES = {"parameter": "filled", "input": "filled", "constant": "filled,dashed"}

NUMBERS = {
    "value": ("#111111", "#FFFFFF"),
    "grad": ("#A03C00", "#FFC9A3"),
    "tangent": ("#00694B", "#8FE3C6"),
}
"""Colours of numbers, on light and on dark boxes."""

_LEVELS = 5
"""Rows of a histogram."""

_LONGEST = 80
"""Longer texts are shown by their beginning and their end."""

_MOST_NUMBERED = 4

_BIG = 100

_WORDS = {"∇": "grad ", "\N{MODIFIER LETTER CAPITAL T}": '<sup><font point-size="8">T</font></sup>'}
"""Replacements of characters that the pure renderer's fonts lack."""


def draw(
    picture: Picture,
    title: str = "",
    rankdir: str = "TB",
    legend: bool = True,
    shown: Sequence[str] = (),
) -> graphviz.Digraph:
    """The DOT text of a picture, the same on every run: vertices are n0, n1, ... in order.

    ``shown`` are those of "value", "grad" and "tangent" that are written in the boxes.
    """
    dot = Graph(
        graph_attr={
            "rankdir": rankdir, "fontname": FONT, "fontsize": "12", "labelloc": "t",
            "nodesep": "0.22", "ranksep": "0.32", "pad": "0.2", "bgcolor": "white",
            "label": _caption(title, picture.note),
        },
        node_attr={
            "fontname": FONT, "fontsize": "12", "shape": "box", "style": "rounded,filled",
            "margin": "0.11,0.05", "height": "0.3", "width": "0.4",
        },
        edge_attr={
            "fontname": FONT, "fontsize": "8", "fontcolor": _GREY, "arrowsize": "0.6",
            "color": "#555555",
        },
    )  # fmt: skip
    numbered = _are_numbered(picture)
    if len(picture.vertices) > _BIG:  # the layout of long edges is superlinear; bound its effort
        dot.attr(nslimit="1", nslimit1="1")
    _draw_vertices(dot, picture, numbered, shown)
    for a, b, slot in picture.edges:
        dot.edge(f"n{a}", f"n{b}", **edge_style(picture.vertices[a], picture.vertices[b], slot))
    if legend:
        dot.node("legend", _legend(picture, numbered), shape="plain", style="", margin="0")
    return dot


def _draw_vertices(
    dot: graphviz.Digraph, picture: Picture, numbered: bool, shown: Sequence[str]
) -> None:
    """Vertices in their modules. Inner modules have higher numbers, so they are closed first."""
    scopes = picture.scopes
    bodies: dict[int, graphviz.Digraph] = {-1: dot}
    needed = set()
    for v in picture.vertices:
        scope = v.scope
        while scope >= 0 and scope not in needed:
            needed.add(scope)
            scope = scopes[scope].outer
    for number in sorted(needed):
        bodies[number] = graphviz.Digraph(
            name=f"cluster_{number}",
            graph_attr=frame_style(scopes[number]),
        )
    for i, v in enumerate(picture.vertices):
        bodies[v.scope].node(f"n{i}", label_of(v, shown), **vertex_style(v, numbered))
    for number in sorted(needed, reverse=True):
        bodies[scopes[number].outer].subgraph(bodies[number])


# ---- one vertex, one edge -----------------------------------------------------------------------


def _colours(v: Vertex, numbered: bool) -> tuple[str, str]:
    fill, line = _SWEEPS.get(v.phase.kind, _OTHER)
    if numbered and v.phase.number > 1:
        fill = _LATER.get(v.phase.kind, fill)
    return fill, line


def frame_style(scope: Scope) -> dict[str, str]:
    """Attributes of the frame around a module call, or around equal steps."""
    repeated = scope.steps > 1
    return {
        "label": f"<{text(scope.name)}>",
        "labelloc": "t", "labeljust": "l",
        "style": "rounded,dashed" if repeated else "rounded",
        "color": "#6A51A3" if repeated else "#9A9A9A",
        "penwidth": "1.6" if repeated else "1",
        "fontcolor": "#4A3880" if repeated else "#444444",
        "fontsize": "12" if repeated else "11",
        "bgcolor": "#00000008",
    }  # fmt: skip


def vertex_style(v: Vertex, numbered: bool) -> dict[str, str]:
    if v.kind in _KINDS:
        return {"style": _STYLES.get(v.kind, "rounded,filled"), **_KINDS[v.kind]}
    fill, line = _colours(v, numbered)
    look = {"fillcolor": fill, "color": line}
    if v.kind == "seed":
        look |= {"shape": "ellipse", "style": "filled", "penwidth": "1.6", "margin": "0.03,0.02"}
    elif v.kind in ("module", "group"):
        look |= {"peripheries": "2", "margin": "0.18,0.08"}
    return look


def edge_style(a: Vertex, b: Vertex, slot: str) -> dict[str, str]:
    """Edges inside a sweep take its colour; those that carry values across are thin and grey."""
    if slot == CARRIED:
        return {"color": "#6A51A3", "style": "dashed", "constraint": "false"}
    if a.kind in SOURCES:
        look = {"color": "#9A9A9A"}
    elif b.kind == "output" or a.phase == b.phase:
        look = {"color": _SWEEPS.get(a.phase.kind, _OTHER)[1], "weight": "3"}
    else:
        look = {"color": "#9FB4C4" if a.phase.kind == "forward" else "#D3B39B", "penwidth": "0.8"}
    if slot:
        look |= {"headlabel": slot, "labeldistance": "1.3", "labelangle": "28"}
    return look


def label_of(v: Vertex, shown: Sequence[str] = ()) -> str:
    """Title, details, and numbers, as an HTML-like label."""
    light = v.kind == "output"
    title = text(v.title)
    if v.kind in ("parameter", "input", "output", "module", "group"):
        title = f"<b>{title}</b>"
    lines = [(line, "#DDDDDD" if light else _GREY) for line in v.detail.split("\n") if line]
    rows = [_small(line, colour) for line, colour in lines]
    pictured = False
    for step in (v.first, v) if v.first is not None else (v,):
        when = "" if v.first is None else "first " if step is v.first else "last "
        for what in shown:
            number = getattr(step, what)
            if number is not None:
                colour = NUMBERS[what][light]
                said, counts = numbers_text(number), histogram(number)
                rows += [_small(line, colour) for line in f"{when}{what} {said}".split("\n")]
                if counts:
                    pictured = True
                    rows.append(_bars(counts, colour))
    if pictured:
        cells = "".join(f"<tr><td>{row}</td></tr>" for row in (title, *rows))
        return f'<<table border="0" cellspacing="0" cellpadding="0">{cells}</table>>'
    return f"<{'<br/>'.join((title, *rows))}>"


def _small(line: str, colour: str) -> str:
    return f'<font point-size="9" color="{colour}">{text(line)}</font>'


def _bars(counts: Sequence[int], colour: str) -> str:
    """A histogram, as rows of cells from top to bottom; what is not empty is always seen."""
    most = max(counts)
    heights = [-(-n * _LEVELS // most) for n in counts]
    rows = "".join(
        f"<tr>{''.join(_cell(height >= level, colour) for height in heights)}</tr>"
        for level in range(_LEVELS, 0, -1)
    )
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0">{rows}</table>'


def _cell(filled: bool, colour: str) -> str:
    fill = f' bgcolor="{colour}"' if filled else ""
    return f'<td width="7" height="3" fixedsize="true"{fill}></td>'


def text(words: str) -> str:
    """Words as an HTML-like label shows them: as they are, in the fonts that renderers have."""
    words = visible(words)
    if len(words) > _LONGEST:
        words = f"{words[: _LONGEST // 2]}…{words[-_LONGEST // 4 :]}"
    out = html.escape(words, quote=False).replace("\\", "\\\\")  # else \N is a name
    for character, instead in _WORDS.items():
        out = out.replace(character, instead)
    return "".join(c if ord(c) < 0x10000 else "?" for c in out) or " "


def _caption(title: str, note: str) -> str:
    lines = [f"<b>{text(title)}</b>"] if title else []
    if note:
        lines.append(f'<font point-size="10" color="{_GREY}">{text(note)}</font>')
    return f"<{'<br/>'.join(lines)}>" if lines else ""


# ---- the legend ---------------------------------------------------------------------------------


def _are_numbered(picture: Picture) -> bool:
    """Whether sweeps of one kind are few enough to be numbered."""
    found = {v.phase for v in picture.vertices}
    kinds = {s.kind for s in found}
    return len(kinds) < len(found) <= _MOST_NUMBERED


def _legend(picture: Picture, numbered: bool) -> str:
    rows = []
    phases = sorted(
        {v.phase for v in picture.vertices if v.kind not in SOURCES and v.kind != "output"},
        key=lambda s: (list(_SWEEPS).index(s.kind) if s.kind in _SWEEPS else 9, s),
    )
    seen = set()
    for phase in phases:
        name = phase.kind
        if numbered and any(s.kind == phase.kind and s != phase for s in phases):
            name = f"{phase.kind} {phase.number}"
        if name not in seen:
            seen.add(name)
            fill, line = _colours(Vertex("op", "", phase=phase), numbered)
            rows.append((fill, line, name))
    kinds = {v.kind for v in picture.vertices}
    rows += [
        (str(_KINDS[kind]["fillcolor"]), str(_KINDS[kind]["color"]), kind)
        for kind in _KINDS
        if kind in kinds
    ]
    if any(slot == CARRIED for _, _, slot in picture.edges):
        rows.append(("#FFFFFF", "#6A51A3", "to the next step (dashed)"))
    cells = "".join(
        f'<tr><td border="1" color="{line}" bgcolor="{fill}" width="18" height="10" '
        f'fixedsize="true"></td><td align="left">{text(name)}</td></tr>'
        for fill, line, name in rows
    )
    table = f'<table border="0" cellborder="0" cellspacing="3" cellpadding="1">{cells}</table>'
    return f'<<font point-size="10">{table}</font>>'
