"""``import autograd`` finds the drop-in, and finds autograd again."""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module
from types import ModuleType

from ... import Tensor

_HERE = __package__ or __name__.rpartition(".")[0]
_replaced: dict[str, ModuleType] | None = None


def install() -> None:
    """Let ``import autograd``, and of all its modules, find the drop-in from now on.

    Whether autograd is installed does not matter. What imported it before keeps it.

    Examples
    --------
    >>> import sys, tinygrad_hess.compat.autograd as drop_in
    >>> drop_in.install()
    >>> import autograd.scipy.stats.norm as norm
    >>> norm.logpdf(0.0).round(6)
    np.float64(-0.918939)
    >>> drop_in.uninstall()
    """
    global _replaced  # noqa: PLW0603
    if _replaced is not None:
        return
    package = import_module(_HERE)
    found = {"autograd": package}
    for module in pkgutil.walk_packages(package.__path__, f"{_HERE}."):
        found[f"autograd{module.name.removeprefix(_HERE)}"] = import_module(module.name)
    stats = found["autograd.scipy.stats"]
    found |= {f"autograd.scipy.stats.{name}": getattr(stats, name) for name in stats.__all__}
    _replaced = _forget()
    sys.modules.update(found)
    Tensor._value = property(lambda self: self.value)  # type: ignore[attr-defined]


def uninstall() -> None:
    """Undo :func:`install`: ``import autograd`` finds what it found before."""
    global _replaced  # noqa: PLW0603
    if _replaced is None:
        return
    _forget()
    sys.modules.update(_replaced)
    _replaced = None
    del Tensor._value  # type: ignore[attr-defined]


def _forget() -> dict[str, ModuleType]:
    """Take autograd and its modules out of those that are imported, and return them."""
    names = [name for name in sys.modules if name.partition(".")[0] == "autograd"]
    return {name: sys.modules.pop(name) for name in names}
