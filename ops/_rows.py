"""From a name or a function to its primitive, whose module is loaded if need be.

row_of   : a function of NumPy's -> the row that has its name, or computes with it
load_all : -> all rows of the operations are declared
"""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module
from typing import Any

import numpy as np

from ..core.registry import REGISTRY
from ._names import OPERATIONS


def load(name: str) -> Any:
    """The operation of a name in the index."""
    module, _, attribute = OPERATIONS[name].partition(":")
    return getattr(import_module(f".{module}", __package__), attribute or name)


def load_all() -> None:
    """Declare every row of the operations, also those of modules that load SciPy."""
    package = sys.modules[__package__]
    for module in pkgutil.walk_packages(package.__path__, f"{__package__}."):
        import_module(module.name)


def row_of(function: Any) -> Any:
    """The row of a function: of its name, if that is NumPy's, or of its value.

    None where there is none. It is asked about whatever function a tensor is given to, so it loads
    no slow module, unless the index of names says that the row is there. What the library
    offers under NumPy's names goes before it.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops._rows import row_of
    >>> row_of(np.sin)
    <elementwise primitive sin>
    >>> row_of(np.histogram) is None
    True
    """
    name = getattr(function, "__name__", "")
    if _is_named(function, name):
        if name not in REGISTRY and name in OPERATIONS:
            load(name)
        if name in REGISTRY:
            return REGISTRY[name]
    if isinstance(function, np.ufunc):
        return next((row for row in REGISTRY.values() if row.fn is function), None)
    return None


def _is_named(function: Any, name: str) -> bool:
    """Whether it is NumPy's function of this name, or one of ``scipy.special``."""
    if isinstance(function, type) or not callable(function):
        return False
    special = sys.modules.get("scipy.special")  # who has a function of its has loaded it
    return function in (vars(np).get(name), getattr(special, name, None))
