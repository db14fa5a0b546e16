"""All primitives by name: those of slow modules are declared when the whole is first looked at.

``import tinygrad_hess`` leaves out the operations that need ``scipy.special`` and the like, which
take longer to load than everything else. Whoever walks the registry, or asks for a name that is
not there yet, loads them.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

from ._names import OPERATIONS


class Registry(dict[str, Any]):
    """A dictionary of primitives, complete as soon as it is walked.

    ``in`` and ``get`` look at what is declared already, as every declaration does.

    Examples
    --------
    >>> from tinygrad_hess.core.primitive import REGISTRY
    >>> REGISTRY["gammaln"]
    <elementwise primitive gammaln>
    """

    _complete = False

    def complete(self) -> None:
        """Import every module of the operations, and those of SciPy's names, once."""
        if not self._complete:
            self._complete = True
            ops = import_module("..ops", __package__)
            for module in pkgutil.walk_packages(ops.__path__, f"{ops.__name__}."):
                import_module(module.name)
            import_module("..scipy", __package__)

    def __missing__(self, name: str) -> Any:
        self.complete()
        if name not in self:
            raise KeyError(name)
        return self[name]

    def __iter__(self) -> Iterator[str]:
        self.complete()
        return super().__iter__()

    def __len__(self) -> int:
        self.complete()
        return super().__len__()

    def keys(self) -> Any:
        """All names."""
        self.complete()
        return super().keys()

    def values(self) -> Any:
        """All primitives."""
        self.complete()
        return super().values()

    def items(self) -> Any:
        """All names with their primitives."""
        self.complete()
        return super().items()


def declared(registry: dict[str, Any]) -> list[Any]:
    """The rows that are declared by now: no slow module is loaded for this."""
    return list(dict.values(registry))


def row_of(registry: dict[str, Any], function: Any) -> Any:
    """The row that stands for a function: of its name, if that is NumPy's, or of its value.

    None where there is none. It is asked about whatever function a tensor is given to, so it loads
    no slow module, unless the index of names says that the row stands there. What the library
    offers under NumPy's names goes before it.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.core.primitive import REGISTRY
    >>> row_of(REGISTRY, np.sin)
    <elementwise primitive sin>
    >>> row_of(REGISTRY, np.histogram) is None
    True
    """
    name = getattr(function, "__name__", "")
    if _is_named(function, name):
        if name not in registry and name in OPERATIONS:
            import_module(f"..{OPERATIONS[name].partition(':')[0]}", __package__)
        if name in registry:
            return registry[name]
    if isinstance(function, np.ufunc):
        return next((row for row in declared(registry) if row.fn is function), None)
    return None


def _is_named(function: Any, name: str) -> bool:
    """Whether it is NumPy's function of this name, or one of ``scipy.special``."""
    if isinstance(function, type) or not callable(function):
        return False
    special = sys.modules.get("scipy.special")  # who has a function of its has loaded it
    return function in (vars(np).get(name), getattr(special, name, None))
