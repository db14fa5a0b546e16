"""What all figures share: one style, legends beside the curves, matrices as shades.

matplotlib is imported when the first figure is made. Figures are made without pyplot, so no window
opens and no global state changes; a notebook shows ``axes.figure``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import arguments
from .text import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito (2008): told apart by colour-blind readers, and in grey
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6B6B6B"
GRID, INK, PAPER = "#E4E4E4", "#1C2024", "#FFFFFF"
ON_PALE, ON_DARK = "#000001", "#FFFFFE"
"""Of numbers on shades: black and white, but told from others where a page changes colours."""

STYLE = "tinygrad_hess.viz.figures"
"""The style sheet, ``viz/figures.mplstyle``, by the name that matplotlib finds it by."""

DECADES = 4
"""A logarithmic scale of shades goes so far below the largest."""


def literal(text: str) -> str:
    r"""A name as text in a figure, where matplotlib would take dollar signs for mathematics.

    Examples
    --------
    >>> print(literal("price in $"))
    price in \$
    """
    return visible(text).replace("$", r"\$")


def axes(ax: Any = None, size: tuple[float, float] = (6.0, 4.0)) -> Axes:
    """``ax``, or the axes of a new figure in our style; without top and right spines, with a grid.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    TypeError
        When ``ax`` is no axes.
    """
    if ax is None:
        try:
            import matplotlib.style
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError(
                "plot needs matplotlib. Install the extra 'viz': pip install 'tinygrad-hess[viz]'"
            ) from error
        with matplotlib.style.context(STYLE):
            ax = Figure(figsize=size, layout="constrained").add_subplot()
    elif not hasattr(ax, "spines"):
        arguments.instance("plot", "ax", ax, (), "axes of matplotlib, as plt.subplots() makes them")
    tidy(ax)
    return ax


def tidy(ax: Axes) -> None:
    """No spines at the top and right, and a faint grid behind what is drawn."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)


def legend(ax: Axes, title: str = "") -> None:
    """Name what is drawn, in a row above the axes, where it covers no curve."""
    handles, labels = ax.get_legend_handles_labels()
    if not (labels or title):
        return
    drawn = ax.legend(
        handles, labels, title=title or None, loc="lower left", bbox_to_anchor=(0.0, 1.0),
        ncols=len(labels) if len(labels) <= 3 else 2, alignment="left", frameon=False, fontsize=9,
        title_fontsize=9, borderaxespad=0.3, borderpad=0.0, handlelength=1.6, columnspacing=1.4,
    )  # fmt: skip
    drawn.get_title().set_color(GREY)


def shades(
    ax: Axes,
    table: Any,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    label: str,
    form: str = "{:.3g}",
    most: float | None = None,
    log: bool = True,
) -> None:
    """Draw a matrix as shades, with its numbers where all of them fit, else with a scale.

    Parameters
    ----------
    ax : matplotlib axes
    table : ndarray, shape (m, n)
    rows, columns : sequences of str
        The names; as many of them are shown as there is room for.
    label : str
        What the numbers are.
    form : str
        How to write one.
    most : float, optional
        The value of the darkest shade; by default the largest.
    log : bool
        Make shades logarithmic where the values, not negative, span more than two decades.
    """
    import matplotlib
    from matplotlib import colors

    table = np.asarray(table, float)
    most = float(most or table.max(initial=0.0)) or 1.0
    least = float(table.min(initial=most, where=table > 0))
    is_linear = not log or most <= 100 * least
    norm: Any = (
        colors.Normalize(0, most) if is_linear
        else colors.LogNorm(max(least, most / 10**DECADES), most, clip=True)
    )  # fmt: skip
    cmap = matplotlib.colormaps["Blues"]
    image = ax.imshow(
        table if is_linear else np.ma.masked_equal(table, 0), cmap, norm, aspect="auto"
    )
    figure: Any = ax.figure
    width, height = 72 * figure.get_size_inches()
    for axis, names, length in ((ax.xaxis, columns, 0.6 * width), (ax.yaxis, rows, 0.7 * height)):
        where = range(0, len(names), max(1, math.ceil(14 * len(names) / length)))
        shown = [_shortened(literal(names[i])) for i in where]
        wide = axis is ax.xaxis and 6 * sum(map(len, shown)) > length
        axis.set_ticks(where, shown, rotation=90 if wide else 0)
    ax.grid(False)
    numbers = [
        ax.text(
            j, i, form.format(value), ha="center", va="center", fontsize=8,
            color=ON_DARK if value and _is_dark(cmap(norm(value))) else ON_PALE,
        )
        for (i, j), value in np.ndenumerate(table)
    ] if table.size <= 400 else []  # fmt: skip
    if not (numbers and _fit(ax, numbers, table.shape)):
        for number in numbers:
            number.remove()
        figure.colorbar(image, ax=ax, label=label, extend="neither" if is_linear else "min")


def _is_dark(colour: Sequence[float]) -> bool:
    """Whether white has more contrast on it than black, by the relative luminance of WCAG."""
    rgb = np.asarray(colour[:3])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05


def _fit(ax: Axes, numbers: Sequence[Any], shape: tuple[int, ...]) -> bool:
    """Whether all numbers are narrower and lower than their cells."""
    figure: Any = ax.figure
    figure.draw_without_rendering()  # the layout settles
    cell = ax.get_window_extent()
    boxes = [number.get_window_extent() for number in numbers]
    return all(
        box.width < 0.95 * cell.width / shape[1] and box.height < 0.95 * cell.height / shape[0]
        for box in boxes
    )


def _shortened(name: str, most: int = 24) -> str:
    """A long name without its middle."""
    return name if len(name) <= most else f"{name[: most // 2]}…{name[-most // 2 + 1 :]}"
