"""Plain NumPy calls on tensors: ``np.tanh(x)``, ``np.concatenate([x, y])``, ``array * x``.

NumPy asks its operands through two protocols. Both are answered from one table, made from the
names of :mod:`tinygrad_hess.numpy`, or else by the primitive that is declared for the function;
what has neither is refused by name.
"""

from __future__ import annotations

import functools
import sys
from importlib import import_module
from typing import Any

import numpy as np

from .. import numpy as namespace
from ..core.deferring import PRIORITY, comes_first
from ..core.errors import NonDifferentiableError, operands
from ..core.tensor import Tensor
from ..ops import cummax, cummin
from ..ops._dispatch import Parameters, is_recorded, takes_as_given, values
from ..ops._rows import row_of
from ..ops.indexing.scatter import add_at, combine_at

TABLE: dict[Any, Any] = {
    getattr(np, name): function
    for name, function in vars(namespace).items()
    if callable(function) and not name.startswith("_") and hasattr(np, name)
    if not isinstance(getattr(np, name), type) and getattr(np, name) is not function
}
TABLE |= {
    getattr(np.linalg, name): getattr(namespace.linalg, name)
    for name in namespace.linalg.__all__
    if name != "LinAlgError"
}
TABLE |= {
    getattr(np.fft, name): getattr(namespace.fft, name)
    for name in namespace.fft.__all__
    if getattr(np.fft, name) is not getattr(namespace.fft, name)
}

_REDUCTIONS: dict[tuple[Any, str], Any] = {
    (np.add, "reduce"): namespace.sum,
    (np.multiply, "reduce"): namespace.prod,
    (np.maximum, "reduce"): namespace.max,
    (np.minimum, "reduce"): namespace.min,
    (np.add, "accumulate"): namespace.cumsum,
    (np.multiply, "accumulate"): namespace.cumprod,
    (np.maximum, "accumulate"): lambda x, axis=0: cummax(x, axis)[0],
    (np.minimum, "accumulate"): lambda x, axis=0: cummin(x, axis)[0],
}


_COUNTS = "counts are piecewise constant, and edges may come from the data"
_SETS = "how many elements there are changes where two of them meet"
WHY: dict[str, str] = {
    **dict.fromkeys(("histogram", "histogram2d", "histogramdd", "histogram_bin_edges"), _COUNTS),
    **dict.fromkeys(("intersect1d", "union1d", "setdiff1d", "setxor1d"), _SETS),
    **dict.fromkeys(("unique", "unique_all", "unique_counts", "unique_inverse"), _SETS),
    "unique_values": _SETS,
    "nextafter": "a step of one rounding is no function that can be differenced",
    "sort_complex": "a real array would become complex to be sorted; use sort",
    "require": "memory layout is NumPy's alone",
    "asarray_chkfinite": "check x with np.isfinite, and keep the tensor",
}
"""Why a function of NumPy's that looks differentiable is refused here."""


def _refuse(name: str, args: Any, why: str) -> Any:
    raise NonDifferentiableError(
        f"{name}({operands(args)}): {why} Use functions of tinygrad_hess.numpy; or, where no "
        "gradient should flow, pass x.numpy() instead of the tensor."
    )


def _array_ufunc(self: Tensor, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
    if not kwargs and method == "__call__" and ufunc in TABLE:
        try:
            return TABLE[ufunc](*args)
        except TypeError:
            if any(map(comes_first, args)):
                return NotImplemented
            raise
    special = ufunc not in TABLE and _is_special(ufunc)
    name = f"{'scipy.special' if special else 'numpy'}.{ufunc.__name__}"
    name += "" if method == "__call__" else f".{method}"
    out = kwargs.pop("out", None)
    if out is not None and any(o is not None for o in out):
        if len(out) > 1 or not isinstance(out[0], Tensor):
            _refuse(name, args, "writing a tensor's result into out= would lose its gradient.")
        out[0][...] = getattr(ufunc, method)(*args, **kwargs)
        return out[0]
    if special:  # the table grows on first use: scipy.special takes long to load
        TABLE.update(import_module("..scipy.special", __package__).UFUNCS)
    function = TABLE.get(ufunc) or _declared(ufunc)
    if method == "at" and len(args) == 3 and function is not None and isinstance(args[0], Tensor):
        x, key, value = args
        x[...] = add_at(x, key, value) if ufunc is np.add else combine_at(x, key, value, function)
        return None
    if method != "__call__":
        function = _REDUCTIONS.get((ufunc, method))
        if function is not None and "axis" not in kwargs and len(args) == 1:
            kwargs["axis"] = 0  # a ufunc's own default
    if function is None and not is_recorded((args, kwargs)):
        return getattr(ufunc, method)(*values(args), **values(kwargs))  # nothing to differentiate
    if function is None:
        _refuse(name, args, _no_derivative(ufunc.__name__))
    return _call(function, name, args, kwargs)


def _declared(function: Any) -> Any:
    """The primitive that is declared for a function, or None."""
    row = row_of(function)
    return None if row is None else row.call


def _no_derivative(name: str) -> str:
    why = WHY.get(name)
    return f"this NumPy function has no derivative here{': ' + why if why else ''}."


def _is_special(ufunc: Any) -> bool:
    """Whether it is one of ``scipy.special``, which the caller must have loaded then."""
    module = sys.modules.get("scipy.special")
    return getattr(module, ufunc.__name__, None) is ufunc


_SAVING = (np.save, np.savez, np.savez_compressed, np.savetxt)


def _array_function(self: Tensor, func: Any, kinds: Any, args: Any, kwargs: Any) -> Any:
    name = f"{func.__module__}.{func.__name__}"
    function = TABLE.get(func) or _declared(func)
    if function is None and (func in _SAVING or not is_recorded((args, kwargs))):
        return func(*values(args), **values(kwargs))  # nothing to differentiate
    if function is None:
        _refuse(name, args, _no_derivative(func.__name__))
    if kwargs or not takes_as_given(function, args):
        args, kwargs = _parameters(func).by_position(args, kwargs)
    return _call(function, name, args, kwargs)


_parameters = functools.lru_cache(maxsize=512)(Parameters)


def _call(function: Any, name: str, args: Any, kwargs: dict[str, Any]) -> Any:
    if not kwargs:
        return function(*args)
    options = {
        k: v
        for k, v in kwargs.items()
        if v is not np._NoValue and (v is not None or k == "axis")  # None is a choice of axis
    }
    parameters = _parameters(function)
    if not parameters.accept(options):
        unknown = [k for k in options if not parameters.accept([k])]
        _refuse(name, args, f"the argument {unknown[0]!r} is not supported here.")
    return function(*args, **options)


def install() -> None:
    """Teach :class:`Tensor` both protocols, and to come before arrays in mixed operators."""
    Tensor.__array_ufunc__ = _array_ufunc  # type: ignore[attr-defined]
    Tensor.__array_function__ = _array_function  # type: ignore[attr-defined]
    Tensor.__array_priority__ = PRIORITY  # type: ignore[attr-defined]
