"""NumPy's names, differentiable: ``import tinygrad_hess.numpy as np``.

Functions take arrays and tensors alike. Constants, types, and what makes or inspects arrays are
NumPy's own, and so is every name that is not defined here: those functions refuse tensors.
Primitives are found by NumPy's names without being named here, those that a user declares as well.
Plain ``import numpy as np`` works on tensors as well, through NumPy's protocols; both go through
the same functions. ``tg.supported()`` lists them all.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

import numpy as _np
from numpy import (
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
    identity,
    indices,
    inf,
    int8,
    int16,
    int32,
    int64,
    isscalar,
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

from ..core import arguments as _arguments
from ..core.boundary import all_named as _all_named
from ..core.registry import REGISTRY as _REGISTRY
from ..core.tensor import Tensor
from ..ops import (
    absolute,
    all,
    angle,
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
    broadcast_arrays,
    broadcast_to,
    clip,
    column_stack,
    concatenate,
    conj,
    cross,
    deg2rad,
    diag,
    diagflat,
    diagonal,
    diff,
    divide,
    dot,
    einsum,
    equal,
    expand_dims,
    flip,
    hstack,
    imag,
    inner,
    invert,
    isnan,
    kron,
    left_shift,
    matmul,
    matrix_transpose,
    matvec,
    mod,
    moveaxis,
    outer,
    pad,
    power,
    ptp,
    rad2deg,
    ravel,
    real,
    real_if_close,
    repeat,
    reshape,
    right_shift,
    rint,
    roll,
    rollaxis,
    sign,
    sinc,
    sort,
    split,
    squeeze,
    stack,
    swapaxes,
    take,
    take_along_axis,
    tensordot,
    tile,
    trace,
    transpose,
    tril,
    triu,
    vander,
    vdot,
    vecdot,
    vecmat,
    vstack,
)
from ..ops import where as _where
from ..ops._dispatch import contains_tensor as _contains_tensor
from ..ops._dispatch import dispatched as _dispatched
from ..ops._dispatch import items_as_arrays as _items_as_arrays
from ..ops._dispatch import on_tensors as _on_tensors
from ..ops._rows import row_of as _row_of
from ..ops.elementwise.floating_parts import (
    divmod,
    fabs,
    fix,
    float_power,
    frexp,
    ldexp,
    modf,
    spacing,
)
from ..ops.indexing.choosing import (
    apply_along_axis,
    apply_over_axes,
    choose,
    compress,
    extract,
    piecewise,
    select,
)
from ..ops.indexing.scatter import add_at as _add_at
from ..ops.reductions.ordering import digitize, searchsorted
from ..ops.reductions.quantiles import (
    median,
    nanmedian,
    nanpercentile,
    nanquantile,
    partition,
    percentile,
    quantile,
)
from ..ops.reductions.reduction import max, mean, min, prod, std, sum, var
from ..ops.reductions.scans import cumprod, cumsum, cumulative_prod, cumulative_sum
from ..ops.reductions.without_nan import (
    nanargmax,
    nanargmin,
    nancumprod,
    nancumsum,
    nanmax,
    nanmean,
    nanmin,
    nanprod,
    nanstd,
    nansum,
    nanvar,
)
from ..ops.shape.editing import (
    append,
    atleast_3d,
    block,
    copy,
    delete,
    dsplit,
    dstack,
    fliplr,
    flipud,
    hsplit,
    insert,
    meshgrid,
    resize,
    rot90,
    trim_zeros,
    unstack,
    vsplit,
)
from ..ops.shape.spaced import geomspace, linspace, logspace
from ..ops.signal.calculus import ediff1d, gradient, interp, trapezoid, unwrap
from ..ops.signal.correlation import convolve, corrcoef, correlate, cov
from ..ops.signal.polynomials import (
    poly,
    polyadd,
    polyder,
    polydiv,
    polyfit,
    polyint,
    polymul,
    polysub,
    polyval,
    roots,
)
from . import fft, linalg
from ._concatenation import c_, r_
from ._in_place import copyto, fill_diagonal, place, put, put_along_axis, putmask

if TYPE_CHECKING:  # primitives with NumPy's names, which are bound below
    from ._rows import *  # noqa: F403

_joining = (concatenate, stack, vstack, hstack, column_stack, dstack)  # sequences of arrays
globals().update(
    _dispatched(globals(), _np, keep=(astype,), lists=dict.fromkeys(_joining, _items_as_arrays))
)

abs = absolute
amax, amin = max, min
degrees, radians = rad2deg, deg2rad
remainder, true_divide = mod, divide
acos, acosh, asin, asinh, atan, atan2, atanh = (
    arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh,
)  # fmt: skip
concat, permute_dims, pow = concatenate, transpose, power
bitwise_not = bitwise_invert = invert
bitwise_left_shift, bitwise_right_shift = left_shift, right_shift

__array_api_version__ = "2024.12"
__array_namespace_info__ = _np.__array_namespace_info__
conjugate = conj


def zeros_like(x: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Any:
    """An array of zeros with the shape and type of ``x``."""
    _arguments.device("zeros_like", device)
    return _np.zeros(_shape(x) if shape is None else shape, dtype or _dtype(x))


def ones_like(x: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Any:
    """An array of ones with the shape and type of ``x``."""
    _arguments.device("ones_like", device)
    return _np.ones(_shape(x) if shape is None else shape, dtype or _dtype(x))


empty_like = zeros_like


def full(
    shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", *, device: Any = None
) -> Any:
    """An array of one value, or of one array's values repeated; a derivative flows to these."""
    _arguments.device("full", device)
    if not _contains_tensor(fill_value):
        return _np.full(shape, fill_value, dtype, order)  # type: ignore[call-overload]
    return broadcast_to(array(fill_value, dtype), shape)


def full_like(
    x: Any, fill_value: Any, dtype: Any = None, shape: Any = None, *, device: Any = None
) -> Any:
    """An array of one value with the shape and type of ``x``; a derivative flows to the value."""
    shape = _shape(x) if shape is None else shape
    return full(shape, fill_value, dtype or _dtype(x), device=device)


def array(
    x: Any,
    dtype: Any = None,
    *,
    copy: Any = True,  # noqa: F811
    order: str = "K",
    ndmin: int = 0,
) -> Any:
    """An array; where ``x`` holds tensors (a list of them, say), their differentiable stack."""
    if not _contains_tensor(x):
        return _np.array(x, dtype=dtype, copy=copy, order=order, ndmin=ndmin)  # type: ignore[call-overload]
    if not isinstance(x, Tensor):
        x = stack([array(item, dtype) for item in x])
    elif copy or dtype is not None:
        x = astype(x, x.dtype if dtype is None else dtype)  # another tensor, to be changed alone
    missing = ndmin - len(x.shape)
    return reshape(x, (*(1,) * missing, *x.shape)) if missing > 0 else x


def asarray(
    x: Any,
    dtype: Any = None,
    order: Any = None,
    *,
    copy: Any = None,  # noqa: F811
    device: Any = None,
) -> Any:
    """The same, without a copy of what is an array already."""
    _arguments.device("asarray", device)
    if not _contains_tensor(x):
        return _np.asarray(x, dtype, order, copy=copy)
    if isinstance(x, Tensor) and not copy and dtype in (None, x.dtype):
        return x
    return array(x, dtype, copy=bool(copy))


def asanyarray(x: Any, dtype: Any = None, order: Any = None) -> Any:
    """The same; tensors know no order in memory."""
    if order is not None:
        _arguments.choice("asanyarray", "order", order, ("K", "A", "C", "F", "k", "a", "c", "f"))
    return asarray(x, dtype)


def ascontiguousarray(x: Any, dtype: Any = None) -> Any:
    """The same, of at least one axis."""
    return atleast_1d(asarray(x, dtype))


asfortranarray = ascontiguousarray


@_on_tensors(_np.round)
def round(x: Any, decimals: int = 0) -> Any:
    """Round to that many decimals: piecewise constant. Integers stay of their type."""
    if _dtype(x).kind in "iu":
        return x if decimals >= 0 else astype(round(astype(x, float), decimals), _dtype(x))
    return rint(x) if decimals == 0 else rint(x * 10.0**decimals) / 10.0**decimals


around = round


@_on_tensors(_np.nan_to_num)
def nan_to_num(  # the argument is NumPy's
    x: Any,
    copy: Any = True,  # noqa: F811
    nan: Any = 0.0,  # noqa: F811
    posinf: Any = None,
    neginf: Any = None,
) -> Any:
    """Replace NaN and infinities by numbers; no derivative flows there.

    Of complex numbers, in the real and the imaginary parts.
    """
    if not copy and isinstance(x, Tensor):  # in place, as in NumPy
        x[...] = nan_to_num(x, True, nan, posinf, neginf)
        return x
    if _dtype(x).kind in "biu":
        return x
    if _dtype(x).kind == "c":
        parts = (nan_to_num(part, True, nan, posinf, neginf) for part in (real(x), imag(x)))
        return next(parts) + 1j * next(parts)
    info = _np.finfo(_dtype(x))
    for bad, number in (
        (isnan(x), nan),
        (equal(x, inf), info.max if posinf is None else posinf),
        (equal(x, -inf), info.min if neginf is None else neginf),
    ):
        x = _where(bad, _dtype(x).type(number), x)
    return x


@_on_tensors(_np.where)
def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """``x`` where the condition holds, ``y`` elsewhere; with it alone, where it holds."""
    if x is None and y is None:
        return nonzero(condition)
    if x is None or y is None:
        raise ValueError("where: give both x and y, or neither")
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


def _tensors(x: Any) -> list[Any]:
    if isinstance(x, (list, tuple)):
        return [t for item in x for t in _tensors(item)]
    return [x] if isinstance(x, Tensor) else []


def _on_values(function: Any, returns_elements: Any = False) -> Any:
    """A NumPy function that has no derivative, called on values.

    With ``returns_elements=True`` it returns elements of its operands, and refuses recorded ones.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        if returns_elements:
            for x in _tensors((*args, *kwargs.values())):
                x._refuse_to_lose_gradient(f"numpy.{function.__name__}()")
        return function(*map(_value, args), **{k: _value(v) for k, v in kwargs.items()})

    call.__name__ = call.__qualname__ = function.__name__
    call.__doc__ = f"NumPy's ``{function.__name__}``, on values: it has no derivative."
    return call


def _on_shape(function: Any) -> Any:
    """A NumPy function of the shape of its first argument alone."""

    def call(arr: Any, *args: Any, **kwargs: Any) -> Any:
        return function(_np.broadcast_to(_np.zeros(()), _shape(arr)), *args, **kwargs)

    call.__name__ = call.__qualname__ = function.__name__
    call.__doc__ = f"NumPy's ``{function.__name__}``, which depends on the shape alone."
    return call


def _on_dtypes(function: Any) -> Any:
    """A NumPy function of the dtypes of its arguments alone."""

    def call(*args: Any) -> Any:
        return function(*(_np.zeros(0, x.dtype) if isinstance(x, Tensor) else x for x in args))

    call.__name__ = call.__qualname__ = function.__name__
    call.__doc__ = f"NumPy's ``{function.__name__}``, which depends on types alone."
    return call


allclose, isclose, array_equal, array_equiv = map(
    _on_values, (_np.allclose, _np.isclose, _np.array_equal, _np.array_equiv)
)
iscomplex, isreal = map(_on_values, (_np.iscomplex, _np.isreal))
iscomplexobj, isrealobj, result_type, common_type = map(
    _on_dtypes, (_np.iscomplexobj, _np.isrealobj, _np.result_type, _np.common_type)
)
can_cast, min_scalar_type = map(_on_values, (_np.can_cast, _np.min_scalar_type))
array2string, array_repr, array_str = map(
    _on_values, (_np.array2string, _np.array_repr, _np.array_str)
)
count_nonzero, nonzero, flatnonzero, argwhere, argpartition, lexsort = map(
    _on_values,
    (_np.count_nonzero, _np.nonzero, _np.flatnonzero, _np.argwhere, _np.argpartition, _np.lexsort),
)
isin, shares_memory, may_share_memory, iterable = map(
    _on_values, (_np.isin, _np.shares_memory, _np.may_share_memory, _np.iterable)
)
einsum_path = _on_values(_np.einsum_path)
diag_indices_from, tril_indices_from, triu_indices_from = map(
    _on_shape, (_np.diag_indices_from, _np.tril_indices_from, _np.triu_indices_from)
)
unique = _on_values(_np.unique, returns_elements=True)


@_on_tensors(_np.isposinf)
def isposinf(x: Any) -> Any:
    """Whether each element is plus infinity."""
    return equal(x, inf)


@_on_tensors(_np.isneginf)
def isneginf(x: Any) -> Any:
    """Whether each element is minus infinity."""
    return equal(x, -inf)


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each number from 0 on occurs, or the sums of the weights of its occurrences."""
    x = _value(x)
    if not isinstance(weights, Tensor):
        return _np.bincount(x, weights, minlength)
    sums = _np.zeros(len(_np.bincount(x, minlength=minlength)))
    return _add_at(sums, x, astype(weights, sums.dtype))


@_on_tensors(_np.i0)
def i0(x: Any) -> Any:
    """The modified Bessel function of order 0, by SciPy."""
    bessel = _import_module("..ops.special.bessel", __package__)  # loading scipy.special takes time
    y = bessel.i0(x if isinstance(x, Tensor) else _np.asarray(x, float))
    return astype(y, x.dtype) if _dtype(x) == _np.float16 else y


globals().update(_all_named(globals()))
globals().update(
    (row.name, row.call)
    for row in _REGISTRY.values()
    if row.name not in globals() and _row_of(vars(_np).get(row.name)) is row
)


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    theirs = getattr(_np, name)
    row = _row_of(theirs)
    return theirs if row is None else row.call


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_np)})
