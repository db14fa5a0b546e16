"""A figure as SVG: in a page, where the page's colours apply, or in a file of its own."""

from __future__ import annotations

import io
import re
from html import escape

from ...core.plotting import (
    BLUE,
    GREEN,
    GREY,
    GRID,
    INK,
    ON_DARK,
    ON_PALE,
    ORANGE,
    PAPER,
    STYLE,
)
from ...core.text import visible
from .document import Figure

COLOURS = {
    INK: "ink", PAPER: "paper", GRID: "line", BLUE: "blue", ORANGE: "orange", GREEN: "green",
    GREY: "soft", ON_PALE: "on-pale", ON_DARK: "on-dark",
}  # fmt: skip
"""Those of the figures, and the page's variables, which have other values in the dark."""

PALETTE = """:root { --ink: #1c2024; --soft: #59636d; --line: #dfe3e6; --paper: #ffffff;
  --tint: #f4f6f8; --blue: #0072b2; --orange: #c25400; --green: #007a5a;
  --on-pale: #000; --on-dark: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7ea; --soft: #a3adb6; --line: #3b434b; --paper: #15191d; --tint: #1d2328;
    --blue: #56b4e9; --orange: #f0883e; --green: #3fc49b;
    --on-pale: #fff; --on-dark: #000 }
  figure image, svg image { filter: invert(1) hue-rotate(180deg) brightness(.78) } }
"""
"""Values of the variables. A matrix of shades is an image: pale means little, in the dark
dark does. It is darkened so that black and white change places where their contrast is equal."""

SIZE = (5.4, 3.3)
"""In inches, for labels that can be read on a phone."""


def svg(figure: Figure, alone: bool = False) -> str:
    """The picture; ``alone`` brings the colours that it otherwise takes from its page.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    """
    import matplotlib.style
    from matplotlib.figure import Figure as Canvas

    colours = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    style = dict.fromkeys(colours, INK) | {
        "svg.fonttype": "none",  # text that the page's font draws, and that can be selected
        "svg.hashsalt": figure.name,  # the ids of two pictures in one page differ
    }
    with matplotlib.style.context([STYLE, style]):
        canvas = Canvas(figsize=SIZE, layout="constrained")
        figure.draw(canvas.add_subplot())
        data = io.StringIO()
        canvas.savefig(data, format="svg", transparent=True, metadata={"Date": None})
    drawn = _with_variables(data.getvalue())
    title = escape(visible(figure.title))
    head = f'<svg role="img" aria-label="{title}: {escape(visible(figure.seen))}" '
    if alone:
        sheet = (
            f"<style>{PALETTE}svg {{ background: var(--paper); font-family: sans-serif }}</style>"
        )
        drawn = re.sub(r"(<svg [^>]*>)", lambda found: found[1] + sheet, drawn, count=1)
    return drawn.replace("<svg ", head, 1)


def _with_variables(drawn: str) -> str:
    """The picture in the colours and the font of its page, as wide as there is room."""
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r' (width|height)="[\d.]+pt"', "", drawn, count=2)
    drawn = re.sub(r"font: ([\d.]+px) '[^;\"]*", r"font: \1 inherit", drawn)
    drawn = re.sub(r"(font-family|font): ?[^;\"]*(DejaVu|sans-serif)[^;\"]*", _plain_font, drawn)
    for colour, variable in COLOURS.items():
        drawn = drawn.replace(colour.lower(), f"var(--{variable})")
    return drawn


def _plain_font(found: re.Match[str]) -> str:
    size = re.search(r"[\d.]+px", found[0])
    return f"font-size: {size[0]}" if size else "font-family: inherit"
