"""Reductions and scans over axes."""

from __future__ import annotations

import builtins
import functools
import math
from typing import Any

import numpy as np

from ...core import signatures
from ...core.kinds import elementwise, linear, structured, zero
from ..elementwise.arithmetic import absolute, add, divide, subtract, where
from ..elementwise.comparison import equal
from ..elementwise.complexes import conj, real, real_dtype, squared_magnitude
from ..elementwise.exponential import exp, log
from ..indexing.index import index
from ..shape.axes import canonical_axes, canonical_axis, shape_of
from ..shape.broadcasting import _sum, expanded_shape, ravel, reduce_sum, reshape, spread, sum
from ..shape.rearranging import broadcast, concatenate_along, moveaxis
from . import short_axes

_axis_cases = [
    ([(2, 3)], {"axis": (-2, -1), "keepdims": False}),
    ([(2, 3)], {"axis": (-1,), "keepdims": True}),
    ([(2, 3, 4)], {"axis": (-3, -1), "keepdims": False}),
]


def _length(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    n = 1
    for a in axes:
        n *= shape[a]
    return n


# ---- means and spreads --------------------------------------------------------------------------


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Arithmetic mean over axes."""
    shape = shape_of(x)
    axes = canonical_axes(axis, len(shape), "mean")
    return divide(reduce_sum(x, axis=axes, keepdims=keepdims), _length(shape, axes))


def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """Mean over axes, weighted by an array of the same shape or, along one axis, a vector."""
    if weights is None:
        return mean(x, axis)
    shape, along = shape_of(x), shape_of(weights)
    if along != shape:
        axes = canonical_axes(axis, len(shape), "average")
        if len(axes) != 1 or along != (shape[axes[0]],):
            raise ValueError(
                f"average: weights of shape {along} fit neither {shape} nor axis={axis!r} of it"
            )
        weights = reshape(weights, shape=(*along, *(1,) * (-axes[0] - 1)))
    return sum(x * weights, axis) / sum(broadcast(weights, shape), axis)


def _centred(x: Any, axes: tuple[int, ...]) -> Any:
    return x - mean(x, axes, keepdims=True)


def var(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """Variance over axes: squared deviations over n - ddof (NaN or inf where that is not positive,
    as in NumPy). Of complex numbers those of the absolute values: a real number."""
    axes = canonical_axes(axis, len(shape_of(x)), "var")
    total = reduce_sum(squared_magnitude(_centred(x, axes)), axis=axes, keepdims=keepdims)
    return divide(total, _degrees_of_freedom(x, axes, ddof))


def _degrees_of_freedom(x: Any, axes: tuple[int, ...], ddof: float) -> Any:
    return real_dtype(_dtype(x)).type(builtins.max(_length(shape_of(x), axes) - ddof, 0))


def std(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """Standard deviation over axes; of constant data its derivative is 0 (by symmetry)."""
    axes = canonical_axes(axis, len(shape_of(x)), "std")
    length = norm_along(_centred(x, axes), axis=axes, keepdims=keepdims)
    return divide(length, np.sqrt(_degrees_of_freedom(x, axes, ddof)))


def _dtype(x: Any) -> Any:
    dtype = getattr(x, "dtype", np.dtype(float))
    return dtype if dtype.kind in "fc" else np.dtype(float)


def _norm(x: Any, *, axis: Any, keepdims: bool) -> Any:
    squares = x * x if x.dtype.kind != "c" else np.square(x.real) + np.square(x.imag)
    return np.sqrt(_sum(squares, axis=axis, keepdims=keepdims))


def _direction(x: Any, y: Any, axis: Any, keepdims: bool) -> Any:
    length = spread(y, x.shape, axis, keepdims)
    return conj(x) / where(equal(length, 0), 1.0, length)


norm_along: Any = structured(
    "norm",
    _norm,
    jvp=lambda t, y, x, axis, keepdims: reduce_sum(
        real(t * _direction(x, y, axis, keepdims)), axis=axis, keepdims=keepdims
    ),
    vjp=lambda g, y, x, axis, keepdims: (
        spread(g, x.shape, axis, keepdims) * _direction(x, y, axis, keepdims)
    ),
    on_complex=True,
    signature=signatures.over_axis,
    cases=_axis_cases,
    edges=[((np.zeros(3), {"axis": (-1,), "keepdims": False}), (np.zeros(3),))],
    doc="Euclidean length over axes. At 0 its derivative is 0; the second is not defined there.",
)


def squared_norm(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum of squared absolute values over axes: smooth at 0 too, with Hessian 2."""
    return sum(squared_magnitude(x), axis, keepdims=keepdims)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Vector norm over axes: order 2 (also of a matrix's elements), 1, inf, -inf or 0.

    At the origin the derivative is 0, the middle of its subgradients.
    """
    axes = canonical_axes(axis, len(shape_of(x)), "norm")
    if ord is None or ord == "fro" or (ord == 2 and len(axes) == 1):
        return norm_along(x, axis=axes, keepdims=keepdims)
    if len(axes) != 1:
        raise ValueError(f"norm: ord={ord!r} needs one axis, got axis={axis!r} of {shape_of(x)}")
    size = absolute(x)
    if ord == np.inf:
        return max(size, axes, keepdims=keepdims)
    if ord == -np.inf:
        return min(size, axes, keepdims=keepdims)
    if ord == 0:
        return sum((size != 0).astype(_dtype(size)), axes, keepdims=keepdims)
    if ord == 1:
        return sum(size, axes, keepdims=keepdims)
    raise ValueError(f"norm: ord={ord!r} is none of 0, 1, 2, inf, -inf; linalg.norm takes any")


# ---- largest and smallest -----------------------------------------------------------------------


def _tie_share(x: Any, *, axis: Any) -> Any:
    x = np.asarray(x)
    top = short_axes.reduce(np.maximum, x, axis, True)
    selected = x == top
    if np.isnan(top).any():
        selected |= np.isnan(x) & np.isnan(top)
    dtype = np.result_type(x, np.float16)
    share = selected.astype(dtype)
    count = short_axes.reduce(np.add, share, axis, True)
    return share / count


tie_share = zero(
    "tie_share",
    _tie_share,
    along=True,
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
        spread(g, x.shape, axis, keepdims) * tie_share(x, axis=axis)
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


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest element over axes; ties share the derivative evenly."""
    axes = canonical_axes(axis, len(shape_of(x)), "max")
    return reduce_max(x, axis=axes, keepdims=keepdims)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest element over axes; ties share the derivative evenly."""
    return -max(-x, axis, keepdims)


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
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


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Position of the largest element (along an axis, or in the flattened array)."""
    x, axis = (ravel(x), -1) if axis is None else (x, axis)
    return argmax_along(x, axis=canonical_axis(axis, len(shape_of(x)), "argmax"), keepdims=keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Position of the smallest element (along an axis, or in the flattened array)."""
    x, axis = (ravel(x), -1) if axis is None else (x, axis)
    return argmin_along(x, axis=canonical_axis(axis, len(shape_of(x)), "argmin"), keepdims=keepdims)


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


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether any element over the axes is true."""
    return any_along(x, axis=canonical_axes(axis, len(shape_of(x)), "any"), keepdims=keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all elements over the axes are true."""
    return all_along(x, axis=canonical_axes(axis, len(shape_of(x)), "all"), keepdims=keepdims)


# ---- products: by halving, so that zeros among the factors need no special case -----------------


def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Product over axes, right to every order also where factors are zero.

    Factors are multiplied in pairs, then pairs of pairs: no division, log2(n) operations.
    """
    shape = shape_of(x)
    ndim = len(shape)
    axes = canonical_axes(axis, ndim, "prod")
    keep = [a for a in range(-ndim, 0) if a not in axes]
    x = moveaxis(x, axes, range(-len(axes), 0)) if axes else x
    x = reshape(x, shape=(*(shape[a] for a in keep), _length(shape, axes)))
    while (n := shape_of(x)[-1]) > 1:
        half = n // 2
        paired = index(x, (Ellipsis, slice(0, half))) * index(x, (Ellipsis, slice(half, 2 * half)))
        x = paired if n % 2 == 0 else concatenate_along(
            paired, index(x, (Ellipsis, slice(n - 1, n))), axis=-1
        )  # fmt: skip
    if n == 0:
        x = concatenate_along(x, np.ones((*shape_of(x)[:-1], 1), _dtype(x)), axis=-1)
    final = expanded_shape(shape, axes) if keepdims else tuple(shape[a] for a in keep)
    return reshape(x, shape=final)


def cumprod(x: Any, axis: int | None = None) -> Any:
    """Running product along an axis (None: of the flattened array), by doubling its reach."""
    if axis is None:
        x, axis = ravel(x), -1
    axis = canonical_axis(axis, len(shape_of(x)), "cumprod")
    n, tail, reach = shape_of(x)[axis], (slice(None),) * (-axis - 1), 1
    while reach < n:
        head = index(x, (Ellipsis, slice(0, reach), *tail))
        later = index(x, (Ellipsis, slice(reach, n), *tail))
        earlier = index(x, (Ellipsis, slice(0, n - reach), *tail))
        x = concatenate_along(head, later * earlier, axis=axis)
        reach *= 2
    return x


# ---- running sums -------------------------------------------------------------------------------


def _reversed(x: Any, axis: int) -> Any:
    return index(x, (Ellipsis, slice(None, None, -1)) + (slice(None),) * (-axis - 1))


cumsum_along: Any = linear(
    "cumsum",
    lambda x, *, axis: np.add.accumulate(x, axis=axis),
    lambda g, y, x, axis: _reversed(cumsum_along(_reversed(g, axis), axis=axis), axis),
    analytic=True,
    signature=signatures.along_axis,
    cases=[([(3,)], {"axis": -1}), ([(2, 3)], {"axis": -2}), ([(0, 3)], {"axis": -1})],
)


def cumsum(x: Any, axis: int | None = None) -> Any:
    """Running sum along an axis (None: of the flattened array)."""
    if axis is None:
        x, axis = ravel(x), -1
    return cumsum_along(x, axis=canonical_axis(axis, len(shape_of(x)), "cumsum"))


def diff(x: Any, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours along an axis, ``n`` times."""
    axis = canonical_axis(axis, len(shape_of(x)), "diff")
    tail = (slice(None),) * (-axis - 1)
    for _ in range(n):
        x = index(x, (Ellipsis, slice(1, None), *tail)) - index(
            x, (Ellipsis, slice(None, -1), *tail)
        )
    return x


# ---- exponentials over axes: shifted by the maximum, so nothing overflows -----------------------


def _shift(x: Any, top: Any, out: Any = None) -> Any:
    if math.isfinite(np.add.reduce(top, axis=None)):
        return np.subtract(x, top, out)
    with np.errstate(invalid="ignore"):
        apart = np.where(np.isfinite(top) | np.isnan(top), x - top, -np.inf)
    apart = np.where(x == top, 0, apart).astype(x.dtype, copy=False)
    if out is None:
        return apart
    out[...] = apart
    return out


shift: Any = elementwise(
    "shift",
    _shift,
    lambda g, y, x, top: g,
    lambda g, y, x, top: -g,
    domain=((-2, 2), (-2, 2)),
    doc="x - top, where equal infinities are equal numbers, and others infinitely far apart.",
)


def _exp_shifted(x: Any, axis: Any) -> tuple[Any, Any, Any]:
    """exp(x - max), its sum, and the maximum; equal infinities count as equal numbers."""
    x = np.asarray(x, _dtype(x))
    if x.ndim == 2 and axis == (-1,) and x.flags.c_contiguous and 1 < x.shape[1] <= _SHORT:
        x = x.T.copy().T  # by columns, a short last axis is reduced several times faster
    top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=_LOWEST)
    e = _shift(x, top)
    np.exp(e, out=e)
    return e, np.add.reduce(e, axis=axis, keepdims=True), top


_SHORT = 32
_LOWEST = -np.inf


def _logsumexp(x: Any, *, axis: Any, keepdims: bool) -> Any:
    _, total, top = _exp_shifted(x, axis)
    if total.size and not x.size:
        return np.full(total.shape if keepdims else _reduced_shape(total.shape, axis), -np.inf)[()]
    np.log(total, out=total)
    total += top
    return total if keepdims else total.reshape(_reduced_shape(total.shape, axis))[()]


@functools.lru_cache(maxsize=1024)
def _reduced_shape(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for i, n in enumerate(shape) if i - len(shape) not in axis)


def _weights(x: Any, y: Any, axis: Any, keepdims: bool) -> Any:
    """softmax(x), from the known logarithm y of the sum where that is at hand and finite."""
    if type(x) is type(y) is np.ndarray and math.isfinite(np.add.reduce(y, axis=None)):
        e = x - spread(y, x.shape, axis, keepdims)
        return np.exp(e, out=e)
    return softmax_along(x, axis=axis)


def _exp_steps(emit: Any, x: Any, axis: Any) -> Any:
    """What the three have in common, step by step: exp(x - max), its sum, x - max, and the max."""
    if not x.size or x.dtype.kind != "f":
        return None
    top = emit(reduce_max, x, axis=axis, keepdims=True)
    shifted = emit(shift, x, top)
    e = emit(exp, shifted)
    return e, emit(reduce_sum, e, axis=axis, keepdims=True), shifted, top


def _logsumexp_by_steps(emit: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    if (steps := _exp_steps(emit, x, axis)) is None:
        return None
    _, total, _, top = steps
    whole = emit(add, emit(log, total), top)
    return whole if keepdims else emit(reshape, whole, shape=_reduced_shape(whole.shape, axis))


def _softmax_by_steps(emit: Any, x: Any, *, axis: Any) -> Any:
    steps = _exp_steps(emit, x, axis)
    return None if steps is None else emit(divide, steps[0], steps[1])


def _log_softmax_by_steps(emit: Any, x: Any, *, axis: Any) -> Any:
    steps = _exp_steps(emit, x, axis)
    return None if steps is None else emit(subtract, steps[2], emit(log, steps[1]))


logsumexp_along = structured(
    "logsumexp",
    _logsumexp,
    signature=signatures.over_axis,
    lowered=_logsumexp_by_steps,
    jvp=lambda t, y, x, axis, keepdims: reduce_sum(
        t * _weights(x, y, axis, keepdims), axis=axis, keepdims=keepdims
    ),
    vjp=lambda g, y, x, axis, keepdims: (
        spread(g, x.shape, axis, keepdims) * _weights(x, y, axis, keepdims)
    ),
    cases=_axis_cases,
    edges=[
        ((np.array([1e3, 1e3]), {"axis": (-1,), "keepdims": False}), (np.array([0.5, 0.5]),)),
        ((np.full(2, -np.inf), {"axis": (-1,), "keepdims": False}), (np.array([0.5, 0.5]),)),
    ],
)


def _softmax(x: Any, *, axis: Any) -> Any:
    e, total, _ = _exp_shifted(x, axis)
    e /= total
    return e[()]


def _softmax_rule(g: Any, y: Any, x: Any, *, axis: Any) -> Any:
    weighted = g * y
    return weighted - y * reduce_sum(weighted, axis=axis, keepdims=True)


softmax_along: Any = structured(
    "softmax",
    _softmax,
    signature=signatures.along_axis,
    lowered=_softmax_by_steps,
    jvp=_softmax_rule,  # its Jacobian is symmetric
    vjp=_softmax_rule,
    cases=[([(2, 3)], {"axis": (-1,)}), ([(2, 3)], {"axis": (-2, -1)})],
    edges=[((np.array([1e3, 0.0]), {"axis": (-1,)}), (np.zeros(2),))],
)


def _log_softmax(x: Any, *, axis: Any) -> Any:
    x = np.asarray(x, _dtype(x))
    top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    out = _shift(x, top)
    out -= np.log(np.add.reduce(np.exp(out), axis=axis, keepdims=True))
    return out[()]


log_softmax_along = structured(
    "log_softmax",
    _log_softmax,
    signature=signatures.along_axis,
    lowered=_log_softmax_by_steps,
    jvp=lambda t, y, x, axis: t - reduce_sum(exp(y) * t, axis=axis, keepdims=True),
    vjp=lambda g, y, x, axis: g - exp(y) * reduce_sum(g, axis=axis, keepdims=True),
    cases=[([(2, 3)], {"axis": (-1,)}), ([(2, 3)], {"axis": (-2, -1)})],
)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) over axes, without overflow."""
    axes = canonical_axes(axis, len(shape_of(x)), "logsumexp")
    return logsumexp_along(x, axis=axes, keepdims=keepdims)


def softmax(x: Any, axis: Any = -1) -> Any:
    """Exponentials that sum to one over an axis."""
    return softmax_along(x, axis=canonical_axes(axis, len(shape_of(x)), "softmax"))


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """The logarithm of :func:`softmax`, without loss of precision."""
    return log_softmax_along(x, axis=canonical_axes(axis, len(shape_of(x)), "log_softmax"))
