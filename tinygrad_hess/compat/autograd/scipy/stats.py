"""``autograd.scipy.stats``: the library's distributions, and what SciPy's have beside them."""

from __future__ import annotations

from typing import Any

import scipy.stats as _scipy

from .... import scipy as _ours
from ....scipy.stats import __all__ as __all__


class _Distribution:
    """One distribution: functions of SciPy that the library lacks carry no derivative."""

    def __init__(self, name: str):
        self._sources = getattr(_ours.stats, name), getattr(_scipy, name)

    def __getattr__(self, name: str) -> Any:
        ours, theirs = self._sources
        return getattr(ours if hasattr(ours, name) else theirs, name)


globals().update({name: _Distribution(name) for name in __all__})
