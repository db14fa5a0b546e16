"""Pictures: the computation graph of a function, training curves, spectra."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from ..core.names import suggesting as _suggesting
from . import plots as plots
from .graphs import graph as graph
from .live import live as live
from .rendering import render as render
from .stepping import steps as steps
from .viewing import view as view

_ADVICE = {
    "make_dot": "Use graph(tensor), or graph(f, x).",
    "draw": "Use graph(f, x), then render(graph, path).",
    "save": "Use render(graph, path) for graphs, plots.save(figure, path) for figures.",
    "show": "A notebook shows what graph and plots give; render(graph, path) writes a file.",
    "plot": "Use plots.loss_and_sharpness or plots.spectrum.",
}

if not _TYPE_CHECKING:
    __getattr__ = _suggesting(__name__, _ADVICE)
