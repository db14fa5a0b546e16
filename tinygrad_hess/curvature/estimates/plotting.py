"""What the figures of curvature results share.

matplotlib is imported when the first figure is made. Figures are made without pyplot, so no window
opens and no global state changes; a notebook shows ``axes.figure``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core import arguments
from ...core.text import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito (2008): told apart by colour-blind readers, and in grey
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6B6B6B"


def literal(text: str) -> str:
    r"""A name as text in a figure, where matplotlib would take dollar signs for mathematics.

    Examples
    --------
    >>> print(literal("price in $"))
    price in \$
    """
    return visible(text).replace("$", r"\$")


def axes(ax: Any = None, size: tuple[float, float] = (6.0, 4.0)) -> Axes:
    """``ax``, or the axes of a new figure, without the top and right spines and with a grid.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    TypeError
        When ``ax`` is no axes.
    """
    if ax is None:
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError(
                "plot needs matplotlib. Install the extra 'viz': pip install 'tinygrad-hess[viz]'"
            ) from error
        ax = Figure(figsize=size, layout="constrained").add_subplot()
    elif not hasattr(ax, "spines"):
        arguments.instance("plot", "ax", ax, (), "axes of matplotlib, as plt.subplots() makes them")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, color="#E4E4E4", linewidth=0.8)
    ax.set_axisbelow(True)
    return ax
