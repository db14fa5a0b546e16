"""Discrete Fourier transforms: four linear maps, and what NumPy's ``fft`` composes of them.

    fft   : complex (..., n) -> complex (..., n)     over any axes; its matrix is symmetric,
    ifft  : its inverse                              so each is its own transpose
    rfft  : real (..., n) -> complex (..., n//2 + 1) along one axis: half of fft
    irfft : complex (..., n//2 + 1) -> real (..., n)

With the pairing Re(sum(g t)), without a conjugate, the transpose of ``rfft`` is an ``irfft`` of
conjugate numbers, those that stand for two (all but the first and, for even n, the last) halved;
and the other way round, doubled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import arguments, signatures
from ...core.kinds import linear
from ...core.tensor import tensor_or_array
from .._types import Array, ArrayLike
from ..elementwise.complexes import conjugated, is_complex, real_dtype
from ..indexing.index import index
from ..shape.axes import canonical_axis, shape_of
from ..shape.rearranging import pad_zeros, roll

_OPPOSITE = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _complex_case(*shape: int, **params: Any) -> Any:
    return lambda rng: ((rng.normal(size=shape) + 1j * rng.normal(size=shape),), params)


def _flops(y: Array, x: Array, *, axes: tuple[int, ...], **params: Any) -> int:
    n = math.prod(np.shape(y)[a] for a in axes)
    return int(5 * np.size(y) * math.log2(max(n, 2)))


def _declare(name: str, along: Any, over: Any) -> Any:
    def fn(x: Array, *, axes: tuple[int, ...], norm: str) -> Array:
        if len(axes) == 1:  # with less to decide on the way
            return along(x, None, axes[0], norm)
        return over(x, axes=axes, norm=norm)

    transform: Any = linear(
        name,
        fn,
        lambda g, y, x, axes, norm: transform(g, axes=axes, norm=norm),
        on_complex=True,
        signature=signatures.along_axis,
        flops=_flops,
        cases=[
            _complex_case(5, axes=(-1,), norm="backward"),
            _complex_case(2, 4, axes=(-1,), norm="ortho"),
            _complex_case(2, 4, 3, axes=(-3, -1), norm="forward"),
        ],
    )
    return transform


to_frequencies: Any = _declare("fft", np.fft.fft, np.fft.fftn)
from_frequencies: Any = _declare("ifft", np.fft.ifft, np.fft.ifftn)


def _weight_half_spectrum(x: Array, n: int, axis: int, factor: float) -> Array:
    """Coefficients that stand for two of the n, times a factor."""
    length = n // 2 + 1
    weights = np.full(length, factor, real_dtype(x.dtype))
    weights[0] = 1
    if n % 2 == 0:
        weights[-1] = 1
    return x * weights.reshape((length,) + (1,) * (-axis - 1))


real_to_half: Any = linear(
    "rfft",
    lambda x, *, axis, norm: np.fft.rfft(x, axis=axis, norm=norm),
    lambda g, y, x, axis, norm: half_to_real(
        _weight_half_spectrum(conjugated(g), x.shape[axis], axis, 0.5),
        n=x.shape[axis],
        axis=axis,
        norm=_OPPOSITE[norm],
    ),
    signature=signatures.along_axis,
    flops=lambda y, x, **params: _flops(x, x, axes=(params["axis"],)) // 2,
    cases=[
        lambda rng, shape=shape, axis=axis, norm=norm: (
            (rng.normal(size=shape),),
            {"axis": axis, "norm": norm},
        )
        for shape, axis, norm in (
            ((5,), -1, "backward"), ((2, 6), -1, "ortho"), ((4, 3), -2, "forward"), ((1,), -1,
             "backward"), ((2,), -1, "backward"),
        )
    ],
)  # fmt: skip

half_to_real: Any = linear(
    "irfft",
    lambda x, *, n, axis, norm: np.fft.irfft(x, n=n, axis=axis, norm=norm),
    lambda g, y, x, n, axis, norm: conjugated(
        _weight_half_spectrum(real_to_half(g, axis=axis, norm=_OPPOSITE[norm]), n, axis, 2.0)
    ),
    on_complex=True,
    signature=signatures.along_axis,
    flops=lambda y, x, **params: _flops(y, y, axes=(params["axis"],)) // 2,
    cases=[
        _complex_case(3, n=5, axis=-1, norm="backward"),
        _complex_case(2, 4, n=6, axis=-1, norm="ortho"),
        _complex_case(3, 2, n=4, axis=-2, norm="forward"),
        _complex_case(1, n=1, axis=-1, norm="backward"),
        _complex_case(2, n=2, axis=-1, norm="backward"),
    ],
)


# ---- NumPy's functions --------------------------------------------------------------------------


def _canonical_norm(norm: Any, who: str) -> str:
    if norm is None:
        return "backward"
    return arguments.choice(who, "norm", norm, tuple(_OPPOSITE))


def _lengths(
    x: Array, s: Any, axes: Any, who: str, last: Callable[[int], int] = int
) -> tuple[list[int], list[int]]:
    """Lengths and negative axes of a transform over several axes, as NumPy reads its arguments.

    ``last`` gives the length of the last axis where none is given.
    """
    shape = shape_of(x)
    if axes is None:
        axes = range(-len(shape), 0) if s is None else range(-len(s), 0)
    found = [canonical_axis(a, len(shape), who) for a in axes]
    if s is not None and len(s) != len(found):
        raise ValueError(f"{who}: s={s!r} and axes={axes!r} differ in length")
    if not found:
        raise ValueError(f"{who}: needs at least one axis")
    full = [shape[a] for a in found]
    full[-1] = last(full[-1])
    if s is not None:
        full = [have if n is None or n == -1 else int(n) for n, have in zip(s, full, strict=True)]
    if min(full) < 1:
        raise ValueError(f"{who}: lengths must be positive, got {full} for an array {shape}")
    return full, found


def _crop_or_pad(x: Array, lengths: Sequence[int], axes: Sequence[int]) -> Array:
    """Cut off or fill up with zeros, so that the axes have these lengths."""
    for n, axis in zip(lengths, axes, strict=True):
        have = shape_of(x)[axis]
        if n < have:
            x = index(x, (Ellipsis, slice(0, n), *(slice(None),) * (-axis - 1)))
        elif n > have:
            width = [(0, 0)] * len(shape_of(x))
            width[axis] = (0, n - have)
            x = pad_zeros(x, width=tuple(width))
    return x


def _transform_axes(transform: Any, x: Array, axes: Sequence[int], norm: str) -> Array:
    """A transform over axes, of which one may be named twice (NumPy transforms it twice)."""
    if len(set(axes)) == len(axes):
        return transform(x, axes=tuple(axes), norm=norm)
    for axis in reversed(axes):
        x = transform(x, axes=(axis,), norm=norm)
    return x


def fftn(a: ArrayLike, s: Any = None, axes: Any = None, norm: Any = None) -> Array:
    """The discrete Fourier transform over several axes (all by default).

    Parameters
    ----------
    a : array_like, real or complex
    s : sequence of int, optional
        Lengths of the transformed axes: the array is cut, or filled up with zeros.
    axes : sequence of int, optional
    norm : {None, 'backward', 'ortho', 'forward'}
        Where the factor 1/n is: in the inverse, its root in both, or in the forward transform.

    Returns
    -------
    complex array
        complex64 of float32 and complex64, as in NumPy.

    Raises
    ------
    ValueError
        When lengths are not positive or do not go with the axes.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: (abs(np.fft.fftn(x)) ** 2).sum())(np.array([1.0, 2.0]))
    array([4., 8.])
    """
    a, norm = tensor_or_array(a), _canonical_norm(norm, "fftn")
    lengths, axes = _lengths(a, s, axes, "fftn")
    return _transform_axes(to_frequencies, _crop_or_pad(a, lengths, axes), axes, norm)


def ifftn(a: ArrayLike, s: Any = None, axes: Any = None, norm: Any = None) -> Array:
    """The inverse of :func:`fftn`."""
    a, norm = tensor_or_array(a), _canonical_norm(norm, "ifftn")
    lengths, axes = _lengths(a, s, axes, "ifftn")
    return _transform_axes(from_frequencies, _crop_or_pad(a, lengths, axes), axes, norm)


def rfftn(a: ArrayLike, s: Any = None, axes: Any = None, norm: Any = None) -> Array:
    """The transform of a real array over several axes; of the last one, the half that counts.

    Raises
    ------
    TypeError
        For a complex array.
    """
    a, norm = tensor_or_array(a), _canonical_norm(norm, "rfftn")
    if is_complex(a):
        raise TypeError(f"rfft: needs real numbers, got {a.dtype}; use fft")
    lengths, axes = _lengths(a, s, axes, "rfftn")
    out = real_to_half(_crop_or_pad(a, lengths, axes), axis=axes[-1], norm=norm)
    return _transform_axes(to_frequencies, out, axes[:-1], norm) if axes[:-1] else out


def irfftn(a: ArrayLike, s: Any = None, axes: Any = None, norm: Any = None) -> Array:
    """The inverse of :func:`rfftn`; the last axis gets 2 (m - 1) elements unless ``s`` says other.

    The imaginary parts of the coefficients that must be real are not read: their derivative is 0.
    """
    a, norm = tensor_or_array(a), _canonical_norm(norm, "irfftn")
    lengths, axes = _lengths(a, s, axes, "irfftn", last=lambda m: 2 * (m - 1))
    *others, n = lengths
    a = _crop_or_pad(a, [*others, n // 2 + 1], axes)
    if others:
        a = _transform_axes(from_frequencies, a, axes[:-1], norm)
    return half_to_real(a, n=n, axis=axes[-1], norm=norm)


def _as_tuple(n: Any) -> Any:
    return None if n is None else (n,)


def fft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: Any = None) -> Array:
    """The discrete Fourier transform along an axis; see :func:`fftn`.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.fft.fft(x)[1].imag)(np.zeros(4)) + 0.0
    array([ 0., -1.,  0.,  1.])
    """
    return fftn(a, _as_tuple(n), (axis,), norm)


def ifft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: Any = None) -> Array:
    """The inverse of :func:`fft`."""
    return ifftn(a, _as_tuple(n), (axis,), norm)


def rfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: Any = None) -> Array:
    """The transform of real numbers along an axis: n // 2 + 1 coefficients; see :func:`rfftn`."""
    return rfftn(a, _as_tuple(n), (axis,), norm)


def irfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: Any = None) -> Array:
    """The inverse of :func:`rfft`, with n = 2 (m - 1) by default; see :func:`irfftn`."""
    return irfftn(a, _as_tuple(n), (axis,), norm)


def fft2(a: ArrayLike, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Array:
    """:func:`fftn` over two axes."""
    return fftn(a, s, axes, norm)


def ifft2(a: ArrayLike, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Array:
    """:func:`ifftn` over two axes."""
    return ifftn(a, s, axes, norm)


def rfft2(a: ArrayLike, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Array:
    """:func:`rfftn` over two axes."""
    return rfftn(a, s, axes, norm)


def irfft2(a: ArrayLike, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Array:
    """:func:`irfftn` over two axes."""
    return irfftn(a, s, axes, norm)


def hfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: Any = None) -> Array:
    """The transform of a signal of which the half with Hermitian symmetry is given: real."""
    return irfft(conjugated(tensor_or_array(a)), n, axis, _OPPOSITE[_canonical_norm(norm, "hfft")])


def ihfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: Any = None) -> Array:
    """The inverse of :func:`hfft`."""
    return conjugated(rfft(a, n, axis, _OPPOSITE[_canonical_norm(norm, "ihfft")]))


def _shifted(x: Array, axes: Any, amount: Callable[[int], int]) -> Array:
    x = tensor_or_array(x)
    shape = shape_of(x)
    given = range(len(shape)) if axes is None else [axes] if np.ndim(axes) == 0 else list(axes)
    return roll(x, [amount(shape[a]) for a in given], list(given)) if len(given) else x


def fftshift(x: ArrayLike, axes: Any = None) -> Array:
    """Move the coefficient of frequency 0 to the middle of the axes (all by default)."""
    return _shifted(x, axes, lambda n: n // 2)


def ifftshift(x: ArrayLike, axes: Any = None) -> Array:
    """Undo :func:`fftshift`."""
    return _shifted(x, axes, lambda n: -(n // 2))
