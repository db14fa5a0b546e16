"""The bar that long work shows: tqdm's, on standard error, as a widget in notebooks."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from . import arguments

LIVE, LOGGED = 0.1, 10.0
"""Seconds between two drawings: where the next replaces the last, and in a log."""


def progress_bar(who: str, progress: Any, *, unit: str, total: float | None = None) -> Any:
    """A bar that is open, or None where none is shown.

    Parameters
    ----------
    who : str
        Whose work it is, for the bar and for errors.
    progress : bool or None
        With None, it is shown in a terminal and in a notebook, and in no log.
    unit : str
        What is counted.
    total : int, optional
        How many there will be, where that is known.

    Examples
    --------
    >>> print(progress_bar("fit", False, unit="step"))
    None
    """
    notebook = "ipykernel" in sys.modules
    live = notebook or (sys.stderr is not None and sys.stderr.isatty())
    if progress is None:
        progress = live
    if not arguments.flag(who, "progress", progress):
        return None
    import tqdm  # where a bar is shown: the import is half of that of optim

    bar: Any = tqdm.tqdm
    if notebook:
        with warnings.catch_warnings():  # without ipywidgets, it is a bar of text
            warnings.simplefilter("ignore", tqdm.TqdmWarning)
            from tqdm import auto
        bar = auto.tqdm
    return bar(
        desc=who,
        unit=f" {unit}",
        total=total,
        leave=False,
        dynamic_ncols=True,
        mininterval=LIVE if live else LOGGED,
    )
