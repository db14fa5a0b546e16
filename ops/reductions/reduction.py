"""Reductions over axes, with NumPy's options.

An element that ``where=`` leaves out is replaced by the neutral element of the operation, and an
``initial`` value is one more element; the reduction itself knows neither.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from ...core import arguments, signatures
from ...core.errors import describe
from ...core.kinds import structured, zero
from ...core.tensor import tensor_or_array
from .._dispatch import as_floating
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import add, divide, maximum, minimum, multiply, where
from ..elementwise.comparison import equal, invert, logical_or, not_equal
from ..elementwise.complexes import conj, real, real_dtype, squared_magnitude
from ..elementwise.exponential import sqrt
from ..elementwise.identity import astype
from ..indexing.index import index
from ..shape.axes import canonical_axes, canonical_axis, shape_of
from ..shape.broadcasting import _sum, expanded_shape, ravel, reduce_sum, reshape, restore_axes
from ..shape.rearranging import broadcast, concatenate_along, moveaxis
from . import short_axes

_axis_cases = [
    ([(2, 3)], {"axis": (-2, -1), "keepdims": False}),
    ([(2, 3)], {"axis": (-1,), "keepdims": True}),
    ([(2, 3, 4)], {"axis": (-3, -1), "keepdims": False}),
]


def length_of_axes(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    n = 1
    for a in axes:
        n *= shape[a]
    return n


# ---- the options that NumPy's reductions share: where=, initial= and dtype= ----------------------

_NONE: Any = np._NoValue


def in_dtype(x: ArrayLike, dtype: Any) -> Array:
    """``x`` in this type, and as it is for None."""
    return x if dtype is None else astype(x if hasattr(x, "dtype") else np.asarray(x), dtype)


def accumulated(x: ArrayLike, dtype: Any) -> Array:
    """``x`` in the type in which NumPy adds and multiplies: no integer narrower than int64."""
    if dtype is None and (kind := dtype_of(x).kind) in "biu":
        dtype = np.result_type(dtype_of(x), np.uint64 if kind == "u" else np.int64)
    return in_dtype(x, dtype)


def dtype_of(x: ArrayLike) -> np.dtype[Any]:
    return x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype


def masked(x: ArrayLike, mask: ArrayLike, neutral: float) -> Array:
    """``x`` with the neutral element of a reduction wherever ``mask`` is false."""
    return x if mask is True else where(_boolean(mask), x, neutral)


def _boolean(mask: Array) -> Array:
    found = tensor_or_array(mask)
    if found.dtype.kind != "b":
        raise TypeError(f"where must be an array of booleans, got {describe(found)}")
    return found


def _with_initial(combine: Any, reduced: Array, initial: Array) -> Array:
    """An initial value counts as one more element."""
    return reduced if initial is _NONE or initial is None else combine(reduced, initial)


def count(
    x: ArrayLike, axes: tuple[int, ...], keepdims: bool = False, mask: ArrayLike = True
) -> Array:
    """The number of elements reduced to each result: an array if a mask decides."""
    shape = shape_of(x)
    if mask is True:
        return length_of_axes(shape, axes)
    mask = _boolean(mask)
    counted = astype(mask if shape_of(mask) == shape else broadcast(mask, shape), np.intp)
    return astype(reduce_sum(counted, axis=axes, keepdims=keepdims), real_dtype(inexact_dtype(x)))


def inexact_dtype(x: Array) -> Any:
    dtype = getattr(x, "dtype", np.dtype(float))
    return dtype if dtype.kind in "fc" else np.dtype(float)


# ---- sums, means and deviations ------------------------------------------------------------------


def sum(
    x: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    initial: ArrayLike = _NONE,
    where: ArrayLike = True,
) -> Array:
    """Sum over axes, of what ``where`` keeps, on top of ``initial``.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: (x.sum(axis=0) ** 2).sum())(np.ones((2, 3)))
    array([[4., 4., 4.],
           [4., 4., 4.]])
    >>> tg.grad(lambda x: np.sum(x**2, where=x > 0))(np.array([1.0, -2.0, 3.0]))
    array([ 2., -0.,  6.])
    """
    if where is not True:
        x = masked(x, where, 0)
    if dtype is not None:
        x = in_dtype(x, dtype)
    axes = canonical_axes(axis, len(shape_of(x)), "sum")
    if type(keepdims) is not bool:
        keepdims = arguments.flag("sum", "keepdims", keepdims)
    out = reduce_sum(x, axis=axes, keepdims=keepdims)
    return out if initial is _NONE else _with_initial(add, out, initial)


def mean(
    x: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    where: ArrayLike = True,
) -> Array:
    """Arithmetic mean over axes, of what ``where`` keeps."""
    keepdims, have = bool(keepdims), dtype_of(x)
    half = dtype is None and have == np.float16
    if half or (dtype is None and have.kind in "biu"):  # sums of these overflow early
        dtype = np.float32 if half else np.float64
    x = in_dtype(x, dtype)
    axes = canonical_axes(axis, len(shape_of(x)), "mean")
    total = reduce_sum(masked(x, where, 0), axis=axes, keepdims=keepdims)
    out = divide(total, count(x, axes, keepdims, where))
    return astype(out, have) if half else out


def deviations(
    x: ArrayLike, axes: tuple[int, ...], mask: ArrayLike = True, centre: ArrayLike = _NONE
) -> Array:
    """``x`` less its mean or another centre; 0 where the mask leaves it out."""
    centre = mean(x, axes, keepdims=True, where=mask) if centre is _NONE else centre
    return masked(x - centre, mask, 0)


def _degrees_of_freedom(
    x: Array, axes: tuple[int, ...], ddof: float, keepdims: bool, mask: Array
) -> Array:
    """Counts less ``ddof``; from 0 on, where quotients are NaN or infinite, as in NumPy."""
    free = count(x, axes, keepdims, mask) - ddof
    return (
        real_dtype(inexact_dtype(x)).type(builtins.max(free, 0))
        if mask is True
        else maximum(free, 0)
    )


def var(
    x: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    where: ArrayLike = True,
    mean: ArrayLike = _NONE,
    correction: Any = _NONE,
) -> Array:
    """Variance over axes, of what ``where`` keeps: squared deviations over their count - ddof.

    They are deviations from ``mean`` where that is given. Of complex numbers it is that of the
    absolute values: a real number.
    """
    x, keepdims = in_dtype(x, dtype), bool(keepdims)
    axes = canonical_axes(axis, len(shape_of(x)), "var")
    centred = deviations(x, axes, where, mean)
    total = reduce_sum(squared_magnitude(centred), axis=axes, keepdims=keepdims)
    ddof = ddof if correction is _NONE else correction
    return divide(total, _degrees_of_freedom(centred, axes, ddof, keepdims, where))


def std(
    x: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    where: ArrayLike = True,
    mean: ArrayLike = _NONE,
    correction: Any = _NONE,
) -> Array:
    """Standard deviation over axes, the root of :func:`var`.

    Of constants its derivative is 0, by symmetry.
    """
    x, keepdims = in_dtype(x, dtype), bool(keepdims)
    axes = canonical_axes(axis, len(shape_of(x)), "std")
    centred = deviations(x, axes, where, mean)
    length = norm_along(centred, axis=axes, keepdims=keepdims)
    ddof = ddof if correction is _NONE else correction
    return divide(length, np.sqrt(_degrees_of_freedom(centred, axes, ddof, keepdims, where)))


def average(x: ArrayLike, axis: Any = None, weights: ArrayLike = None) -> Array:
    """Mean over axes, weighted by an array of the same shape or, along one axis, a vector."""
    if weights is None:
        return mean(x, axis)
    x, weights = as_floating(x), as_floating(weights)  # products of integers overflow
    shape, along = shape_of(x), shape_of(weights)
    if along != shape:
        axes = canonical_axes(axis, len(shape), "average")
        if len(axes) != 1 or along != (shape[axes[0]],):
            raise ValueError(
                f"average: weights of shape {along} fit neither {shape} nor axis={axis!r} of it"
            )
        weights = reshape(weights, shape=(*along, *(1,) * (-axes[0] - 1)))
    return sum(x * weights, axis) / sum(broadcast(weights, shape), axis)


# ---- norms ---------------------------------------------------------------------------------------


def _norm(x: Array, *, axis: Any, keepdims: bool) -> Array:
    squares = x * x if x.dtype.kind != "c" else np.square(x.real) + np.square(x.imag)
    return np.sqrt(_sum(squares, axis=axis, keepdims=keepdims))


def _direction(x: Array, y: Array, axis: Any, keepdims: bool) -> Array:
    length = restore_axes(y, x.shape, axis, keepdims)
    return conj(x) / where(equal(length, 0), 1.0, length)


def _lowered_norm(emit: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    if x.dtype.kind != "f":
        return None
    return emit(sqrt, emit(reduce_sum, emit(multiply, x, x), axis=axis, keepdims=keepdims))


norm_along: Any = structured(
    "norm",
    _norm,
    lowered=_lowered_norm,
    jvp=lambda t, y, x, axis, keepdims: reduce_sum(
        real(t * _direction(x, y, axis, keepdims)), axis=axis, keepdims=keepdims
    ),
    vjp=lambda g, y, x, axis, keepdims: (
        restore_axes(g, x.shape, axis, keepdims) * _direction(x, y, axis, keepdims)
    ),
    on_complex=True,
    signature=signatures.over_axis,
    cases=_axis_cases,
    edges=[((np.zeros(3), {"axis": (-1,), "keepdims": False}), (np.zeros(3),))],
    doc="Euclidean length over axes. At 0 its derivative is 0; the second is not defined there.",
)


def squared_norm(x: ArrayLike, axis: Any = None, keepdims: bool = False) -> Array:
    """Sum of squared absolute values over axes: smooth at 0 too, with Hessian 2."""
    return sum(squared_magnitude(x), axis, keepdims=keepdims)


# ---- largest and smallest -----------------------------------------------------------------------


def _tie_share(x: Array, *, axis: Any) -> Array:
    x = np.asarray(x)
    top = short_axes.reduce(np.maximum, x, axis, True)
    selected = x == top
    if np.isnan(top).any():
        selected |= np.isnan(x) & np.isnan(top)
    dtype = np.result_type(x, np.float16)
    share = selected.astype(dtype)
    count = short_axes.reduce(np.add, share, axis, True)
    return share / count


def _lowered_tie_share(emit: Any, x: Any, axis: Any) -> Any:
    if x.dtype.kind != "f":
        return None
    top = emit(reduce_max, x, axis=axis, keepdims=True)
    selected = emit(logical_or, emit(equal, x, top), emit(not_equal, x, x))  # NaN is no top
    one, nothing = (emit.constant(x.dtype.type(n)) for n in (1, 0))
    share = emit(where, selected, one, nothing)
    return emit(divide, share, emit(reduce_sum, share, axis=axis, keepdims=True))


tie_share = zero(
    "tie_share",
    _tie_share,
    along=True,
    lowered=_lowered_tie_share,
    signature=signatures.along_axis,
    label="share",
    cases=[([(2, 3)], {"axis": (-1,)}), ([(2, 3)], {"axis": (-2, -1)})],
    doc="Each element's share in the maximum: tied ones share evenly, a NaN takes all.",
)

reduce_max = structured(
    "amax",
    lambda x, *, axis, keepdims: short_axes.reduce(np.maximum, np.asarray(x), axis, keepdims),
    jvp=lambda t, y, x, axis, keepdims: reduce_sum(
        t * tie_share(x, axis=axis), axis=axis, keepdims=keepdims
    ),
    vjp=lambda g, y, x, axis, keepdims: (
        restore_axes(g, x.shape, axis, keepdims) * tie_share(x, axis=axis)
    ),
    label="max",
    signature=signatures.over_axis,
    reduction=np.maximum,
    cases=_axis_cases,
    edges=[
        ((np.array([1.0, 1, 0]), {"axis": (-1,), "keepdims": False}), (np.array([0.5, 0.5, 0]),)),
        ((np.array([1.0, np.nan]), {"axis": (-1,), "keepdims": False}), (np.array([0.0, 1]),)),
    ],
)


def max(
    x: ArrayLike,
    axis: Any = None,
    keepdims: bool = False,
    initial: ArrayLike = _NONE,
    where: ArrayLike = True,
) -> Array:
    """Largest over axes of ``initial`` and what ``where`` keeps; ties share the derivative."""
    if where is not True:
        x = _masked_with_initial(initial, x, where, -1, "max")
    axes = canonical_axes(axis, len(shape_of(x)), "max")
    return _with_initial(maximum, reduce_max(x, axis=axes, keepdims=bool(keepdims)), initial)


def min(
    x: ArrayLike,
    axis: Any = None,
    keepdims: bool = False,
    initial: ArrayLike = _NONE,
    where: ArrayLike = True,
) -> Array:
    """Smallest over axes of ``initial`` and what ``where`` keeps; ties share the derivative."""
    if where is not True:
        x = _masked_with_initial(initial, x, where, 1, "min")
    axes = canonical_axes(axis, len(shape_of(x)), "min")
    smallest = opposite(reduce_max(opposite(x), axis=axes, keepdims=bool(keepdims)))
    return _with_initial(minimum, smallest, initial)


def opposite(x: ArrayLike) -> Array:
    """What has the opposite order: -x, but ~x of integers, which cannot overflow."""
    return invert(x) if dtype_of(x).kind in "biu" else -x


def _masked_with_initial(initial: Array, x: Array, mask: Array, end: int, who: str) -> Array:
    """The largest (``end=1``) or smallest number of the type where the mask is false."""
    if initial is _NONE or initial is None:
        raise ValueError(f"{who}: with where=, give an initial value: nothing may be left")
    dtype = dtype_of(x)
    if dtype.kind == "b":
        return masked(x, mask, end > 0)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return masked(x, mask, info.max if end > 0 else info.min)
    return masked(x, mask, end * np.inf)


def ptp(x: ArrayLike, axis: Any = None, keepdims: bool = False) -> Array:
    """Range of the values: largest less smallest."""
    return max(x, axis, keepdims) - min(x, axis, keepdims)


def _arg(name: str, fn: Any) -> Any:
    return zero(
        name,
        fn,
        along=True,
        signature=signatures.over_axis,
        cases=[([(2, 3)], {"axis": -1, "keepdims": False})],
    )


argmax_along = _arg("argmax", lambda x, *, axis, keepdims: np.argmax(x, axis, keepdims=keepdims))
argmin_along = _arg("argmin", lambda x, *, axis, keepdims: np.argmin(x, axis, keepdims=keepdims))


def _position(find: Any, x: ArrayLike, axis: int | None, keepdims: bool, who: str) -> Array:
    keepdims = arguments.flag(who, "keepdims", keepdims)
    if axis is not None:
        axis = canonical_axis(axis, len(shape_of(x)), who)
        return find(x, axis=axis, keepdims=keepdims)
    found = find(ravel(x), axis=-1, keepdims=False)
    return reshape(found, shape=(1,) * len(shape_of(x))) if keepdims else found


def argmax(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Array:
    """Index of the largest element (along an axis, or in the flattened array)."""
    return _position(argmax_along, x, axis, keepdims, "argmax")


def argmin(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Array:
    """Index of the smallest element (along an axis, or in the flattened array)."""
    return _position(argmin_along, x, axis, keepdims, "argmin")


# ---- truth --------------------------------------------------------------------------------------

any_along = zero(
    "any",
    lambda x, *, axis, keepdims: np.any(x, axis=axis, keepdims=keepdims),
    along=True,
    signature=signatures.over_axis,
    on_complex=True,
    cases=_axis_cases,
)
all_along = zero(
    "all",
    lambda x, *, axis, keepdims: np.all(x, axis=axis, keepdims=keepdims),
    along=True,
    signature=signatures.over_axis,
    on_complex=True,
    cases=_axis_cases,
)


def any(x: ArrayLike, axis: Any = None, keepdims: bool = False) -> Array:
    """Whether any element over the axes is true."""
    return any_along(x, axis=canonical_axes(axis, len(shape_of(x)), "any"), keepdims=keepdims)


def all(x: ArrayLike, axis: Any = None, keepdims: bool = False) -> Array:
    """Whether all elements over the axes are true."""
    return all_along(x, axis=canonical_axes(axis, len(shape_of(x)), "all"), keepdims=keepdims)


# ---- products: by halving, so that zeros among the factors need no special case -----------------


def prod(
    x: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    initial: ArrayLike = _NONE,
    where: ArrayLike = True,
) -> Array:
    """Product over axes, of what ``where`` keeps, times ``initial``.

    It is right to every order also where factors are zero: they are multiplied in pairs, then
    pairs of pairs, with no division, in log2(n) operations.
    """
    x = accumulated(masked(x, where, 1), dtype)
    shape = shape_of(x)
    ndim = len(shape)
    axes = canonical_axes(axis, ndim, "prod")
    keep = [a for a in range(-ndim, 0) if a not in axes]
    x = moveaxis(x, axes, range(-len(axes), 0)) if axes else x
    x = reshape(x, shape=(*(shape[a] for a in keep), length_of_axes(shape, axes)))
    while (n := shape_of(x)[-1]) > 1:
        half = n // 2
        paired = index(x, (Ellipsis, slice(0, half))) * index(x, (Ellipsis, slice(half, 2 * half)))
        x = paired if n % 2 == 0 else concatenate_along(
            paired, index(x, (Ellipsis, slice(n - 1, n))), axis=-1
        )  # fmt: skip
    if n == 0:
        x = concatenate_along(x, np.ones((*shape_of(x)[:-1], 1), inexact_dtype(x)), axis=-1)
    final = expanded_shape(shape, axes) if keepdims else tuple(shape[a] for a in keep)
    return _with_initial(multiply, reshape(x, shape=final), initial)
