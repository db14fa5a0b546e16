"""Determinants, with derivatives that are right at singular matrices too.

    det A                      the value
    cofactor(A)                its gradient
    cofactor_slope(A, T)       the derivative of the gradient along T

The gradient of det is the matrix of cofactors, which exists where the inverse does not. It and
its derivative are polynomials, evaluated from the singular values by products that leave one or
two of them out, so nothing is divided by (cof(U S W) = cof(U) cof(S) cof(W), and the cofactors of
a unitary matrix are its conjugate times its determinant). Up to three rows they are written out.
From the third derivative on, the inverse is used: at a singular matrix that is a LinAlgError.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...core.kinds import structured
from ...core.primitive import Primitive
from ..elementwise.arithmetic import multiply, subtract, where
from ..elementwise.comparison import equal
from ..elementwise.complexes import imag, is_complex, real
from ..elementwise.exponential import exp
from ..indexing.index import take_pattern
from ..shape.broadcasting import reduce_sum, reshape
from ..shape.rearranging import matrix_transpose
from ..shape.triangles import take_diagonal
from .products import matmul2
from .solving import invert_matrix, matrices, well_conditioned


def _complex_case(case: Any) -> Any:
    """The case with complex matrices."""
    return lambda rng: ((case(rng)[0][0] + 0.4j * case(rng)[0][0],), {})


_sizes = ((3,), (2, 3), (1,), (2,), (0,), (0, 2))
_cases = [well_conditioned(*lead) for lead in _sizes]


def on_matrices(x: Any) -> Any:
    """Numbers (...) as factors of matrices: (..., 1, 1)."""
    return reshape(x, shape=(*x.shape, 1, 1))


def inner_product(a: Any, b: Any) -> Any:
    """The sum of products of elements, matrix by matrix."""
    return reduce_sum(a * b, axis=(-2, -1), keepdims=False)


def _trace(x: Any) -> Any:
    return reduce_sum(take_diagonal(x, k=0), axis=(-1,), keepdims=False)


def _products_of_others(s: Any) -> Any:
    """For each element, the product of all others along the last axis."""
    one = np.ones((*s.shape[:-1], 1), s.dtype)
    before = np.cumprod(np.concatenate([one, s[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([one, s[..., :0:-1]], -1), -1)[..., ::-1]
    return before * after


def _orthogonal_parts(x: Any) -> tuple[Any, Any, Any, Any]:
    u, s, vh = np.linalg.svd(x)
    return u, s, vh, np.linalg.det(u) * np.linalg.det(vh)


_SIGNS = np.array([[1.0, -1.0], [-1.0, 1.0]])
_NEXT, _LAST = np.array([1, 2, 0]), np.array([2, 0, 1])  # of three rows, around in a circle


def _minors(x: Any, y: Any) -> Any:
    """Of matrices of three rows, one factor of x and one of y in each product."""
    a, b = (x[..., _NEXT[:, None], k] for k in (_NEXT, _LAST))
    c, d = (y[..., _LAST[:, None], k] for k in (_LAST, _NEXT))
    return a * c - b * d


def _cofactor(x: Any) -> Any:
    x = np.asarray(x)
    if not x.size:
        return np.zeros_like(x)
    if x.shape[-1] == 1:
        return np.ones_like(x)
    if x.shape[-1] == 2:
        return x[..., ::-1, ::-1] * _SIGNS.astype(x.dtype)
    if x.shape[-1] == 3:
        return _minors(x, x)
    u, s, vh, sign = _orthogonal_parts(x)
    return (u.conj() * (sign[..., None] * _products_of_others(s))[..., None, :]) @ vh.conj()


def _cofactor_slope(x: Any, t: Any) -> Any:
    x, t = np.asarray(x), np.asarray(t)
    if not (x.size and t.size):
        return np.zeros(np.broadcast_shapes(x.shape, t.shape), np.result_type(x, t))
    if x.shape[-1] == 3:
        return _minors(x, t) + _minors(t, x)
    if x.shape[-1] < 3:
        t = np.broadcast_to(t, np.broadcast_shapes(x.shape, t.shape))
        t = t.astype(np.result_type(x, t))
        return _cofactor(t) if x.shape[-1] == 2 else np.zeros_like(t)
    u, s, vh, sign = _orthogonal_parts(x)
    u, vh = u.conj(), vh.conj()
    inner = np.swapaxes(u, -1, -2) @ t @ np.swapaxes(vh, -1, -2)
    n = s.shape[-1]
    without = np.where(np.eye(n, dtype=bool), np.ones((), s.dtype), s[..., None, :])
    pairs = np.where(np.eye(n, dtype=bool), np.zeros((), s.dtype), _products_of_others(without))
    diagonal = (pairs @ np.diagonal(inner, 0, -2, -1)[..., None])[..., 0]
    slope = -np.swapaxes(inner, -1, -2) * pairs
    steps = np.arange(n)
    slope[..., steps, steps] = diagonal
    return sign[..., None, None] * (u @ slope @ vh)


def _lowered_cofactor(emit: Any, x: Any) -> Any:
    if x.shape[-1] != 2:
        return None
    turned = (slice(None),) * (len(x.shape) - 2) + (slice(None, None, -1),) * 2
    others = emit(take_pattern, x, pattern=turned, shape=x.shape)
    return emit(multiply, others, emit.constant(_SIGNS.astype(x.dtype)))


def _lowered_slope(emit: Any, x: Any, t: Any) -> Any:
    return _lowered_cofactor(emit, t)  # of two rows, the cofactors are linear


def _lowered_determinant(emit: Any, x: Any) -> Any:
    if x.shape[-1] != 2 or x.dtype.kind != "f":
        return None
    before = (slice(None),) * (len(x.shape) - 2)
    a, b, c, d = (
        emit(take_pattern, x, pattern=(*before, i, j), shape=x.shape)
        for i in (0, 1)
        for j in (0, 1)
    )
    return emit(subtract, emit(multiply, a, d), emit(multiply, b, c))


def _cofactor_curve(x: Any, t: Any, s: Any) -> Any:
    """The second derivative of the cofactors along t and s, at a matrix that has an inverse."""
    y, d = invert_matrix(x), on_matrices(determinant(x))
    yt, ys = matmul2(y, t), matmul2(y, s)
    left, right = on_matrices(_trace(yt)), on_matrices(_trace(ys))
    ts = matmul2(yt, ys)
    both = left * right - on_matrices(_trace(ts))
    paths = matmul2(ts + matmul2(ys, yt) - right * yt - left * ys, y)
    return d * matrix_transpose(both * y + paths)


def _slope_pushforward(tangents: Any, y: Any, args: Any, params: Any) -> Any:
    tx, tt = tangents
    x, t = args
    first = None if tx is None else _cofactor_curve(x, t, tx)
    second = None if tt is None else cofactor_slope(x, tt)
    return second if first is None else first if second is None else first + second


cofactor_slope: Any = Primitive(
    "cofactor_slope",
    "structured",
    _cofactor_slope,
    vjps=(
        lambda g, y, x, t: _cofactor_curve(x, t, g),
        lambda g, y, x, t: cofactor_slope(x, g),
    ),
    pushforward=_slope_pushforward,
    signature="(n,n),(n,n)->(n,n)",
    lowered=_lowered_slope,
    cases=[
        lambda rng, case=case, lead=lead: (
            (case(rng)[0][0], rng.uniform(-1, 1, (*lead, lead[-1]))),
            {},
        )
        for case, lead in zip(_cases, _sizes, strict=True)
    ],
    on_complex=True,
    doc="The derivative of the cofactors of A along T; symmetric as a map of T.",
).call

cofactor: Any = structured(
    "cofactor",
    _cofactor,
    jvp=lambda t, y, x: cofactor_slope(x, t),
    vjp=lambda g, y, x: cofactor_slope(x, g),
    signature="(n,n)->(n,n)",
    lowered=_lowered_cofactor,
    cases=_cases,
    on_complex=True,
    doc="The gradient of the determinant: det(A) A⁻ᵀ where A has an inverse.",
)

determinant: Any = structured(
    "det",
    np.linalg.det,
    jvp=lambda t, y, x: inner_product(cofactor(x), t),
    vjp=lambda g, y, x: on_matrices(g) * cofactor(x),
    lowered=_lowered_determinant,
    analytic=True,
    signature="(n,n)->()",
    flops=lambda y, x: 2 * int(np.size(x)) * int(np.shape(x)[-1]) // 3,
    cases=_cases,
    edges=[
        ((np.array([[1.0, 2], [2, 4]]), {}), (np.array([[4.0, -2], [-2, 1]]),)),
        ((np.diag([0.0, 2, 3]), {}), (np.diag([6.0, 0, 0]),)),
        ((np.zeros((1, 1)), {}), (np.ones((1, 1)),)),
        ((np.zeros((3, 3)), {}), (np.zeros((3, 3)),)),
    ],
)


def det(a: Any) -> Any:
    """The determinant of square matrices, shape (..., n, n) to (...).

    At a singular matrix the first and second derivatives are right: the gradient is the matrix
    of cofactors. Third and higher derivatives need an invertible matrix.

    Raises
    ------
    numpy.linalg.LinAlgError
        When a matrix is not square; when a third derivative is taken at a singular matrix.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(np.linalg.det)(np.array([[1.0, 2.0], [2.0, 4.0]])).round(12)
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    matrices(a, "det")
    return determinant(a)


def _log_determinant(x: Any) -> Any:
    sign, size = np.linalg.slogdet(x)
    return size + 1j * np.angle(sign)


log_determinant: Any = structured(
    "log_determinant",
    _log_determinant,
    jvp=lambda t, y, x: _trace(matmul2(invert_matrix(x), t)),
    vjp=lambda g, y, x: on_matrices(g) * matrix_transpose(invert_matrix(x)),
    on_complex=True,
    signature="(n,n)->()",
    flops=lambda y, x: 2 * int(np.size(x)) * int(np.shape(x)[-1]) // 3,
    cases=[_complex_case(case) for case in _cases],
    doc="The logarithm of the determinant of complex matrices, its angle as the imaginary part.",
)


class SlogdetResult(NamedTuple):
    """The sign of a determinant, and the logarithm of its absolute value."""

    sign: Any
    logabsdet: Any


def _signed_log_determinant_vjp(g: Any, y: Any, x: Any) -> Any:
    sign, logarithm = g  # the sign is constant, but where it jumps the inverse is an error
    return on_matrices(0 * sign if logarithm is None else logarithm) * matrix_transpose(
        invert_matrix(x)
    )


signed_log_determinant: Any = structured(
    "slogdet",
    np.linalg.slogdet,
    jvp=lambda t, y, x: (None, _trace(matmul2(invert_matrix(x), t))),
    vjp=_signed_log_determinant_vjp,
    signature="(n,n)->(),()",
    flops=lambda y, x: 2 * int(np.size(x)) * int(np.shape(x)[-1]) // 3,
    cases=_cases,
    doc="The sign and the logarithm of the absolute value.",
)


def slogdet(a: Any) -> SlogdetResult:
    """The sign of the determinant and the logarithm of its absolute value, without overflow.

    Parameters
    ----------
    a : array_like, shape (..., n, n)

    Returns
    -------
    SlogdetResult
        ``sign`` and ``logabsdet``, each of shape (...). The sign's derivative is zero where
        matrices are real; that of complex ones turns in the complex plane.

    Raises
    ------
    numpy.linalg.LinAlgError
        When a matrix is not square; when a derivative is taken at a singular matrix.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda a: np.linalg.slogdet(a).logabsdet)(np.diag([2.0, 4.0]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    matrices(a, "slogdet")
    if is_complex(a):
        y = log_determinant(a)
        size, zero = real(y), equal(real(y), -np.inf)
        return SlogdetResult(where(zero, 0.0, exp(1j * where(zero, 0.0, imag(y)))), size)
    return SlogdetResult(*signed_log_determinant(a))
