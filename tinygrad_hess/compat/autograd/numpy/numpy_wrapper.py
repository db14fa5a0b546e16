"""The functions of ``autograd.numpy``."""

from __future__ import annotations

import builtins as _builtins
from functools import wraps as _wraps
from types import ModuleType as _Module
from typing import Any

import numpy as _np

from .... import Tensor as _Tensor
from .... import numpy as _tnp
from ..tracer import Primitive as _Primitive
from ..tracer import getval as _getval

numpy_version = _np.__version__

globals().update(
    {
        name: getattr(_tnp, name)
        for name in dir(_tnp)
        if not name.startswith("_") and not isinstance(getattr(_tnp, name), _Module)
    }
)


def _integer_type(kind: Any) -> Any:
    """An integer type that also converts recorded arrays, whose derivative ends there."""

    def new(cls: Any, x: Any = 0) -> Any:
        return kind(_getval(x))

    return type(kind.__name__, (kind,), {"__new__": new})


int8, int16, int32, int64 = map(_integer_type, (_np.int8, _np.int16, _np.int32, _np.int64))
_original_where = _tnp.where
_astype = _tnp.astype


def _holds_arrays(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return _builtins.any(map(_holds_arrays, x))
    return isinstance(x, (_Tensor, _np.ndarray, _np.generic))


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """``x`` where the condition holds, else ``y``: Python's numbers and lists of Python's."""
    if (x is None) != (y is None):
        raise ValueError("either both or neither of x and y should be given")
    if x is None:
        return _original_where(condition)
    out = _original_where(condition, x, y)
    if _builtins.any(map(_holds_arrays, (condition, x, y))):
        return out
    return out.tolist()


custom_where = where


def _of_complex(name: str) -> Any:
    """``max`` or ``min``; of complex numbers the one that comes last or first in NumPy's order."""
    original, position = getattr(_tnp, name), getattr(_np, f"arg{name}")

    @_wraps(original)
    def extreme(a: Any, axis: Any = None, *args: Any, keepdims: Any = False, **kwargs: Any) -> Any:
        if not _np.iscomplexobj(_getval(a)) or args or kwargs:
            return original(a, axis, *args, keepdims=keepdims, **kwargs)
        x, along = (_tnp.ravel(a), 0) if axis is None else (a, axis)
        at = position(_getval(x), along, keepdims=True)
        picked = _tnp.take_along_axis(x, at, along)
        if not keepdims:
            return _tnp.squeeze(picked, along)
        return picked if axis is not None else _tnp.reshape(picked, (1,) * _tnp.ndim(a))

    return extreme


max, min = _of_complex("max"), _of_complex("min")
amax, amin = max, min


def concatenate_args(axis: Any, *args: Any) -> Any:
    """The arrays along an axis."""
    return _tnp.concatenate(args, axis)


def array_from_args(array_args: Any, array_kwargs: Any, *args: Any) -> Any:
    """An array of the arguments."""
    return _tnp.array(args, *array_args, **array_kwargs)


def wrap_if_boxes_inside(raw_array: Any, slow_op_name: str | None = None) -> Any:
    """An array of objects, some of them recorded, as a recorded array."""
    if raw_array.dtype != object:
        return raw_array
    return _tnp.reshape(_tnp.array(list(raw_array.ravel())), raw_array.shape)


def make_diagonal(D: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Matrices on the last two axes with these diagonals."""
    if (offset, axis1, axis2) != (0, -1, -2):
        raise NotImplementedError("make_diagonal only supports offset=0, axis1=-1, axis2=-2")
    return _tnp.expand_dims(D, -1) * _np.eye(_tnp.shape(D)[-1])


def metadata(A: Any) -> tuple[Any, ...]:
    """Shape, number of axes, type, and whether it is complex."""
    return _tnp.shape(A), _tnp.ndim(A), _tnp.result_type(A), _tnp.iscomplexobj(A)


def parse_einsum_input(*args: Any) -> Any:
    """The subscripts and operands of a call of ``einsum``."""
    from numpy._core import einsumfunc

    parse: Any = einsumfunc._parse_einsum_input  # type: ignore[attr-defined]
    return parse([_getval(x) for x in args])


_parse_einsum_input = parse_einsum_input


def wrap_namespace(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Make primitives of the functions of a module; their rules are to be given."""
    for name, x in old.items():
        if callable(x) and not isinstance(x, type):
            new[name] = _Primitive(x)
        elif isinstance(x, (type, int, float, type(None))):
            new[name] = x
