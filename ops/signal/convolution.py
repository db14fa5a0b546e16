"""Convolution over any number of axes: two primitives, each the other's transpose.

    full  : (..., *n), (..., *m)  -> (..., *n + m - 1)   y[k] = Σ a[k - j] b[j], zeros outside
    valid : (..., *n), (..., *m)  -> (..., *n - m + 1)   those of full that meet no zeros, n >= m

The last ``rank`` axes are convolved; those before them broadcast. Each is linear in either
operand, so their derivatives of every order are convolutions again. Values are computed tap by
tap, by FFT, or by overlap-add, whichever SciPy expects to be fastest.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np

from ...core import signatures
from ...core.batching import broadcast_batch
from ...core.errors import describe
from ...core.kinds import structured
from .._types import Array, ArrayLike
from ..indexing.index import index
from ..shape.axes import shape_of
from ..shape.rearranging import flip

# ---- values -------------------------------------------------------------------------------------


def _convolved(a: Array, b: Array, rank: int, mode: str, method: str) -> Array:
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype:
        wide = np.result_type(a, b)
        a, b = a.astype(wide), b.astype(wide)
    if not a.size or not b.size:
        return np.zeros(_result_shape(a.shape, b.shape, rank, mode), a.dtype)
    if method == "auto":
        method = _fastest(a.shape[-rank:], b.shape[-rank:], a.dtype, mode)
    if method == "direct":
        return _direct(a, b, rank, mode)
    import scipy.signal  # imported where it is needed: it is slow to load

    ndim = max(a.ndim, b.ndim)  # SciPy asks for as many axes
    a, b = (x.reshape((1,) * (ndim - x.ndim) + x.shape) for x in (a, b))
    by_fft = scipy.signal.fftconvolve if method == "fft" else scipy.signal.oaconvolve
    return np.asarray(by_fft(a, b, mode, axes=tuple(range(-rank, 0))), a.dtype)


def _result_shape(n: Any, m: Any, rank: int, mode: str) -> tuple[int, ...]:
    sign = 1 if mode == "full" else -1
    lead = np.broadcast_shapes(n[:-rank], m[:-rank])
    pairs = zip(n[-rank:], m[-rank:], strict=True)
    return (*lead, *(max(i + sign * (j - 1), 0) for i, j in pairs))


_SURELY_DIRECT = 4096
"""Products of an example for which no FFT is worth a thought."""

_FEW = 64
"""Calls of NumPy over whole arrays that are surely faster than SciPy's loops in several axes."""


@functools.lru_cache(maxsize=1024)
def _fastest(n: Any, m: Any, dtype: Any, mode: str) -> str:
    if dtype.kind not in "fc" or math.prod(n) * math.prod(m) <= _SURELY_DIRECT:
        return "direct"
    if len(n) > 1 and min(_taps(n, m, mode), _window_count(n, m, mode)) <= _FEW:
        return "direct"
    import scipy.signal

    return str(scipy.signal.choose_conv_method(np.empty(n, dtype), np.empty(m, dtype), mode))


def _taps(n: Any, m: Any, mode: str) -> int:
    """How many elements the operand has over which a sum runs."""
    return math.prod(m) if mode == "valid" else min(math.prod(n), math.prod(m))


def _window_count(n: Any, m: Any, mode: str) -> float:
    """How many windows of a fit b; in full mode they overlap the ends, and are no windows."""
    return math.prod(i - j + 1 for i, j in zip(n, m)) if mode == "valid" else math.inf


def _direct(a: Array, b: Array, rank: int, mode: str) -> Array:
    shape = _result_shape(a.shape, b.shape, rank, mode)
    lead = shape[:-rank]
    if rank == 1 and not lead:
        return np.convolve(a, b, mode)  # type: ignore[call-overload]
    if mode == "full" and math.prod(a.shape[-rank:]) < math.prod(b.shape[-rank:]):
        a, b = b, a
    n, m = a.shape[-rank:], b.shape[-rank:]
    taps, windows = _taps(n, m, mode), _window_count(n, m, mode)
    if min(taps, windows) <= max(math.prod(lead), _FEW * (rank > 1)):
        loop = _by_taps if taps <= windows else _by_windows
        return loop(a, b, rank, mode, np.zeros(shape, a.dtype))
    a, b = (np.broadcast_to(x, (*lead, *x.shape[-rank:])) for x in (a, b))
    out = np.empty(shape, a.dtype)
    for i in np.ndindex(lead):
        out[i] = _convolve_one_example(a[i], b[i], mode)
    return out


def _convolve_one_example(a: Array, b: Array, mode: str) -> Array:
    if a.ndim == 1:
        return np.convolve(a, b, mode)  # type: ignore[call-overload]
    import scipy.signal

    return np.asarray(scipy.signal.convolve(a, b, mode, "direct"), a.dtype)


def _by_taps(a: Array, b: Array, rank: int, mode: str, out: Array) -> Array:
    """Sum over the elements of ``b``, each for all results and examples at once."""
    n, m = a.shape[-rank:], b.shape[-rank:]
    for tap in itertools.product(*map(range, m)):
        factor = b[(Ellipsis, *tap, *(np.newaxis,) * rank)]
        if mode == "full":
            out[(Ellipsis, *(slice(t, t + k) for t, k in zip(tap, n)))] += a * factor
        else:
            overlap = (slice(j - 1 - t, k - t) for t, k, j in zip(tap, n, m))
            out += a[(Ellipsis, *overlap)] * factor
    return out


def _by_windows(a: Array, b: Array, rank: int, mode: str, out: Array) -> Array:
    """One inner product for each window of ``a``, for all examples at once."""
    axes = [Ellipsis, *range(rank)]
    b = b[(Ellipsis, *(slice(None, None, -1),) * rank)]
    m = b.shape[-rank:]
    for position in itertools.product(*map(range, out.shape[-rank:])):
        window = a[(Ellipsis, *(slice(p, p + k) for p, k in zip(position, m)))]
        out[(Ellipsis, *position)] = np.einsum(window, axes, b, axes, [Ellipsis])
    return out


# ---- the primitives -----------------------------------------------------------------------------


def _flipped(x: Array, rank: int) -> Array:
    return flip(x, tuple(range(-rank, 0)))


def _row(name: str, mode: str, to_a: Any, to_b: Any, cases: Any) -> Any:
    def fn(a: Array, b: Array, *, rank: int, method: str) -> Array:
        return _convolved(a, b, rank, mode, method)

    def jvp(tangents: Any, y: Array, a: Array, b: Array, **how: Any) -> Array:
        ta, tb = tangents
        first = None if ta is None else call(ta, b, **how)
        second = None if tb is None else call(a, tb, **how)
        return second if first is None else first if second is None else first + second

    def axes(params: Any, shapes: Any, shape: Any) -> signatures.Axes:
        return signatures.last_axes((params["rank"],) * 2, params["rank"], shapes, shape)

    def batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
        return broadcast_batch(values, ndims, lead, functools.partial(fn, **params))

    call: Any = structured(
        name,
        fn,
        jvp=jvp,
        vjp=(to_a, to_b),
        batch=batch,
        signature=axes,
        analytic=True,
        flops=lambda y, a, b, rank, method: 2 * int(np.size(y)) * math.prod(b.shape[-rank:]),
        cases=cases,
    )
    return call


_DIRECT, _BY_FFT = ({"rank": 1, "method": method} for method in ("direct", "fft"))

full: Any = _row(
    "convolve_full",
    "full",
    lambda g, y, a, b, rank, method: valid(g, _flipped(b, rank), rank=rank, method=method),
    lambda g, y, a, b, rank, method: valid(g, _flipped(a, rank), rank=rank, method=method),
    [
        ([(5,), (3,)], _DIRECT),
        ([(2,), (4,)], _DIRECT),
        ([(4, 3), (2,)], _DIRECT),
        ([(3,), (1,)], _BY_FFT),
        ([(2, 4), (2, 3)], {"rank": 1, "method": "oa"}),
        ([(3, 4), (2, 2)], {"rank": 2, "method": "auto"}),
        ([(2, 3, 2), (2, 1, 3)], {"rank": 2, "method": "direct"}),
        ([(2, 2, 2), (2, 1, 2)], {"rank": 3, "method": "auto"}),
    ],
)

valid: Any = _row(
    "convolve_valid",
    "valid",
    lambda g, y, a, b, rank, method: full(g, _flipped(b, rank), rank=rank, method=method),
    lambda g, y, a, b, rank, method: _flipped(
        valid(a, _flipped(g, rank), rank=rank, method=method), rank
    ),
    [
        ([(5,), (3,)], _DIRECT),
        ([(3,), (3,)], _BY_FFT),
        ([(4, 3), (2,)], _DIRECT),
        ([(3, 4), (2, 2)], {"rank": 2, "method": "auto"}),
        ([(2, 3, 4), (2, 1, 3)], {"rank": 2, "method": "direct"}),
        ([(3, 5), (3, 4)], {"rank": 1, "method": "direct"}),
    ],
)

# ---- what users call ----------------------------------------------------------------------------


def convolution(
    a: ArrayLike, b: ArrayLike, mode: str = "full", rank: int | None = None, method: str = "auto",
    who: str = "convolve",
) -> Array:  # fmt: skip
    """The convolution of two arrays over their last axes, as in ``scipy.signal.convolve``.

    Parameters
    ----------
    a : array_like, shape (..., *n)
    b : array_like, shape (..., *m)
        Axes before the last ``rank`` broadcast.
    mode : {"full", "valid", "same"}
        All of it, shape n + m - 1; what meets no zeros, |n - m| + 1; the middle of shape n.
    rank : int, optional
        How many axes to convolve: all by default, of which both then have the same number.
    method : {"auto", "direct", "fft", "oa"}
        Tap by tap, by FFT (errors relative to the largest values, NaN and infinity reach all),
        or by overlap-add; by default whichever is expected to be fastest.
    who : str
        The caller's name, for errors.

    Raises
    ------
    ValueError
        When ranks do not agree, an axis is empty, or with "valid" neither operand is at least as
        long as the other along every axis.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.ops.signal.convolution import convolution
    >>> convolution(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.5]))
    array([0. , 1. , 2.5, 4. , 1.5])
    """
    a, b = (x if hasattr(x, "dtype") else np.asarray(x) for x in (a, b))
    if rank is None and len(a.shape) != len(b.shape):
        raise ValueError(f"{who}: {describe(a)} and {describe(b)} must have as many axes")
    rank = len(shape_of(a)) if rank is None else rank
    if mode not in ("full", "valid", "same"):
        raise ValueError(f'{who}: mode={mode!r} is none of "full", "valid", "same"')
    if method not in ("auto", "direct", "fft", "oa"):
        raise ValueError(f'{who}: method={method!r} is none of "auto", "direct", "fft"')
    n, m = (x.shape[len(x.shape) - rank :] for x in (a, b))
    if len(n) != rank or len(m) != rank or 0 in n or 0 in m:
        raise ValueError(
            f"{who}: {describe(a)} and {describe(b)} need {rank} axes to convolve, none empty"
        )
    if not rank:
        return a * b
    if mode == "valid":
        if not all(i >= j for i, j in zip(n, m, strict=True)):
            if not all(i <= j for i, j in zip(n, m, strict=True)):
                raise ValueError(
                    f'{who}: with mode="valid" one of {describe(a)} and {describe(b)} must be at '
                    "least as long as the other along every axis"
                )
            a, b = b, a
        return valid(a, b, rank=rank, method=method)
    out = full(a, b, rank=rank, method=method)
    if mode == "full":
        return out
    begins = ((j - 1) // 2 for j in m)
    return index(out, (Ellipsis, *(slice(s, s + i) for s, i in zip(begins, n))))
