"""Arithmetic, powers, selection and the functions with kinks.

At a kink the derivative is the mean of its two sides: 0 for ``abs`` at 0, one half for each
operand of a tied ``maximum``. Only ``relu`` differs, by custom: 0 at 0.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from ...core.kinds import elementwise, zero
from ...core.tensor import Tensor
from .._types import Array, ArrayLike
from .comparison import (
    equal,
    floor_divide,
    greater,
    isnan,
    logical_and,
    logical_not,
    logical_or,
    sign,
    sign_or_mask,
)
from .identity import astype, conjugate, copied

_FLOAT = np.dtype(float)
_any = (-2, 2)
_two: dict[str, Any] = {"domain": (_any, _any)}

add = elementwise(
    "add",
    np.add,
    lambda g, y, a, b: g,
    lambda g, y, a, b: g,
    label="+",
    analytic=True,
    commutative=True,
    neutral={0: -0.0, 1: -0.0},  # 0.0 + x is not x where x is -0.0
    **_two,
)
subtract = elementwise(
    "subtract",
    np.subtract,
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g,
    label="-",
    analytic=True,
    neutral={1: 0.0},
    **_two,
)
multiply = elementwise(
    "multiply",
    np.multiply,
    lambda g, y, a, b: g * b,
    lambda g, y, a, b: g * a,
    label="×",
    analytic=True,
    commutative=True,
    neutral={0: 1.0, 1: 1.0},
    **_two,
)
divide = elementwise(
    "divide",
    np.divide,
    lambda g, y, a, b: g / b,
    lambda g, y, a, b: -((g / b) * y),  # the quotient is shared with the other rule
    label="÷",
    analytic=True,
    neutral={1: 1.0},
    domain=(_any, (0.5, 2)),
)


def _divide_pushforward(tangents: Any, y: Array, args: Any, params: Any) -> Array:
    """Both terms over one denominator."""
    (ta, tb), (_, b) = tangents, args
    if ta is None or tb is None:
        return ta / b if tb is None else -((tb / b) * y)
    return (ta - y * tb) / b


divide.primitive.pushforward = _divide_pushforward  # type: ignore[attr-defined]

negative = elementwise(
    "negative", np.negative, lambda g, y, x: -g, label="neg", analytic=True, domain=_any
)
positive = elementwise(
    "positive", np.positive, lambda g, y, x: g, analytic=True, identity=True, domain=_any
)
reciprocal = elementwise(
    "reciprocal", np.reciprocal, lambda g, y, x: -g * y * y, analytic=True, domain=(0.5, 2)
)
square = elementwise(
    "square",
    np.square,
    lambda g, y, x: g * (2 * x),
    analytic=True,
    domain=_any,
    edges=[((0.0,), (0.0,)), ((-3.0,), (-6.0,))],
)
mod = elementwise(
    "remainder",
    np.remainder,
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g * floor_divide(a, b),
    label="mod",
    domain=((6.0, 6.2), (2.2, 2.8)),
    edges=[((7.0, 3.0), (1.0, -2.0)), ((-7.0, 3.0), (1.0, 3.0))],
)
fmod = elementwise(
    "fmod",
    np.fmod,
    lambda g, y, a, b: g,
    lambda g, y, a, b: g * (y - a) / b,
    domain=((6.0, 6.2), (2.2, 2.8)),
    edges=[((-7.0, 3.0), (1.0, 2.0))],
)


def divisor(x: ArrayLike) -> Array:
    """x, but infinite at 0: what is divided by it is 0 there, and so are its derivatives."""
    return where(equal(x, 0), np.inf, x)


def _absolute_rule(g: Array, y: Array, x: Array) -> Array:
    if x.dtype.kind != "c":
        return g * sign_or_mask(x)
    return g * (conjugate(x) / divisor(y))


absolute = elementwise(
    "absolute",
    np.abs,
    _absolute_rule,
    on_complex=True,
    label="abs",
    domain=(0.2, 2),
    edges=[((0.0,), (0.0,)), ((-0.0,), (0.0,)), ((-2.0,), (-1.0,))],
    doc="""The absolute value, with derivative 0 at 0: the mean of both sides.

    Its square is smooth, but the rules do not know that: the second derivative of ``abs(x)**2`` is
    twice the square of the sign, 2 everywhere but 0 at 0. Write ``x**2``, of complex numbers
    ``(x * conj(x)).real``.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.abs(x).sum())(np.array([-2.0, 0.0, 3.0]))
    array([-1.,  0.,  1.])
    """,
)
copysign = elementwise(
    "copysign",
    np.copysign,
    lambda g, y, a, b: g * (sign_or_mask(a) * sign(y)),
    None,
    domain=((0.2, 2), (0.2, 2)),
)

# ---- powers -------------------------------------------------------------------------------------


_POWERS: dict[float, Any] = {1: positive, 2: square, -1: reciprocal}


def _lowered_power(emit: Any, x: Any, *, exponent: float) -> Any:
    """As NumPy computes it; third and fourth powers by products, in a tenth of the time."""
    if x.dtype.kind != "f":
        return None
    if exponent in _POWERS:
        return emit(_POWERS[exponent], x)
    if exponent in (3, 4):
        squared = emit(square, x)
        return emit(multiply, squared, x) if exponent == 3 else emit(square, squared)
    return emit(power_array, x, emit.constant(exponent))


def _power_of_scalar_rule(g: Array, y: Array, x: Array, *, exponent: float) -> Any:
    if exponent == 0:
        return None  # x**0 is 1 everywhere, at 0 too
    if exponent == 1:
        return g
    return g * (exponent * power_scalar(x, exponent=exponent - 1))


power_scalar = elementwise(
    "power_scalar",
    lambda x, *, exponent: x**exponent,
    _power_of_scalar_rule,
    parametric=True,
    lowered=_lowered_power,
    label="power",
    analytic=True,
    domain=(0.5, 2),
    cases=[([(2, 3)], {"exponent": e}) for e in (0, 1, 3, -1, 0.5, -1.5)],
    doc="x to a power that is a Python number, so its derivative is exact at every base.",
)


def _power_rule(g: Array, y: Array, a: Array, b: Array) -> Array:
    flat = equal(a, 0) & equal(b, 0)  # 0**0: x**0 is 1 everywhere, at 0 too
    lower = _cast_operand(b, y.dtype) - 1  # less one of an unsigned 0 would be the largest of all
    return g * where(flat, 0.0, b * power_array(where(flat, 1.0, a), lower))


def _cast_operand(a: Array, dtype: Any) -> Array:
    """An integer or narrower base in the type of the power, as its logarithm must be."""
    if not hasattr(a, "dtype"):
        return dtype.type(a)
    return a if a.dtype == dtype else astype(a, dtype)


power_array = elementwise(
    "power",
    np.power,
    _power_rule,
    lambda g, y, a, b: g * (y * log_of_base(_cast_operand(a, y.dtype))),
    analytic=True,
    domain=((0.5, 2.5), _any),
    edges=[
        ((0.0, 1.0), (1.0, 0.0)),
        ((0.0, 2.0), (0.0, 0.0)),
        ((0.0, 0.0), (0.0, 0.0)),
        ((-2.0, 3.0), (12.0, np.nan)),
    ],
)

log_of_base: Any = elementwise(
    "log_of_base",
    lambda x: np.log(np.where(x == 0, 1.0, x)).astype(np.result_type(x), copy=False)[()],
    lambda g, y, x: g / where(equal(x, 0), np.inf, x),
    on_complex=True,
    label="log",
    domain=(0.5, 2),
    edges=[((0.0,), (0.0,))],
    doc="log(x), but 0 at 0: there 0**y stays 0 as y moves, for any y above 0.",
)


def power(a: ArrayLike, b: ArrayLike) -> Array:
    """``a ** b`` elementwise.

    A Python number as exponent is a static parameter: ``x**0`` has derivative 0 at 0, and
    ``x**2.0`` is finite at negative x. With an array exponent, ``0**y`` has derivative 0 in y.
    """
    if isinstance(b, numbers.Real) and isinstance(a, Tensor):
        if isinstance(b, np.generic):  # unlike a Python number, it takes part in promotion
            a, b = astype(a, np.result_type(a.dtype, b.dtype)), b.item()
        if isinstance(b, float) and a.dtype.kind in "iub":
            a = a * 1.0  # integers to a real power are real numbers
        return square(a) if b == 2 else power_scalar(a, exponent=b)
    if isinstance(b, Tensor) and not isinstance(a, Tensor):
        a = a if isinstance(a, numbers.Complex) else np.asarray(a)
        a = np.asarray(a, np.result_type(a, b.dtype))[()]  # the logarithm of an integer is none
    return power_array(a, b)


# ---- selection ----------------------------------------------------------------------------------

where: Any = elementwise(
    "where",
    np.where,
    None,
    lambda g, y, c, a, b: where(c, g, 0.0),
    lambda g, y, c, a, b: where(c, 0.0, g),
    on_complex=True,
    write="copyto({out}, {2}); copyto({out}, {1}, where={0})",
    domain=("bool", _any, _any),
)


def _tie_share(a: Array, b: Array) -> Array:
    """1 where a is selected by maximum, 0 where b is, one half on ties; NaN is selected first."""
    half = np.result_type(a, b, np.float16).type(0.5)
    nan_a, nan_b = np.isnan(a), np.isnan(b)
    return np.where((a == b) | (nan_a & nan_b), half, (a > b) | (nan_a & ~nan_b))


def _lowered_tie_share(emit: Any, a: Any, b: Any) -> Any:
    dtype = np.result_type(*[x.dtype for x in (a, b) if x.dtype is not None])  # others are numbers
    if dtype.kind != "f":
        return None
    nan_a, nan_b = emit(isnan, a), emit(isnan, b)
    is_tie = emit(logical_or, emit(equal, a, b), emit(logical_and, nan_a, nan_b))
    nan_a_alone = emit(logical_and, nan_a, emit(logical_not, nan_b))
    is_greater = emit(logical_or, emit(greater, a, b), nan_a_alone)
    half, one, nothing = (emit.constant(dtype.type(n)) for n in (0.5, 1, 0))
    return emit(where, is_tie, half, emit(where, is_greater, one, nothing))


greater_share = zero(
    "greater_share",
    _tie_share,
    operands=2,
    lowered=_lowered_tie_share,
    label="share",
    edges=[((1.0, 1.0), (0.0, 0.0))],
    doc=_tie_share.__doc__ or "",
    **_two,
)


def _negated(x: Array) -> Array:
    return -x if getattr(x, "dtype", _FLOAT).kind == "f" else -1.0 * x  # unsigned ones wrap around


_tied = [((1.0, 1.0), (0.5, 0.5)), ((1.0, np.nan), (0.0, 1.0))]
maximum = elementwise(
    "maximum",
    np.maximum,
    lambda g, y, a, b: g * greater_share(a, b),
    lambda g, y, a, b: g * greater_share(b, a),
    label="max",
    commutative=True,
    domain=((-2, 0), (0.1, 2)),
    edges=_tied,
)
minimum = elementwise(
    "minimum",
    np.minimum,
    lambda g, y, a, b: g * greater_share(_negated(a), _negated(b)),
    lambda g, y, a, b: g * greater_share(_negated(b), _negated(a)),
    label="min",
    commutative=True,
    domain=((-2, 0), (0.1, 2)),
    edges=_tied,
)
fmax = elementwise(
    "fmax",
    np.fmax,
    lambda g, y, a, b: where(equal(y, a), where(equal(a, b), 0.5 * g, g), 0.0),
    lambda g, y, a, b: where(equal(y, b), where(equal(a, b), 0.5 * g, g), 0.0),
    domain=((-2, 0), (0.1, 2)),
    edges=[((1.0, 1.0), (0.5, 0.5)), ((1.0, np.nan), (1.0, 0.0))],
)
fmin = elementwise(
    "fmin",
    np.fmin,
    lambda g, y, a, b: where(equal(y, a), where(equal(a, b), 0.5 * g, g), 0.0),
    lambda g, y, a, b: where(equal(y, b), where(equal(a, b), 0.5 * g, g), 0.0),
    domain=((-2, 0), (0.1, 2)),
    edges=[((1.0, 1.0), (0.5, 0.5)), ((1.0, np.nan), (1.0, 0.0))],
)


def clip(
    x: ArrayLike,
    a_min: ArrayLike = None,
    a_max: ArrayLike = None,
    *,
    min: ArrayLike = None,
    max: ArrayLike = None,
) -> Array:
    """Limit values to [a_min, a_max]. At a bound the derivative is one half, from both sides' mean.

    Where the bounds are equal the function is constant, and its derivative is 0.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.clip(x, 0, 1).sum())(np.array([-1.0, 0.0, 0.5, 1.0]))
    array([0. , 0.5, 1. , 0.5])
    """
    a_min, a_max = min if a_min is None else a_min, max if a_max is None else a_max
    if a_min is not None and a_max is not None:
        degenerate = equal(a_min, a_max)
        limited = minimum(maximum(x, a_min), a_max)
        if isinstance(degenerate, (bool, np.bool)):
            return where(isnan(x), x, a_min) if degenerate else limited
        return where(degenerate & ~isnan(x), minimum(a_min, a_max), limited)
    if a_min is None and a_max is None:
        return copied(x)
    if a_min is not None:
        x = maximum(x, a_min)
    return x if a_max is None else minimum(x, a_max)
