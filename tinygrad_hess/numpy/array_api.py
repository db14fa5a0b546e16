"""The functions of :mod:`tinygrad_hess.numpy` as the Python array API standard wants them.

It is the namespace of tensors, ``x.__array_namespace__()``, of version 2024.12, with the extensions
``linalg`` and ``fft``. All its arrays are tensors: what makes an array (``zeros``, ``arange``,
``nonzero``, ...) gives a constant tensor, where the functions of ``tinygrad_hess.numpy`` give
arrays. Else NumPy's rules hold where the standard leaves a choice: Python numbers and arrays are
promoted beside tensors, integers become floating in ``mean`` or ``sin``, and there are more names.
What has no derivative (``unique_values``, ...) refuses a recorded tensor.

``special`` is :mod:`tinygrad_hess.scipy.special`, which SciPy finds there under
``SCIPY_ARRAY_API=1``.

Examples
--------
>>> import tinygrad_hess as tg
>>> from tinygrad_hess.numpy import array_api as xp
>>> def entropy(p):
...     xp = p.__array_namespace__()
...     return -xp.sum(xp.where(p > 0, p * xp.log(p), xp.zeros_like(p)))
>>> print(tg.grad(entropy)(xp.asarray([0.5, 0.5])))
tensor([-0.30685282, -0.30685282])
"""

from __future__ import annotations

import functools
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

from .. import numpy as _namespace
from ..core import arguments
from ..ops import take_along_axis
from ..ops._dispatch import as_constants


def _of_tensors(module: Any, name: str) -> Any:
    """A name of a module; a function so that the arrays it gives are tensors."""
    found = getattr(module, name)
    if isinstance(found, (type, ModuleType)) or not callable(found):
        return found

    @functools.wraps(found)
    def call(*args: Any, **kwargs: Any) -> Any:
        return as_constants(found(*args, **kwargs))

    return call


def _of_frequencies(function: Any) -> Any:
    """A function of ``fft`` that makes an array, with the standard's options."""

    def call(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
        arguments.device(function.__name__, device)
        out = function(n, d)
        return as_constants(out if dtype is None else out.astype(dtype))

    call.__name__ = function.__name__
    call.__doc__ = function.__doc__
    return call


def _extension(module: Any) -> SimpleNamespace:
    return SimpleNamespace(**{name: _of_tensors(module, name) for name in module.__all__})


linalg, fft = _extension(_namespace.linalg), _extension(_namespace.fft)


linalg.trace = lambda x, /, *, offset=0, dtype=None: as_constants(
    _namespace.linalg.trace(x if dtype is None else _namespace.astype(x, dtype), offset=offset)
)
for _name in ("fftfreq", "rfftfreq"):
    setattr(fft, _name, _of_frequencies(getattr(_namespace.fft, _name)))


def linspace(
    start: Any,
    stop: Any,
    /,
    num: int,
    *,
    dtype: Any = None,
    device: Any = None,
    endpoint: bool = True,
) -> Any:
    """Evenly spaced numbers."""
    arguments.device("linspace", device)
    return as_constants(_namespace.linspace(start, stop, num, endpoint=endpoint, dtype=dtype))


def reshape(x: Any, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Any:
    """The same elements in another shape; a copy on demand."""
    out = as_constants(_namespace.reshape(x, shape))
    return _namespace.copy(out) if copy else out


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Positions that sort along an axis, up or down; ties keep their order."""
    if not descending:
        return as_constants(_namespace.argsort(x, axis))
    backward = _namespace.flip(_namespace.argsort(_namespace.flip(x, axis=axis), axis), axis=axis)
    return as_constants(x.shape[axis] - 1 - backward)


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Sort along an axis, up or down; each element keeps its own derivative."""
    if not descending:
        return as_constants(_namespace.sort(x, axis))
    return take_along_axis(x, argsort(x, axis=axis, descending=True), axis=axis)


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """Convert to another type; a copy of what has it already, on demand."""
    arguments.device("astype", device)
    same = x.dtype == dtype
    return x if same and not copy else as_constants(_namespace.astype(x, dtype))


def __getattr__(name: str) -> Any:
    if name == "special":  # SciPy takes long to load
        found: Any = import_module("..scipy.special", __package__)
    elif name.startswith("_") and name not in ("__array_api_version__", "__array_namespace_info__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    elif name == "__array_namespace_info__":
        found = _namespace.__array_namespace_info__
    else:
        found = _of_tensors(_namespace, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_namespace)})
