"""Pictures: the computation graph of a function, training curves, spectra."""

from . import plots as plots
from .graphs import graph as graph
from .rendering import render as render
