"""Integrals of functions that are known at points."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import describe
from ...core.tensor import tensor_or_array
from ...ops import concatenate, cumsum, moveaxis, sum, where
from ...ops.shape.axes import canonical_axis


def _axis_last(y: Any, x: Any, dx: Any, axis: int, who: str) -> tuple[Any, Any]:
    """``y`` with the axis last, and the distances between its points, which broadcast."""
    y = tensor_or_array(y)
    if not y.shape:
        raise ValueError(f"{who}: y is a scalar, and needs an axis to integrate along")
    axis = canonical_axis(axis, len(y.shape), who)
    n = y.shape[axis]
    if x is None:
        return moveaxis(y, axis, -1), dx if type(dx) in (int, float) else tensor_or_array(dx)
    x = tensor_or_array(x)
    if len(x.shape) == len(y.shape):
        x = moveaxis(x, axis, -1)
    elif len(x.shape) != 1:
        raise ValueError(f"{who}: x is {describe(x)}, and must be a vector or as y {describe(y)}")
    if x.shape[-1] != n:
        raise ValueError(
            f"{who}: x has {x.shape[-1]} points, but y {describe(y)} has {n} along axis {axis}"
        )
    return moveaxis(y, axis, -1), x[..., 1:] - x[..., :-1]


def cumulative_trapezoid(
    y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: float | None = None
) -> Any:
    """The integral up to each sample but the first, by the trapezoidal rule.

    Parameters
    ----------
    y : array_like, shape (..., n, ...)
    x : array_like, shape (n,) or that of ``y``, optional
        Positions of the samples; derivatives flow to it too.
    dx : float
        The distance between them, where ``x`` is not given.
    axis : int
    initial : {None, 0}
        With 0, the result begins with a zero and is as long as ``y``.

    Raises
    ------
    ValueError
        When shapes do not fit, or ``y`` has no points.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.integrate import cumulative_trapezoid
    >>> cumulative_trapezoid(np.array([0.0, 1.0, 4.0]), initial=0)
    array([0. , 0.5, 3. ])
    """
    if initial is not None and initial != 0:
        raise ValueError(f"cumulative_trapezoid: initial={initial!r} must be None or 0")
    axis = canonical_axis(axis, len(tensor_or_array(y).shape), "cumulative_trapezoid")
    y, h = _axis_last(y, x, dx, axis, "cumulative_trapezoid")
    if not y.shape[-1]:
        raise ValueError("cumulative_trapezoid: y has no points along the axis")
    out = cumsum(h * (y[..., 1:] + y[..., :-1]) / 2, -1)
    if initial is not None:
        out = concatenate([np.zeros((*out.shape[:-1], 1), out.dtype), out], -1)
    return moveaxis(out, -1, axis)


def simpson(y: Any, *, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integrate samples by Simpson's rule, as ``scipy.integrate.simpson``.

    With an even number of samples the last interval is integrated over the parabola through the
    last three.

    Parameters
    ----------
    y, x, dx, axis
        As in :func:`cumulative_trapezoid`.

    References
    ----------
    Cartwright (2017), Simpson's rule cumulative integration with MS Excel and irregularly-spaced
    data, equations 4 and 8.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.integrate import simpson
    >>> tg.grad(lambda y: simpson(y, dx=3.0))(np.zeros(5))
    array([1., 4., 2., 4., 1.])
    """
    y, h = _axis_last(y, x, dx, axis, "simpson")
    n = y.shape[-1]
    if x is None:
        h = h * np.ones(max(n - 1, 0), y.dtype if y.dtype.kind == "f" else float)
    if n == 2:
        return sum(h * (y[..., 1:] + y[..., :-1]) / 2, -1)
    odd = n if n % 2 else n - 1
    out = _parabolas(y[..., :odd], h[..., : odd - 1])
    return out if odd == n else out + _last_interval(y, h)


def _parabolas(y: Any, h: Any) -> Any:
    first, second = h[..., ::2], h[..., 1::2]
    both = first + second
    weighted = (
        y[..., :-2:2] * (2 - _ratio(second, first))
        + y[..., 1:-1:2] * _ratio(both * both, first * second)
        + y[..., 2::2] * (2 - _ratio(first, second))
    )
    return sum(both * weighted / 6, -1)


def _last_interval(y: Any, h: Any) -> Any:
    """The last interval, by the parabola through the last three points."""
    before, last = h[..., -2], h[..., -1]
    both = before + last
    return (
        _ratio(last * (2 * last + 3 * before), 6 * both) * y[..., -1]
        + _ratio(last * (last + 3 * before), 6 * before) * y[..., -2]
        - _ratio(last**3, 6 * before * both) * y[..., -3]
    )


def _ratio(a: Any, b: Any) -> Any:
    """a / b, and zero where b is: points that coincide count for nothing, as in SciPy."""
    return where(b != 0, a / where(b != 0, b, 1.0), 0.0)
