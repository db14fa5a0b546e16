"""``steps``: a value, its gradient and a tangent, operation by operation."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ..core import arguments, trees
from ..core.boundary import named
from ..core.display import frame
from ..core.errors import describe
from ..core.files import replace_whole
from ..core.text import visible
from .derivatives import derivatives
from .drawing import NUMBERS, draw
from .pages import as_json, notice, page, shipped
from .reading import read
from .rendering import svg_of
from .trace import Traced, title_of, trace
from .walk import Step, Walk, walk

_COLOURS = [[c.lower() for c in NUMBERS[what]] for what in ("value", "grad", "tangent")]
_SVG = "{http://www.w3.org/2000/svg}"
_CAPTION = 5  # lines under a frame


@named
def steps(
    f: Any,
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    tangents: Any = None,
    max_steps: int = 300,
    title: str = "",
) -> Steps:
    """Tell how a function's value, its gradient and a tangent are computed, box by box.

    Forward, each operation computes its value. In reverse, each gives its operands their part of
    the derivative, by a rule that is told in words and as a formula read off the operation's row.
    Forward again, tangents follow a direction.

    Parameters
    ----------
    f : callable or module
        Gives one real number.
    *args : pytrees
        Where it is evaluated; as in :func:`graph`.
    argnums : int or sequence of int, optional
        Which arguments are differentiated; all, by default.
    tangents : pytree, optional
        The direction: like the first argument, or a tuple of one for each of ``argnums``. By
        default all components of the first argument are 1, and those of others 0.
    max_steps : int
        More steps than this are refused.
    title : str
        A line above; the function's name by default.

    Returns
    -------
    Steps
        Its ``save`` writes one web page that needs no network, with buttons, a slider and keys
        (arrows, space, Home, End); its ``frames`` writes an SVG for each step.

    Raises
    ------
    ValueError
        When the output is not one real number, or there are too many steps.

    References
    ----------
    A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008: v1, v2, ... are the
    intermediate values of the evaluation trace (their table 1.2).

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> told = tg.viz.steps(lambda x, y: x * y + np.sin(x), 2.0, 3.0)
    >>> told
    <Steps: 4 forward, 4 reverse, 4 tangent; save(path) writes a page, frames(folder) SVGs>
    >>> print(told[7].heading, *told[7].lines, sep="\\n")
    back through v1 = x × y
    ∂v1/∂x = y = 3
    ∂L/∂x += ∂L/∂v1 × ∂v1/∂x = 3
    so far ∂L/∂x = 2.584
    ∂v1/∂y = x = 2
    ∂L/∂y = ∂L/∂v1 × ∂v1/∂y = 2
    """
    arguments.integer("steps", "max_steps", max_steps, least=3)
    arguments.instance("steps", "title", title, str, "text")
    if not callable(f):
        raise TypeError(f"steps: give a function and its arguments, not {describe(f)}")
    traced = trace("steps", f, args, argnums)
    grads = derivatives("steps", traced.roots)
    picture = read(traced.roots, traced.starts, traced.arrays, True, grads)
    ((_, root),) = traced.roots
    count = 3 * (1 + sum(v.kind == "op" for v in picture.vertices))
    if count > max_steps:
        raise ValueError(
            f"steps: {count:,} steps are more than max_steps={max_steps:,}. Take a smaller "
            "function, or tg.viz.view(f, *args) for an overview."
        )
    told = walk(picture, root, _direction(traced, args, tangents))
    for v in picture.vertices:
        if v.node is not None:
            v.tangent = told.tangents.get(v.node.time)
            if v.tangent is None:
                v.tangent = np.zeros_like(v.node.value)[()]
    dot = draw(picture, "", "TB", False, ("value", "grad", "tangent")).source
    return Steps(told, dot, title or title_of(f), tuple(leaf.time for leaf in traced.leaves))


def _direction(traced: Traced, args: Sequence[Any], tangents: Any) -> dict[int, Any]:
    """Tangents of the starts, by time."""
    starts = traced.leaves
    if tangents is None:
        first = starts[0].argument
        return {
            s.time: np.ones(np.shape(s.value), s.value.dtype)[()]
            for s in starts
            if s.argument == first
        }
    numbers = list(dict.fromkeys(s.argument for s in starts))
    given = tangents if isinstance(tangents, tuple) and len(numbers) > 1 else (tangents,)
    found = {}
    for number, tangent in zip(numbers, given, strict=False):
        own = [s for s in starts if s.argument == number]
        leaves = trees.leaves(tangent)
        if [np.shape(t) for t in leaves] != [np.shape(s.value) for s in own]:
            got = ", ".join(describe(np.asarray(t)) for t in leaves)
            want = ", ".join(describe(np.asarray(s.value)) for s in own)
            raise ValueError(f"steps: tangents of argument {number} must be {want}, got {got}")
        for s, t in zip(own, leaves, strict=True):
            found[s.time] = np.asarray(t, s.value.dtype)[()]
    return found


@dataclass(frozen=True, repr=False)
class Steps(Sequence[Step]):
    """What :func:`steps` gives: a sequence of steps, to be saved as a page or as frames."""

    walk: Walk
    dot: str
    title: str
    starts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.walk.steps)

    def __getitem__(self, number: Any) -> Any:
        return self.walk.steps[number]

    def __repr__(self) -> str:
        phases = [s.phase for s in self.walk.steps]
        counts = ", ".join(f"{phases.count(p)} {p}" for p in dict.fromkeys(phases))
        return f"<Steps: {counts}; save(path) writes a page, frames(folder) SVGs>"

    @property
    def html(self) -> str:
        """The page."""
        data = {
            "title": self.title,
            "steps": [asdict(s) for s in self.walk.steps],
            "since": self.walk.since,
        }
        svg = svg_of(self.dot)
        program, notices = "", ""
        if svg is not None:
            data["svg"] = svg
        else:
            data["dot"] = self.dot
            program = f"<script>{shipped('viz-global.js')}</script>"
            notices = f"<!--\n{notice()}\n-->"
        return page(
            "steps.html", f"{self.title}, step by step", DATA=as_json(data), PROGRAM=program,
            NOTICE=notices, COLOURS=as_json(_COLOURS),
        )  # fmt: skip

    def save(self, path: str | Path) -> Path:
        """Write the page, whole or not at all; the suffix must be ``.html``."""
        path = arguments.path("Steps.save", path)
        if path.suffix.lower() != ".html":
            raise ValueError(f"Steps.save: cannot write {path.name!r}: the suffix must be .html")
        return replace_whole(path, self.html.encode())

    def frames(self, folder: str | Path) -> list[Path]:
        """Write an SVG for each step into a folder that is there: step-001.svg, ...

        Raises
        ------
        RuntimeError
            Where no Graphviz program is installed (the extra ``viz`` brings one).
        """
        folder = arguments.path("Steps.frames", Path(folder) / "step.svg").parent
        svg = svg_of(self.dot)
        if svg is None:
            raise RuntimeError(
                "Steps.frames: no Graphviz program found. Install the extra: "
                "pip install 'tinygrad-hess[viz]'."
            )
        ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
        digits = max(3, len(str(len(self))))
        return [
            replace_whole(folder / f"step-{n + 1:0{digits}}.svg", _frame(svg, self.walk, n))
            for n in range(len(self))
        ]

    def _repr_html_(self) -> str:
        return frame(self.html, f"{self.title}, step by step", height=560)


# ---- one frame ----------------------------------------------------------------------------------


def _frame(svg: str, told: Walk, number: int) -> bytes:
    """The drawing at one step, with what it tells underneath."""
    root = ElementTree.fromstring(svg)
    step = told.steps[number]
    lit = {f"n{a}->n{b}" for a, b in step.edges}
    for g in root.iter(f"{_SVG}g"):
        title = g.findtext(f"{_SVG}title") or ""
        if g.get("class") == "node" and title[1:].isdigit():
            i = int(title[1:])
            _paint(g, told.since[i], number, i in step.boxes)
        elif g.get("class") == "edge" and title in lit:
            for path in g.iter(f"{_SVG}path"):
                path.set("stroke-width", "4")
    _caption(root, step, f"{number + 1} of {len(told.steps)}")
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _paint(g: ElementTree.Element, since: Sequence[int], number: int, active: bool) -> None:
    if since[0] > number:
        g.set("opacity", "0.2")
    for part in g.iter():
        fill = (part.get("fill") or "").lower()
        for colours, first in zip(_COLOURS, since, strict=True):
            if fill in colours and first > number and part.tag in (f"{_SVG}text", f"{_SVG}polygon"):
                part.set("visibility", "hidden")
        outline = part.tag in (f"{_SVG}path", f"{_SVG}ellipse") or (
            part.tag == f"{_SVG}polygon" and part.get("stroke") not in (None, "none")
        )
        if active and outline:
            part.set("stroke-width", "5")


def _caption(root: ElementTree.Element, step: Step, count: str) -> None:
    """Lines of text under the drawing, whose view box grows by them."""
    left, top, width, height = map(float, (root.get("viewBox") or "0 0 400 300").split())
    wide = max(width, 460.0)
    left -= (wide - width) / 2
    per_line = int((wide - 24) / 6.4)
    said = [(f"{count} · {step.phase}", "#565656", "normal"), (step.heading, "#111111", "bold")]
    said += [(line, "#111111", "normal") for line in step.lines[:_CAPTION]]
    said += [(line, "#565656", "normal") for line in textwrap.wrap(step.words, per_line)]
    line_height = 16.0
    below = line_height * (len(said) + 1)
    background = ElementTree.Element(
        f"{_SVG}rect", x=f"{left:g}", y=f"{top:g}", width=f"{wide:g}",
        height=f"{height + below:g}", fill="#ffffff",
    )  # fmt: skip
    root.insert(0, background)
    for n, (line, colour, weight) in enumerate(said):
        text = ElementTree.SubElement(
            root, f"{_SVG}text", x=f"{left + 12:g}", y=f"{top + height + line_height * (n + 1):g}",
            fill=colour,
        )  # fmt: skip
        text.set("font-family", "Helvetica, Arial, sans-serif")
        text.set("font-size", "12")
        text.set("font-weight", weight)
        line = visible(line)
        text.text = line if len(line) <= per_line else f"{line[: per_line - 1]}…"
    root.set("viewBox", f"{left:g} {top:g} {wide:g} {height + below:g}")
    root.set("width", f"{wide:g}pt")
    root.set("height", f"{height + below:g}pt")
