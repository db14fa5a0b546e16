"""Figures of a training run and of a spectrum, drawn with matplotlib.

matplotlib is imported when the first figure is made. Figures are made without pyplot, so no
window opens and no global state changes; show one in a notebook, or write it with :func:`save`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import arguments
from ..core.boundary import named
from ..core.files import replace_whole
from ..core.plotting import BLUE, GREY, ORANGE, STYLE, tidy
from ..core.text import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@named
def loss_and_sharpness(
    steps: Any,
    losses: Any,
    sharpness: Any,
    rate: float,
    *,
    sharpness_steps: Any = None,
    title: str = "",
    figure: Figure | None = None,
) -> Figure:
    """Draw the loss above, on a logarithmic axis, and the sharpness below, with the line 2/rate.

    Gradient descent on a quadratic is stable while the largest eigenvalue of the Hessian, the
    sharpness, is below 2/rate.

    Parameters
    ----------
    steps, losses : array_like, shape (n,)
        The loss at each step. Steps with a loss that is not positive are left out.
    sharpness : array_like, shape (n,) or (m,)
        The largest eigenvalue; NaN where it was not computed.
    rate : float
        The learning rate.
    sharpness_steps : array_like, shape (m,), optional
        The steps of ``sharpness``, where they differ from ``steps``.
    title : str
        A line above both, shown as it is: dollar signs begin no formula.
    figure : matplotlib.figure.Figure, optional
        Draw into this one.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ValueError
        When lengths differ, or the rate is not positive.

    References
    ----------
    Cohen et al. (2021), Gradient descent on neural networks typically occurs at the edge of
    stability.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> figure = tg.viz.plots.loss_and_sharpness([0, 1, 2], [1.0, 0.5, 0.2], [1.5, 2.5, 3.9], 0.5)
    >>> [ax.get_ylabel() for ax in figure.axes]
    ['training loss', 'sharpness']
    """
    rate = arguments.number("loss_and_sharpness", "rate", rate, above=0)
    x, loss = _curve("losses", steps, losses)
    where, sharp = _curve(
        "sharpness", steps if sharpness_steps is None else sharpness_steps, sharpness
    )
    figure = _figure(figure, (7.0, 5.2))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1))
    shown = loss > 0
    above.plot(x[shown], loss[shown], color=BLUE, linewidth=1.6)
    above.set_yscale("log")
    _label_decades(above, loss[shown])
    above.set_ylabel("training loss")

    known = np.isfinite(sharp)
    few = known.sum() <= 40
    below.plot(
        where[known], sharp[known], color=ORANGE, linewidth=1.6,
        marker="o" if few else None, markersize=3.5,
    )  # fmt: skip
    limit = 2 / rate
    below.axhline(limit, color=GREY, linestyle=(0, (5, 3)), linewidth=1.3)
    top = max(limit, float(sharp[known].max(initial=limit)))
    below.set_ylim(min(0.0, float(sharp[known].min(initial=0.0))), 1.18 * top)
    below.annotate(
        f"2 / rate = {limit:.4g}", (0.01, limit), (0, 4), textcoords="offset points",
        xycoords=("axes fraction", "data"), color=GREY, fontsize=9,
    )  # fmt: skip
    below.set_ylabel("sharpness")
    below.set_xlabel("step")
    for ax in (above, below):
        tidy(ax)
    figure.align_ylabels()
    _draw_title(figure, title)
    return figure


@named
def spectrum(
    values: Any,
    top: Any = None,
    intervals: Any = None,
    *,
    linear_below: float | None = None,
    bins: int = 80,
    title: str = "",
    figure: Figure | None = None,
) -> Figure:
    """Draw all eigenvalues of a matrix, on a symmetric logarithmic axis.

    Above: a histogram with logarithmic counts. Below: each as a tick. Eigenvalues that were found
    iteratively are marked with the intervals that their residuals guarantee.

    Parameters
    ----------
    values : array_like, shape (n,)
        Eigenvalues, in any order.
    top : array_like, shape (k,), optional
        Eigenvalues found by an iterative method.
    intervals : array_like, shape (k, 2) or (k,), optional
        For each of ``top``, an interval that contains an eigenvalue; or the norm of its residual,
        which gives that interval for a symmetric matrix.
    linear_below : float, optional
        The axis is linear between minus and plus this; by default 1e-4 of the largest absolute
        value.
    bins : int
        Number of bins, equally wide on the axis.
    title : str
        A line above, shown as it is.
    figure : matplotlib.figure.Figure, optional
        Draw into this one.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ValueError
        When there are no finite values, or shapes do not fit.

    References
    ----------
    Parlett (1998), The symmetric eigenvalue problem, theorem 4.5.1: an eigenvalue is within the
    norm of the residual.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> figure = tg.viz.plots.spectrum([-0.1, 0.0, 1.0, 3.0], top=[3.0, 1.0], intervals=[0.1, 0.2])
    >>> figure.axes[-1].get_xlabel()
    'eigenvalue'
    """
    bins = arguments.integer("spectrum", "bins", bins, least=1)
    if linear_below is not None:
        arguments.number("spectrum", "linear_below", linear_below, above=0)
    eigenvalues = _real("spectrum", "values", values)
    if not eigenvalues.size or not np.isfinite(eigenvalues).all():
        raise ValueError(f"spectrum: needs finite eigenvalues, got {eigenvalues.size} values")
    found, low, high = _intervals(top, intervals)
    largest = float(np.abs(np.concatenate([eigenvalues, found])).max()) or 1.0
    threshold = linear_below or 1e-4 * largest
    figure = _figure(figure, (8.4, 4.2))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
    below.set_xscale("symlog", linthresh=threshold, linscale=0.6)
    below.set_xlim(*_limits(eigenvalues, largest, threshold))

    transform = below.xaxis.get_transform()
    ends = transform.transform(np.array(below.get_xlim()))
    edges = transform.inverted().transform(np.linspace(ends[0], ends[1], bins + 1))
    above.hist(eigenvalues, edges, color=BLUE, alpha=0.75, label=f"all {eigenvalues.size:,}")
    above.set_yscale("log")
    above.set_ylim(bottom=0.7)
    above.set_ylabel("eigenvalues a bin")
    below.plot(
        eigenvalues, np.full(eigenvalues.size, 0.25), "|", color=BLUE, markersize=9, alpha=0.5,
        markeredgewidth=0.7,
    )  # fmt: skip
    if found.size:
        below.errorbar(
            found, np.full(found.size, 0.75), xerr=np.stack([found - low, high - found]),
            fmt="D", color=ORANGE, markersize=4.5, capsize=4, elinewidth=1.4,
        )  # fmt: skip
        for n, value in enumerate(found):
            above.axvline(
                value, color=ORANGE, linewidth=1.0, linestyle=(0, (4, 2)),
                label=_top_label(found, low, high) if n == 0 else None,
            )  # fmt: skip
    for ax in (above, below):
        tidy(ax)
        ax.axvline(0.0, color=GREY, linewidth=0.8)
    below.set_ylim(0, 1)
    below.set_yticks([])
    below.grid(False)
    below.set_xlabel("eigenvalue")
    _label_powers(below, threshold)
    above.yaxis.set_major_formatter("{x:,.0f}")
    figure.legend(
        *above.get_legend_handles_labels(), loc="outside right upper", frameon=False,
        prop={"size": 8.5, "family": "monospace"}, handlelength=1.6,
    )  # fmt: skip
    _draw_title(figure, title)
    return figure


def save(figure: Figure, path: str | Path, dpi: float = 160) -> Path:
    """Write a figure; the suffix of ``path`` gives the format. An existing file is replaced at
    once, and equal figures give equal bytes.

    Examples
    --------
    >>> import tempfile, tinygrad_hess as tg
    >>> folder = tempfile.TemporaryDirectory()
    >>> figure = tg.viz.plots.spectrum([0.0, 1.0, 3.0])
    >>> tg.viz.plots.save(figure, folder.name + "/spectrum.png").name
    'spectrum.png'
    >>> folder.cleanup()
    """
    matplotlib = _matplotlib()
    arguments.instance("save", "figure", figure, matplotlib.figure.Figure, "a matplotlib Figure")
    path = arguments.path("save", path)
    dpi = arguments.number("save", "dpi", dpi, above=0)
    kind = path.suffix.lower().removeprefix(".")
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise ValueError(
            f"save: cannot write {path.name!r}: the suffix must be one of "
            f"{', '.join(sorted(known))}"
        )
    dates: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    data = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "tinygrad_hess"}):
        figure.draw_without_rendering()  # the layout settles in the first drawing
        figure.savefig(data, format=kind, dpi=dpi, metadata=dates.get(kind))
    return replace_whole(path, data.getvalue())


# ---- what the figures share ---------------------------------------------------------------------


def _matplotlib() -> Any:
    try:
        import matplotlib
        import matplotlib.figure
        import matplotlib.style
    except ImportError as error:
        raise ImportError(
            "tinygrad_hess.viz.plots needs matplotlib. Install the extra 'viz': "
            "pip install 'tinygrad-hess[viz]'"
        ) from error
    return matplotlib


def _figure(figure: Figure | None, size: tuple[float, float]) -> Figure:
    if figure is not None and hasattr(figure, "subplots"):
        return figure
    if figure is not None:
        raise TypeError(f"figure must be a matplotlib Figure, got {arguments.shown(figure)}")
    matplotlib = _matplotlib()
    with matplotlib.style.context(STYLE):
        return matplotlib.figure.Figure(figsize=size, layout="constrained")


def _draw_title(figure: Figure, title: str) -> None:
    if not isinstance(title, str):
        raise TypeError(f"title must be a text, got {arguments.shown(title)}")
    if title:
        figure.suptitle(visible(title, keep="\n"), fontsize=11, parse_math=False)


def _real(who: str, name: str, values: Any) -> Any:
    return arguments.array(who, name, values).astype(float).ravel()


def _curve(what: str, steps: Any, values: Any) -> tuple[Any, Any]:
    who = "loss_and_sharpness"
    x, y = _real(who, "steps", steps), _real(who, what, values)
    if x.shape != y.shape:
        raise ValueError(f"loss_and_sharpness: {y.size} {what} for {x.size} steps")
    return x, y


def _intervals(top: Any, intervals: Any) -> tuple[Any, Any, Any]:
    """The found eigenvalues, and the ends of their intervals."""
    found = _real("spectrum", "top", [] if top is None else top)
    if intervals is None:
        return found, found, found
    given = arguments.array("spectrum", "intervals", intervals).astype(float)
    if given.shape == found.shape:
        return found, found - given, found + given
    if given.shape != (found.size, 2):
        raise ValueError(
            f"spectrum: intervals must have shape ({found.size}, 2) or ({found.size},) for "
            f"{found.size} values in top, got {given.shape}"
        )
    return found, np.minimum(given[:, 0], found), np.maximum(given[:, 1], found)


def _limits(values: Any, largest: float, threshold: float) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (
        min(low * 1.6, -2 * threshold) if low < 0 else -2 * threshold,
        max(high, largest if high == low else high) * 1.6 if high > 0 else 2 * threshold,
    )


def _label_decades(ax: Axes, values: Any) -> None:
    """Plain numbers on a logarithmic axis: more within a decade where there are few decades."""
    from matplotlib import ticker

    decades = np.log10(values.max() / values.min()) if values.size else 1.0
    between = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
    ax.yaxis.set_major_locator(ticker.LogLocator(subs=between, numticks=12))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(ticker.NullFormatter())


def _label_powers(ax: Axes, threshold: float) -> None:
    """Ticks at powers of ten outside the linear part, thinned until they have room, and at 0."""
    low, high = ax.get_xlim()
    first = int(np.ceil(np.log10(threshold) - 1e-9))
    powers = np.arange(first, 1 + int(np.floor(np.log10(max(abs(low), high, threshold)) + 1e-9)))
    step = max(1, -(-len(powers) // 5))
    ticks = 10.0 ** powers[::-1][::step]
    ax.set_xticks([*(-t for t in ticks if -t >= low), 0.0, *(t for t in ticks if t <= high)])
    ax.minorticks_off()


def _top_label(found: Any, low: Any, high: Any, most: int = 5) -> str:
    """The marked values as text, with half the width of their intervals."""
    lines = [f"top {found.size}, with bounds"]
    for value, a, b in list(zip(found, low, high, strict=True))[:most]:
        width = max(b - value, value - a)
        lines.append(f"{value:10.6g}" + (f" ± {width:.1e}" if width else ""))
    return "\n".join(lines + (["..."] if found.size > most else []))


__all__: Sequence[str] = ("loss_and_sharpness", "save", "spectrum")
