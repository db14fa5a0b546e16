"""All primitives by name: those of slow modules are declared when the whole is first looked at.

``import tinygrad_hess`` leaves out the operations that need ``scipy.special`` and the like, which
take longer to load than everything else. Whoever walks the registry, or asks for a name that is
not there yet, loads them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any


class Registry(dict[str, Any]):
    """A dictionary of primitives, complete as soon as it is walked.

    ``in`` and ``get`` look at what is declared already, as every declaration does.

    Examples
    --------
    >>> from tinygrad_hess.primitive import REGISTRY
    >>> REGISTRY["gammaln"]
    <elementwise primitive gammaln>
    """

    _complete = False

    def complete(self) -> None:
        """Import every module of the operations, and those of SciPy's names, once."""
        if not self._complete:
            self._complete = True
            ops = import_module(f"{__package__}.ops")
            for module in sorted(m.name for m in pkgutil.iter_modules(ops.__path__)):
                import_module(f"{ops.__name__}.{module}")
            import_module(f"{__package__}.scipy")

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
