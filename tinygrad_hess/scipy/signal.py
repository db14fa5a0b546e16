"""``scipy.signal``, differentiable: convolution, correlation, and linear filters.

Functions take arrays and tensors alike, and are differentiable to any order in every operand.
Values come from SciPy: tap by tap or by FFT. Float32 stays float32.

Examples
--------
>>> import numpy as np, tinygrad_hess as tg
>>> from tinygrad_hess.scipy import signal
>>> x, kernel = np.arange(5.0), np.array([1.0, 2.0, 1.0])
>>> print(tg.grad(lambda k: signal.convolve(x, k, "same")[2])(kernel))
[3. 2. 1.]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.boundary import named
from ..core.errors import describe
from ..core.tensor import Tensor, tensor_or_array
from ..ops import broadcast_to, flip, index, moveaxis, pad
from ..ops._dispatch import as_floating
from ..ops.shape.axes import canonical_axes, canonical_axis
from ..ops.signal.convolution import convolution
from ..ops.signal.filtering import recursive

__all__ = [
    "convolve", "convolve2d", "correlate", "correlate2d", "fftconvolve", "lfilter", "oaconvolve",
]  # fmt: skip


def _flip_conjugate(x: Any) -> Any:
    """Back to front along every axis, and conjugate."""
    x = flip(tensor_or_array(x))
    return np.conj(x) if x.dtype.kind == "c" else x


@named
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The convolution of two arrays with as many axes, as ``scipy.signal.convolve``.

    Parameters
    ----------
    in1 : array_like, shape (n, ...)
    in2 : array_like, shape (m, ...)
    mode : {"full", "valid", "same"}
        All of the result, shape n + m - 1; what needs no zeros beyond the ends, |n - m| + 1; or
        the middle, of the shape of ``in1``.
    method : {"auto", "direct", "fft"}
        Whichever is expected to be faster; derivatives choose for themselves.

    Raises
    ------
    ValueError
        When shapes do not fit, or an operand is empty.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy import signal
    >>> signal.convolve(np.array([1.0, 2.0, 3.0]), np.array([1.0, -1.0]))
    array([ 1.,  1.,  1., -3.])
    """
    return convolution(in1, in2, mode, method=method, who="signal.convolve")


@named
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The cross-correlation, Σ in1[k + j] conj(in2[j]); see :func:`convolve`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy import signal
    >>> signal.correlate(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0]), "valid")
    array([3., 5.])
    """
    return convolution(in1, _flip_conjugate(in2), mode, method=method, who="signal.correlate")


@named
def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """The convolution by FFT, along all axes or some; the others broadcast. See :func:`convolve`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy import signal
    >>> signal.fftconvolve(np.ones((2, 3)), np.ones((1, 2)), axes=1).round(12)
    array([[1., 2., 2., 1.],
           [1., 2., 2., 1.]])
    """
    return _convolve_axes(in1, in2, mode, axes, "fft", "signal.fftconvolve")


@named
def oaconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """The convolution by overlap-add: fast where one operand is much longer.

    See :func:`fftconvolve`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy import signal
    >>> signal.oaconvolve(np.ones(6), np.ones(2), "valid").round(12)
    array([2., 2., 2., 2., 2.])
    """
    return _convolve_axes(in1, in2, mode, axes, "oa", "signal.oaconvolve")


def _convolve_axes(in1: Any, in2: Any, mode: str, axes: Any, method: str, who: str) -> Any:
    in1, in2 = as_floating(in1), as_floating(in2)
    if axes is None:
        return convolution(in1, in2, mode, method=method, who=who)
    ndim = len(in1.shape)
    if len(in2.shape) != ndim:
        raise ValueError(f"{who}: {describe(in1)} and {describe(in2)} must have as many axes")
    chosen = canonical_axes(axes, ndim, who)
    last = tuple(range(-len(chosen), 0))
    a, b = (moveaxis(x, chosen, last) for x in (in1, in2))
    return moveaxis(convolution(a, b, mode, len(chosen), method, who), last, chosen)


_BOUNDARIES = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}


@named
def convolve2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Any:
    """The convolution of two matrices, with a choice of what is beyond the edges of the first.

    Parameters
    ----------
    in1 : array_like, shape (n, m)
    in2 : array_like, shape (k, l)
    mode : {"full", "valid", "same"}
        As in :func:`convolve`.
    boundary : {"fill", "wrap", "symm"}
        Beyond its edges ``in1`` is ``fillvalue``, repeats, or is mirrored.
    fillvalue : float
        A constant: no derivative flows to it.

    Raises
    ------
    ValueError
        When an operand is no matrix or empty, or ``boundary`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy import signal
    >>> signal.convolve2d(np.eye(2), np.ones((1, 2)), "same", boundary="wrap")
    array([[1., 1.],
           [1., 1.]])
    """
    in1, in2 = tensor_or_array(in1), tensor_or_array(in2)
    begins = tuple((n - 1) // 2 for n in in2.shape)
    return _convolve2d(in1, in2, begins, mode, boundary, fillvalue, "signal.convolve2d")


@named
def correlate2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Any:
    """The cross-correlation of two matrices; see :func:`convolve2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy import signal
    >>> signal.correlate2d(np.arange(6.0).reshape(2, 3), np.array([[1.0, -1.0]]), "valid")
    array([[-1., -1.],
           [-1., -1.]])
    """
    in1, in2 = tensor_or_array(in1), _flip_conjugate(in2)
    begins = tuple(n // 2 for n in in2.shape)
    return _convolve2d(in1, in2, begins, mode, boundary, fillvalue, "signal.correlate2d")


def _convolve2d(
    a: Any, b: Any, begins: tuple[int, ...], mode: str, boundary: str, fillvalue: Any, who: str
) -> Any:
    """The convolution, whose middle for mode="same" begins at ``begins``."""
    if boundary not in _BOUNDARIES:
        raise ValueError(f'{who}: boundary={boundary!r} is none of "fill", "wrap", "symm"')
    if len(a.shape) != 2 or len(b.shape) != 2 or 0 in a.shape + b.shape:
        raise ValueError(f"{who}: {describe(a)} and {describe(b)} must be matrices, none empty")
    if mode not in ("full", "same"):
        return convolution(a, b, mode, who=who)
    if boundary == "fill" and fillvalue == 0:
        out = convolution(a, b, who=who)
    else:
        beyond = tuple((n - 1, n - 1) for n in b.shape)
        more: Any = {"constant_values": fillvalue} if boundary == "fill" else {}
        out = convolution(pad(a, beyond, _BOUNDARIES[boundary], **more), b, "valid", who=who)
    if mode == "full":
        return out
    return index(out, tuple(slice(s, s + n) for s, n in zip(begins, a.shape, strict=True)))


@named
def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """Filter along an axis: a[0] y[n] = Σ b[k] x[n - k] - Σ a[k] y[n - k].

    Parameters
    ----------
    b, a : array_like, shape (k,), (l,)
        The numerator and the denominator. Derivatives flow to both.
    x : array_like, shape (..., n, ...)
    axis : int
        Along which to filter.
    zi : array_like, optional
        The state before the first element, which has length max(k, l) - 1 along ``axis`` and
        broadcasts with ``x`` along the others.

    Returns
    -------
    y : shape of ``x``
        Or ``(y, zf)`` with the state after the last element, when ``zi`` is given.

    Raises
    ------
    ValueError
        When coefficients are no vectors or ``a[0]`` is 0, ``x`` is a scalar, or ``zi`` does not
        fit.

    References
    ----------
    The state is that of the transposed direct form II: Oppenheim and Schafer, Discrete-time signal
    processing, section 6.3.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy import signal
    >>> step = np.ones(4)
    >>> signal.lfilter([0.5], [1.0, -0.5], step)
    array([0.5   , 0.75  , 0.875 , 0.9375])
    >>> tg.grad(lambda a: signal.lfilter([1.0], a, step)[1])(np.array([1.0, -0.5]))
    array([-2., -1.])
    """
    b, a, x = tensor_or_array(b), tensor_or_array(a), tensor_or_array(x)
    if len(b.shape) != 1 or len(a.shape) != 1 or not b.shape[0] or not a.shape[0]:
        raise ValueError(
            f"signal.lfilter: the coefficients {describe(b)} and {describe(a)} must be vectors, "
            "none empty"
        )
    if not x.shape:
        raise ValueError("signal.lfilter: x is a scalar; it needs an axis to filter along")
    axis = canonical_axis(axis, len(x.shape), "signal.lfilter")
    if not isinstance(a, Tensor) and a[0] == 0:
        raise ValueError("signal.lfilter: a[0] is 0")
    n, order = x.shape[axis], max(b.shape[0], a.shape[0]) - 1
    if zi is not None:
        zi = moveaxis(_broadcast_state(tensor_or_array(zi), x, axis, order), axis, -1)
    x = moveaxis(x, axis, -1)
    b, a = b / a[0], a / a[0]
    if not n:
        y = x * (b[0] * a[0])  # in the type of all three
        return moveaxis(y, -1, axis) if zi is None else (moveaxis(y, -1, axis), zi)
    driven = convolution(x, b, rank=1, method="direct")
    if zi is not None:
        driven = _pad_end(driven, n + order) + _pad_end(zi, n + order)
    y = driven[..., :n]
    if a.shape[0] > 1:
        y = recursive(y, a[1:])
    if zi is None:
        return moveaxis(y, -1, axis)
    fed_back = convolution(y, a, rank=1, method="direct")
    rest = driven - _pad_end(fed_back, n + order)  # zero up to n; then the response to the past
    return moveaxis(y, -1, axis), moveaxis(rest[..., n:], -1, axis)


def _broadcast_state(zi: Any, x: Any, axis: int, order: int) -> Any:
    shape = list(x.shape)
    shape[axis] = order
    fits = len(zi.shape) == len(shape) and all(
        n == m or (n == 1 and i - len(shape) != axis)
        for i, (n, m) in enumerate(zip(zi.shape, shape, strict=True))
    )
    if not fits:
        raise ValueError(
            f"signal.lfilter: zi is {describe(zi)}, but must have shape {tuple(shape)}, for "
            f"x {describe(x)} and filters of order {order}"
        )
    return broadcast_to(zi, tuple(shape))


def _pad_end(x: Any, size: int) -> Any:
    """Zeros at the end of the last axis, up to a size."""
    ends = [(0, 0)] * (len(x.shape) - 1) + [(0, size - x.shape[-1])]
    return pad(x, ends)
