"""Singular values together with their vectors: A = U diag(s) Vᴴ.

Giles (2008), section 3.1; Townsend, "Differentiating the singular value decomposition" (2016);
for complex matrices Wan and Zhang, "Automatic differentiation for complex valued SVD" (2019).
A phase common to a pair of complex vectors is not determined: it is taken not to turn that of V.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...core.errors import NonDifferentiableError
from ...core.kinds import plus, structured
from ...core.primitive import Primitive
from ...core.tensor import Tensor
from ..elementwise.complexes import adjoint, conjugated, imag, is_complex, real
from ..shape.axes import shape_of
from ..shape.broadcasting import reduce_sum, reshape
from ..shape.triangles import on_diagonal, symmetrize, take_diagonal
from .products import matmul2, matmul_nt, matmul_tn
from .singular_values import SHAPES, distinct, svdvals
from .solving import less, matrices
from .ties import TIED, VANISHING, groups, phase_free, reciprocal_gaps, untied

_cases = [distinct(*shape) for shape in SHAPES]


def _decomposed(x: Any) -> Any:
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return u, s, np.conj(np.swapaxes(vh, -1, -2))


def _row(s: Any) -> Any:
    """A factor for each column."""
    return reshape(s, shape=(*s.shape[:-1], 1, s.shape[-1]))


def _column(s: Any) -> Any:
    """A factor for each row."""
    return reshape(s, shape=(*s.shape, 1))


def _supported(x: Any, s: Any) -> Any:
    x, s = np.asarray(x), np.asarray(s)
    eps = np.finfo(x.dtype).eps
    null = (s <= TIED * eps * s.max(-1, keepdims=True, initial=0))[..., None, :]
    if (null & (np.abs(x) > VANISHING * eps * np.abs(x).max(initial=0))).any():
        raise np.linalg.LinAlgError(
            "a singular value is zero, where its vectors of a matrix that is not square have no "
            "derivative. If only the values matter, use svdvals; for least squares, lstsq or pinv."
        )
    divisor = np.where(null, np.ones((), s.dtype), s[..., None, :])
    return np.where(null, np.zeros((), x.dtype), x / divisor)


over_values: Any = Primitive(
    "over_singular_values",
    "structured",
    _supported,
    vjps=(
        lambda g, y, x, s: over_values(g, s),
        lambda g, y, x, s: -reduce_sum(over_values(g * y, s), axis=(-2,), keepdims=False),
    ),
    pushforward=lambda tangents, y, args, params: _over_pushforward(tangents, y, args),
    signature="(m,n),(n)->(m,n)",
    on_complex=True,
    cases=[
        lambda rng, lead=lead: (
            (rng.uniform(-1, 1, (*lead, 2, 3)), rng.uniform(0.5, 2, (*lead, 3))),
            {},
        )
        for lead in ((), (2,))
    ],
    doc="Columns divided by singular values; a LinAlgError where a value is 0 and its column not.",
).call


def _over_pushforward(tangents: Any, y: Any, args: Any) -> Any:
    (tx, ts), (_, s) = tangents, args
    first = None if tx is None else over_values(tx, s)
    second = None if ts is None else over_values(y * _row(ts), s)
    return less(first, second)


def _orthogonal_to_columns(x: Any, basis: Any) -> Any:
    """The part of x orthogonal to the columns of an orthonormal basis."""
    return x - matmul2(basis, matmul_tn(conjugated(basis), x))


def _square_gaps(s: Any) -> Any:
    """1 / (s_j² - s_i²), and 0 where tied."""
    sums, same = _row(s) + _column(s), reciprocal_gaps(s)
    return same / (sums + np.eye(s.shape[-1], dtype=s.dtype))


def _svd_jvp(t: Any, y: Any, x: Any) -> Any:
    u, s, v = y
    left, right = matmul2(t, v), matmul_tn(conjugated(t), u)
    m = untied(matmul_tn(conjugated(u), left), groups(s), ascending=False)
    mt, gaps = adjoint(m), _square_gaps(s)
    turn = gaps * (m * _row(s) + _column(s) * mt)
    if is_complex(m):
        turn = turn + over_values(on_diagonal(1j * imag(take_diagonal(m, k=0))), s)
    du = matmul2(u, turn)
    dv = matmul2(v, gaps * (_column(s) * m + mt * _row(s)))
    if u.shape[-2] > s.shape[-1]:
        du = du + over_values(_orthogonal_to_columns(left, u), s)
    if v.shape[-2] > s.shape[-1]:
        dv = dv + over_values(_orthogonal_to_columns(right, v), s)
    return du, real(take_diagonal(m, k=0)), dv


def _svd_vjp(g: Any, y: Any, x: Any) -> Any:
    (u, s, v), (gu, gs, gv) = y, g
    gu, gv = (None if c is None else conjugated(c) for c in (gu, gv))
    gaps, m = _square_gaps(s), None if gs is None else on_diagonal(gs)
    left, right = (
        None if c is None else matmul_tn(conjugated(b), c) for b, c in ((u, gu), (v, gv))
    )
    if is_complex(u) and (both := plus(left, right)) is not None:
        left = less(phase_free(both), right)
        m = plus(m, over_values(on_diagonal(1j * imag(take_diagonal(left, k=0))), s))
    if left is not None:
        m = plus(m, 2 * symmetrize(gaps * untied(left, groups(s), ascending=False)) * _row(s))
    if right is not None:
        m = plus(m, 2 * _column(s) * symmetrize(gaps * untied(right, groups(s), ascending=False)))
    out = matmul_nt(matmul2(u, m), conjugated(v))
    if gu is not None and u.shape[-2] > s.shape[-1]:
        out = out + matmul_nt(over_values(_orthogonal_to_columns(gu, u), s), conjugated(v))
    if gv is not None and v.shape[-2] > s.shape[-1]:
        out = out + matmul_nt(u, conjugated(over_values(_orthogonal_to_columns(gv, v), s)))
    return conjugated(out)


thin_svd: Any = structured(
    "svd",
    _decomposed,
    jvp=_svd_jvp,
    vjp=_svd_vjp,
    on_complex=True,
    signature="(m,n)->(m,k),(k),(n,k)",
    flops=lambda y, x: 14 * int(np.size(x)) * min(np.shape(x)[-2:]),
    cases=_cases,
    doc="U, s and V, the thin singular value decomposition.",
)


class SVDResult(NamedTuple):
    """Left singular vectors as columns, singular values descending, right vectors as rows."""

    U: Any
    S: Any
    Vh: Any


def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Singular value decomposition A = U diag(S) Vh.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
    full_matrices : bool
        Complete U and Vh to square matrices. Differentiable where nothing is added: for m = n.
    compute_uv : bool
        With False, return S alone, as :func:`svdvals` does.
    hermitian : bool
        For NumPy's sake: the general method is used.

    Returns
    -------
    SVDResult
        U (..., m, k), S (..., k) descending and Vh (..., k, n), with k = min(m, n). Signs are
        LAPACK's; a function of complex vectors must not depend on the phase of a pair.

    Raises
    ------
    NonDifferentiableError
        For full_matrices=True with m != n: the vectors added are not determined.
    numpy.linalg.LinAlgError
        When a derivative depends on the choice of vectors of a repeated or zero singular value, or
        a gradient on the phases of complex vectors.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> a = np.diag([3.0, 1.0])
    >>> tg.grad(lambda a: np.linalg.svd(a).S[0])(a)
    array([[1., 0.],
           [0., 0.]])
    """
    m, n = matrices(a, "svd", square=False)[-2:]
    if not compute_uv:
        return svdvals(a)
    if full_matrices and m != n:
        if isinstance(a, Tensor):
            raise NonDifferentiableError(
                f"numpy.linalg.svd: full_matrices=True of shape {shape_of(a)} adds vectors that "
                "are not determined, so they have no derivative; use full_matrices=False, or "
                "x.numpy() where no gradient should flow"
            )
        return SVDResult(*np.linalg.svd(a))
    u, s, v = thin_svd(a)
    return SVDResult(u, s, adjoint(v))
