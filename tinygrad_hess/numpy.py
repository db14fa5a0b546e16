"""NumPy's names, differentiable: ``import tinygrad_hess.numpy as np``.

Functions take arrays and tensors alike. Constants, types, and what makes arrays or looks at them
are NumPy's own. Plain ``import numpy as np`` works on tensors as well, through NumPy's protocols;
both go through the same functions.
"""

from __future__ import annotations

from typing import Any

import numpy as _np
from numpy import (  # noqa: F401
    arange,
    bool,
    complex64,
    complex128,
    e,
    euler_gamma,
    eye,
    float16,
    float32,
    float64,
    full,
    identity,
    indices,
    inf,
    int8,
    int16,
    int32,
    int64,
    isscalar,
    linspace,
    logspace,
    meshgrid,
    nan,
    ndarray,
    newaxis,
    ones,
    pi,
    random,
    tri,
    uint8,
    zeros,
)  # fmt: skip

from . import linalg  # noqa: F401
from .ops import (  # noqa: F401
    absolute,
    add,
    all,
    any,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    argmax,
    argmin,
    argsort,
    array_split,
    astype,
    atleast_1d,
    atleast_2d,
    average,
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    broadcast_arrays,
    broadcast_to,
    cbrt,
    ceil,
    clip,
    column_stack,
    concatenate,
    copysign,
    cos,
    cosh,
    cross,
    cumprod,
    cumsum,
    deg2rad,
    diag,
    diagflat,
    diagonal,
    diff,
    divide,
    dot,
    einsum,
    equal,
    exp,
    exp2,
    expand_dims,
    expm1,
    flip,
    floor,
    floor_divide,
    fmax,
    fmin,
    fmod,
    greater,
    greater_equal,
    heaviside,
    hstack,
    hypot,
    inner,
    invert,
    isfinite,
    isinf,
    isnan,
    kron,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    matmul,
    matrix_transpose,
    matvec,
    max,
    maximum,
    mean,
    median,
    min,
    minimum,
    mod,
    moveaxis,
    multiply,
    negative,
    not_equal,
    outer,
    pad,
    positive,
    power,
    prod,
    ptp,
    rad2deg,
    ravel,
    reciprocal,
    repeat,
    reshape,
    rint,
    roll,
    rollaxis,
    sign,
    signbit,
    sin,
    sinc,
    sinh,
    sort,
    split,
    sqrt,
    square,
    squeeze,
    stack,
    std,
    subtract,
    sum,
    swapaxes,
    take,
    take_along_axis,
    tan,
    tanh,
    tensordot,
    tile,
    trace,
    transpose,
    tril,
    triu,
    trunc,
    vander,
    var,
    vdot,
    vecdot,
    vecmat,
    vstack,
)  # fmt: skip
from .ops import where as _where
from .tensors import Tensor

abs = absolute
amax, amin = max, min
degrees, radians = rad2deg, deg2rad
remainder, true_divide = mod, divide
acos, acosh, asin, asinh, atan, atan2, atanh = (
    arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh,
)  # fmt: skip
concat, permute_dims, pow, bitwise_not = concatenate, transpose, power, invert


def zeros_like(x: Any, dtype: Any = None, shape: Any = None) -> Any:
    """An array of zeros with the shape and type of ``x``."""
    return _np.zeros(_shape(x) if shape is None else shape, dtype or _dtype(x))


def ones_like(x: Any, dtype: Any = None, shape: Any = None) -> Any:
    """An array of ones with the shape and type of ``x``."""
    return _np.ones(_shape(x) if shape is None else shape, dtype or _dtype(x))


empty_like = zeros_like


def full_like(x: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Any:
    """An array of one number with the shape and type of ``x``."""
    return _np.full(_shape(x) if shape is None else shape, fill_value, dtype or _dtype(x))


def array(x: Any, dtype: Any = None) -> Any:
    """An array; where ``x`` holds tensors (a list of them, say), their differentiable stack."""
    if isinstance(x, Tensor):
        return x if dtype is None else astype(x, dtype)
    if isinstance(x, (list, tuple)) and _holds_tensor(x):
        return stack([array(item, dtype) for item in x])
    return _np.array(x, dtype=dtype)


asarray = array


def round(x: Any, decimals: int = 0) -> Any:
    """Round to that many decimals: piecewise constant."""
    return rint(x) if decimals == 0 else rint(x * 10.0**decimals) / 10.0**decimals


def nan_to_num(  # the argument is NumPy's
    x: Any,
    copy: Any = True,
    nan: Any = 0.0,  # noqa: F811
    posinf: Any = None,
    neginf: Any = None,
) -> Any:
    """Replace NaN and infinities by numbers; no derivative flows there."""
    info = _np.finfo(_dtype(x))
    for bad, number in (
        (isnan(x), nan),
        (equal(x, inf), info.max if posinf is None else posinf),
        (equal(x, -inf), info.min if neginf is None else neginf),
    ):
        x = _where(bad, _dtype(x).type(number), x)
    return x


def _holds_tensor(x: Any) -> Any:
    return isinstance(x, Tensor) or (
        isinstance(x, (list, tuple)) and _np.any([_holds_tensor(item) for item in x])
    )


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """``x`` where the condition holds, ``y`` elsewhere; with it alone, where it holds."""
    if x is None and y is None:
        return nonzero(condition)
    return _where(condition, x, y)


def _shape(x: Any) -> Any:
    return x.shape if hasattr(x, "shape") else _np.shape(x)


def _dtype(x: Any) -> Any:
    return x.dtype if hasattr(x, "dtype") else _np.asarray(x).dtype


def shape(x: Any) -> tuple[int, ...]:
    """Lengths of the axes."""
    return _shape(x)


def ndim(x: Any) -> int:
    """Number of axes."""
    return len(_shape(x))


def size(x: Any) -> int:
    """Number of elements."""
    return int(_np.prod(_shape(x), dtype=int))


def _value(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return type(x)(_value(item) for item in x)
    if not isinstance(x, Tensor):
        return x
    x._refuse_while_traced("a look at the values")
    return x.numpy() if type(x) is not Tensor else x.value


def _looks_only(function: Any, values: Any = False) -> Any:
    """A NumPy function whose answer carries no derivative: it looks at values.

    With ``values=True`` it gives values back, and refuses recorded ones.
    """

    def look(*args: Any, **kwargs: Any) -> Any:
        if values:
            for x in (*args, *kwargs.values()):
                if isinstance(x, Tensor):
                    x._refuse_to_lose_gradient(f"numpy.{function.__name__}()")
        return function(*map(_value, args), **{k: _value(v) for k, v in kwargs.items()})

    look.__name__ = look.__qualname__ = function.__name__
    look.__doc__ = f"NumPy's ``{function.__name__}``, on values: its answer carries no derivative."
    return look


allclose, isclose, array_equal = map(_looks_only, (_np.allclose, _np.isclose, _np.array_equal))
iscomplexobj, isrealobj = map(_looks_only, (_np.iscomplexobj, _np.isrealobj))
result_type, can_cast = map(_looks_only, (_np.result_type, _np.can_cast))
array2string, array_repr, array_str = map(
    _looks_only, (_np.array2string, _np.array_repr, _np.array_str)
)
count_nonzero, nonzero, flatnonzero, searchsorted, digitize = map(
    _looks_only,
    (_np.count_nonzero, _np.nonzero, _np.flatnonzero, _np.searchsorted, _np.digitize),
)
unique, bincount = _looks_only(_np.unique, values=True), _looks_only(_np.bincount, values=True)
