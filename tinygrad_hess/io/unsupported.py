"""What a model from elsewhere has that is not here: found all, then said at once."""

from __future__ import annotations

from collections.abc import Sequence


class UnsupportedError(Exception):
    """One layer, step or operator of a model has no counterpart here; the text says why."""


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
