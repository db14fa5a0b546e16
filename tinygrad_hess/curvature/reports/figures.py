"""The figures of a report, as SVG to be put into a page.

figures : Report -> [(title, SVG, caption)]
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

import numpy as np

from ...core.text import visible
from ..estimates.plotting import BLUE, GREY, ORANGE

INK = "#010203"
"""Stands for the colour of the page's text until the picture is put into the page."""

COLOURS = {
    INK: "currentColor",
    "#e4e4e4": "var(--line)",
    BLUE.lower(): "var(--blue)",
    ORANGE.lower(): "var(--orange)",
    GREY.lower(): "var(--soft)",
}
"""Those of the figures, and the page's own, which are others in the dark."""

SIZE = (5.4, 3.3)
"""In inches, for labels that can be read on a phone."""

Drawn = tuple[str, str, str]


def figures(report: Any) -> list[Drawn]:
    """Title, SVG and caption of each figure that there is something to show in.

    One that cannot be drawn has its reason for a caption, and no picture.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    """
    return [
        _render(i, title, caption, draw)
        for i, (title, caption, draw) in enumerate(_figures_to_draw(report))
    ]


def _figures_to_draw(report: Any) -> Iterator[tuple[str, str, Callable[[Any], Any]]]:
    """Titles, captions, and functions that draw on axes."""
    density, alignment, blocks = (report[name] for name in ("density", "alignment", "blocks"))
    records = report.monitor
    if records is not None and any("top_eigenvalues" in r for r in records):
        yield "Eigenvalues over training", _training_caption(records), records.plot
    if density is not None:
        how = (
            "all of them" if density.exact
            else f"stochastic Lanczos quadrature, {density.probes} probes of {density.steps} steps"
        )  # fmt: skip
        yield (
            "Spectrum by magnitude",
            f"Share of the eigenvalues in each decade of |λ|; {how}. Zeros are left out.",
            lambda ax: density.plot(ax, scale="log"),
        )
        if len(density.grid):  # else all are zero or atoms
            yield (
                "Spectrum",
                "Density of the eigenvalues; those that stand apart as stems, as high as their "
                f"share of all. The vertical axis is logarithmic; {how}.",
                density.plot,
            )
    if alignment is not None and np.isfinite(alignment.share):
        yield (
            "Where the gradient points",
            f"Share of the squared gradient in each of the top {len(alignment.values)} "
            "eigenvectors; dashed: the running sum for a random direction.",
            alignment.plot,
        )
    for i, found in enumerate(report["slices"] or ()):
        if i == 0:
            what = "the top eigenvector; the unit is the length of the parameters' step"
        else:
            what = "the negative gradient; the unit is the learning rate of the step"
        yield (
            "Loss along the top eigenvector" if i == 0 else "Loss along the gradient",
            f"The loss and its quadratic model along {what}.",
            _draw_slice(found, "distance along the top eigenvector" if i == 0 else "learning rate"),
        )
    if report["layers"] is not None and len(report["layers"].names) > 1:
        yield (
            "Layers of the top eigenvectors",
            "Share in % of each eigenvector that lies in each layer; last column: the layer's "
            "share of the parameters.",
            report["layers"].plot,
        )
    if blocks is not None and len(blocks.names) > 1:
        yield (
            "Hessian by blocks of layers",
            f"Frobenius norms of the blocks between layers; {blocks.between:.0%} of ‖H‖² lies "
            "off the diagonal.",
            blocks.plot,
        )


def _training_caption(records: Any) -> str:
    last = records.records[-1]
    said = f"{len(records)} measurements, the last at step {last['step']:,}."
    if last.get("threshold"):
        said += f" Dashed: the optimiser is stable below {last['threshold']:.4g}."
    return said


def _draw_slice(found: Any, label: str) -> Callable[[Any], Any]:
    def draw(ax: Any) -> Any:
        found.plot(ax).set_xlabel(label)
        return ax

    return draw


def _render(number: int, title: str, caption: str, draw: Callable[[Any], Any]) -> Drawn:
    import matplotlib
    from matplotlib.figure import Figure

    colours = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    style: dict[Any, Any] = dict.fromkeys(colours, INK) | {
        "svg.fonttype": "none",  # text that the page's font draws, and that can be selected
        "svg.hashsalt": f"report {number}",  # the ids of two pictures in one page differ
        "font.size": 10,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=SIZE, layout="constrained")
        try:
            draw(figure.add_subplot())
            data = io.StringIO()
            figure.savefig(data, format="svg", transparent=True, metadata={"Date": None})
        except Exception as error:  # one figure that fails must not take the page with it
            return title, "", f"Could not be drawn: {type(error).__name__}: {error}"
    return title, _embedded_svg(data.getvalue(), title), caption


def _embedded_svg(svg: str, title: str) -> str:
    """The picture alone, in the colours of the page, as wide as there is room."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(visible(title))}" ', 1)
    svg = re.sub(r"font: ([\d.]+px) '[^;\"]*", r"font: \1 inherit", svg)
    svg = re.sub(r"(font-family|font): ?[^;\"]*(DejaVu|sans-serif)[^;\"]*", _plain_font, svg)
    for colour, variable in COLOURS.items():
        svg = svg.replace(colour, variable)
    return svg


def _plain_font(found: re.Match[str]) -> str:
    size = re.search(r"[\d.]+px", found[0])
    return f"font-size: {size[0]}" if size else "font-family: inherit"
