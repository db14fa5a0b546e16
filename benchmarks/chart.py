"""Time against size, a line for each library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .measuring import Measured
from .problems import problem
from .processes import OURS
from .report import PLACES
from .tasks import EIGENVALUES, GRADIENT, HESSIAN, HVP, SPARSE

# Okabe and Ito's colours, which people of all kinds of sight can tell apart
STYLES: dict[tuple[str, str], dict[str, Any]] = {
    (OURS, "jit"): {"label": "tinygrad_hess, jit", "color": "#D55E00", "marker": "o", "zorder": 3},
    (OURS, "recorded"): {
        "label": "tinygrad_hess, recorded", "color": "#E69F00", "marker": "o", "linestyle": "--",
    },
    ("jax", ""): {"label": "jax.jit", "color": "#0072B2", "marker": "s"},
    ("torch", ""): {"label": "PyTorch, eager", "color": "#CC79A7", "marker": "^"},
    ("autograd", ""): {"label": "autograd", "color": "#009E73", "marker": "D"},
}  # fmt: skip
PANELS = {
    GRADIENT: ("Value and gradient of a tanh net", "parameters (64-w-w-10, batch 256)"),
    HVP: ("Hessian-vector product of a tanh net", "parameters (64-w-w-10, batch 256)"),
    HESSIAN: ("Hessian of a tanh net", "parameters (2-w-w-2, batch 64)"),
    EIGENVALUES: ("Ten largest eigenvalues of its Hessian", "parameters (64-w-w-10, batch 256)"),
    SPARSE: ("Hessian of Rosenbrock's function\n(ours sparse, peers' full)", "variables"),
}


def size(m: Measured) -> int:
    """Parameters of a workload."""
    return sum(problem(m.cell.workload, m.cell.dtype).sizes)


def draw(measured: Sequence[Measured], path: Path) -> None:
    """Draw what was measured of growth, with the quartiles; nothing where nothing was."""
    growing = [m for m in measured if m.cell.section == "growth"]
    if not growing:
        return
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "benchmarks", "font.size": 9}):
        figure = Figure(figsize=(11, 7), layout="constrained")
        *panels, legend = figure.subplots(2, 3).ravel()
        for ax, (task, (title, unit)) in zip(panels, PANELS.items(), strict=True):
            _panel(ax, [m for m in growing if m.cell.task == task])
            ax.set(xscale="log", yscale="log", title=title, xlabel=unit, ylabel="seconds")
            ax.grid(which="major", color="0.9")
            ax.spines[["top", "right"]].set_visible(False)
        named = {h.get_label(): h for ax in panels for h in ax.get_legend_handles_labels()[0]}
        legend.axis("off")
        legend.legend(
            handles=list(named.values()), loc="center", frameon=False, fontsize=11,
            title=f"float64, {PLACES[growing[0].cell.cores]};\nlines: medians, shades: quartiles",
        )  # fmt: skip
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else {})


def _panel(ax: Any, lines: Sequence[Measured]) -> None:
    by_size = sorted(((size(m), m) for m in lines), key=lambda pair: pair[0])
    for (library, form), style in STYLES.items():
        found = [(n, q) for n, m in by_size if (q := m.quartiles(library, form)) is not None]
        if found:
            at = [n for n, _ in found]
            low, middle, high = zip(*(q for _, q in found), strict=True)
            ax.plot(at, middle, markersize=4, linewidth=1.5, **style)
            ax.fill_between(at, low, high, color=style["color"], alpha=0.2, linewidth=0)
