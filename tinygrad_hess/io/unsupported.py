"""What a model from elsewhere has that is not here: found all, then said at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class UnsupportedError(Exception):
    """One layer, step or operator of a model has no counterpart here; the text says why."""


def named(name: str, layer: Any, error: UnsupportedError) -> str:
    """A layer or step as :func:`refuse` lists it: its name, its class, and why.

    The whole model has no name.

    Examples
    --------
    >>> named("2", "a layer", UnsupportedError("it has forward hooks"))
    "'2' (str: it has forward hooks)"
    >>> named("", "a model", UnsupportedError("it has forward hooks"))
    'str: it has forward hooks'
    """
    why = f": {error}" if str(error) else ""
    what = f"{type(layer).__name__}{why}"
    return f"{name!r} ({what})" if name else what


def refuse(who: str, found: Sequence[str], advice: str) -> None:
    """Say all that was found, if anything was.

    Raises
    ------
    NotImplementedError

    Examples
    --------
    >>> refuse("from_torch", ["'2' (Conv3d)", "'5' (Fold)"], "Write a Module.")
    Traceback (most recent call last):
    ...
    NotImplementedError: from_torch: not supported: '2' (Conv3d); '5' (Fold). Write a Module.
    """
    if found:
        raise NotImplementedError(f"{who}: not supported: {'; '.join(found)}. {advice}")
