"""Functions of square matrices: exponential, square root, logarithm, integer powers.

The derivative of f at A along T is the upper right block of f([[A, T], [0, A]]), for every such
f (Mathias, "A chain rule for matrix functions", 1996, theorem 2.1). It is a call of f itself, so
derivatives of any order follow, each on matrices twice as wide.
"""

from __future__ import annotations

import cmath
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import NonDifferentiableError
from ...core.kinds import structured, zero
from ..elementwise.arithmetic import power
from ..elementwise.complexes import is_complex
from ..indexing.index import index
from ..shape.axes import shape_of
from ..shape.broadcasting import broadcast_to, reshape
from ..shape.rearranging import concatenate_along, matrix_transpose
from .factorizations import positive_definite
from .products import matmul2
from .solving import inv, matrices

ON_THE_CUT = 1e3
"""Eigenvalues closer to the negative axis than this many roundings of the largest lie on it."""


def _angle_off_cut(x: Any) -> float:
    """The angle by which to turn a matrix clockwise, so that no eigenvalue is on the branch cut.

    That is the negative axis. Rounding puts eigenvalues there above or below it, and the two copies
    of one that a derivative's block matrix has on different sides. All are to be above.
    """
    if x.dtype.kind != "c" or not x.size:
        return 0.0
    w = np.linalg.eigvals(x)
    rounding = ON_THE_CUT * np.finfo(x.dtype).eps * np.abs(w).max()
    on_cut = (w.real < -rounding) & (np.abs(w.imag) <= rounding)
    if not on_cut.any():
        return 0.0
    return float(np.angle(w[~on_cut]).min(initial=0) + np.pi) / 2  # half of what is free below it


def _half_turn(x: Any) -> Any:
    out = np.ones(x.shape[:-2], x.dtype)
    for i in np.ndindex(out.shape):
        out[i] = cmath.exp(-0.5j * _angle_off_cut(x[i]))
    return out[()]


half_turn = zero(
    "half_turn",
    _half_turn,
    along=True,
    on_complex=True,
    signature="(n,n)->()",
    cases=[lambda rng: ((rng.uniform(0, 0.3, (2, 3, 3)) + (2 + 0j) * np.eye(3),), {})],
    doc="A root of the number of size 1 that turns a complex matrix off the branch cut.",
)


def _slope_off_cut(f: Callable[..., Any], x: Any, t: Any, root: bool = False) -> Any:
    """The derivative at z x along z t: that of a logarithm is the same, that of a root √z times."""
    if not is_complex(x):
        return _slope(f, x, t)
    half = half_turn(x)
    half = reshape(half, shape=(*shape_of(half), 1, 1))
    slope = _slope(f, x * half * half, t * half * half)
    return slope / half if root else slope


def _slope(f: Callable[..., Any], x: Any, t: Any) -> Any:
    n = x.shape[-1]
    if t.shape != x.shape:
        t = broadcast_to(t, shape=x.shape)
    top = concatenate_along(x, t, axis=-1)
    below = concatenate_along(np.zeros(x.shape, x.dtype), x, axis=-1)
    whole = f(concatenate_along(top, below, axis=-2))
    return index(whole, (Ellipsis, slice(0, n), slice(n, None)))


def _each(fn: Callable[[Any], Any], name: str) -> Callable[[Any], Any]:
    """A function of one matrix as one of stacks. Infinite results are refused, and complex ones of
    real matrices."""

    def over_stacks(x: Any) -> Any:
        x = np.asarray(x)
        out = np.empty(x.shape, x.dtype if x.dtype.kind in "fc" else float)
        for i in np.ndindex(x.shape[:-2]):
            if not x.shape[-1]:
                continue
            made = np.asarray(fn(x[i]))
            if not np.isfinite(made).all():
                raise np.linalg.LinAlgError(f"the {name} of the matrix is not finite")
            if made.dtype.kind == "c" and out.dtype.kind != "c":
                if np.abs(made.imag).max() > 1e3 * np.finfo(out.dtype).eps * np.abs(made).max():
                    raise NonDifferentiableError(
                        f"the {name} of the real matrix is complex, since an eigenvalue is "
                        "negative; make the matrix complex first, as in a.astype(complex)"
                    )
                made = made.real
            out[i] = made
        return out

    return over_stacks


def _matrix_function(
    name: str, fn: Callable[[Any], Any], slope: Callable[..., Any] = _slope, **row: Any
) -> Any:
    def jvp(t: Any, y: Any, x: Any) -> Any:
        return slope(call, x, t)

    def vjp(g: Any, y: Any, x: Any) -> Any:
        return slope(call, matrix_transpose(x), g)

    call: Any = structured(
        name,
        fn,
        jvp=jvp,
        vjp=vjp,
        on_complex=True,
        signature="(n,n)->(n,n)",
        flops=lambda y, x: 30 * int(np.size(x)) * int(np.shape(x)[-1]),
        **row,
    )
    return call


def _expm(x: Any) -> Any:
    import scipy.linalg  # imported where it is needed: it is slow to load

    x = np.asarray(x)
    return scipy.linalg.expm(x) if x.size else np.zeros(x.shape, x.dtype)


def _sqrtm(x: Any) -> Any:
    angle = _angle_off_cut(x)
    if not angle:
        return _usual_sqrtm(x)
    return _usual_sqrtm(x * cmath.exp(-1j * angle)) * cmath.exp(0.5j * angle)


def _usual_sqrtm(x: Any) -> Any:
    import scipy.linalg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it may be inaccurate is checked here
        y = np.asarray(scipy.linalg.sqrtm(x))
    error = np.abs(y @ y - x).max()
    if not error <= 1e4 * np.finfo(y.dtype).eps * np.abs(x).max():
        raise np.linalg.LinAlgError(
            "the matrix is singular, where it may have no square root, and its root no derivative"
        )
    return y


def _logm(x: Any) -> Any:
    import scipy.linalg

    if np.linalg.matrix_rank(x) < len(x):
        raise np.linalg.LinAlgError("the matrix is singular, so it has no logarithm")
    x = x.astype(np.result_type(x, np.float64))  # complex64 becomes double
    angle = _angle_off_cut(x)
    if not angle:
        return scipy.linalg.logm(x)
    return scipy.linalg.logm(x * cmath.exp(-1j * angle)) + 1j * angle * np.eye(len(x))


_small: list[Any] = [
    lambda rng, lead=lead: ((rng.uniform(-1, 1, (*lead, lead[-1])),), {})
    for lead in ((3,), (2, 3), (1,), (0,), (0, 2))
]
_definite = [positive_definite(*lead) for lead in ((3,), (2, 3), (1,), (0,), (0, 2))]

exponential: Any = _matrix_function("expm", _expm, cases=_small, analytic=True)
root: Any = _matrix_function(
    "sqrtm",
    _each(_sqrtm, "square root"),
    lambda f, x, t: _slope_off_cut(f, x, t, root=True),
    cases=_definite,
)
logarithm: Any = _matrix_function(
    "logm", _each(_logm, "logarithm"), _slope_off_cut, cases=_definite
)


def expm(a: Any) -> Any:
    """The exponential of square matrices, shape (..., n, n).

    A derivative costs an exponential of matrices twice as wide.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.linalg import expm
    >>> tg.grad(lambda a: expm(a)[0, 1])(np.zeros((2, 2)))
    array([[0., 1.],
           [0., 0.]])
    """
    matrices(a, "expm")
    return exponential(a)


def sqrtm(a: Any) -> Any:
    """The principal square root of square matrices, shape (..., n, n); of real ones, if real.

    Of complex ones with negative eigenvalues, it is that with roots above the real axis.

    A derivative costs a root of matrices twice as wide.

    Raises
    ------
    numpy.linalg.LinAlgError
        When a derivative is taken at a singular matrix, or a singular matrix has no root.
    NonDifferentiableError
        When the root of a real matrix is complex: an eigenvalue is negative.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.linalg import sqrtm
    >>> tg.grad(lambda a: sqrtm(a).trace())(4 * np.eye(2))
    array([[0.25, 0.  ],
           [0.  , 0.25]])
    """
    matrices(a, "sqrtm")
    return root(a)


def logm(a: Any) -> Any:
    """The principal logarithm of square matrices, shape (..., n, n); of real ones, if real.

    Of complex ones with negative eigenvalues, it is that with imaginary parts of π.

    A derivative costs a logarithm of matrices twice as wide.

    Raises
    ------
    numpy.linalg.LinAlgError
        When a matrix is singular.
    NonDifferentiableError
        When the logarithm of a real matrix is complex: an eigenvalue is negative.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.linalg import logm
    >>> tg.grad(lambda a: logm(a).trace())(4 * np.eye(2)).round(12)
    array([[0.25, 0.  ],
           [0.  , 0.25]])
    """
    matrices(a, "logm")
    return logarithm(a)


def matrix_power(a: Any, n: int) -> Any:
    """A square matrix times itself, ``n`` times; negative powers of the inverse.

    Parameters
    ----------
    a : array_like, shape (..., m, m)
    n : int
        0 gives the identity.

    Raises
    ------
    numpy.linalg.LinAlgError
        When a matrix is not square, or is singular and ``n`` is negative.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda a: np.linalg.matrix_power(a, 3).sum())(np.array([[2.0]]))
    array([[12.]])
    """
    shape = matrices(a, "matrix_power")
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"matrix_power: the exponent must be an integer, got {n!r}") from None
    if n == 0:
        one = power(a, 0)  # ones of its type, on the tape
        return one * np.eye(shape[-1], dtype=one.dtype)
    factor = inv(a) if n < 0 else a
    bits = bin(abs(n))[2:]
    result = factor
    for bit in bits[1:]:  # repeated squaring, highest bit first
        result = matmul2(result, result)
        if bit == "1":
            result = matmul2(result, factor)
    return result
