"""Eigenvalues and eigenvectors of symmetric and Hermitian matrices.

    eigh(A)                    w, V  with A = V diag(w) Vᴴ
    eigvalsh(A)                w
    eigenvalue_gradient(g, A)  V diag(g) Vᴴ      its conjugate is the pullback of eigvalsh
    eigenvalue_slopes(A, T)    diag(Vᴴ T V)      its pushforward

Magnus, "On differentiating eigenvalues and eigenvectors" (1985); for repeated eigenvalues Lewis
and Sendov, "Twice differentiable spectral functions" (2001). Input is taken to be symmetric
(Hermitian, if complex). Rules for a cotangent g of complex matrices are those for the gradient
conj(g), and give the conjugate of what these give.

At repeated eigenvalues ``eigvalsh`` chooses, among the tied eigenvectors, those in which the
tangent is diagonal. So its jvp is the one-sided directional derivative, and the Hessian-vector
product of a symmetric function of the eigenvalues (forward over reverse, as ``tg.hvp`` and
``tg.hessian`` take it) is right; a nesting that cannot make this choice raises a LinAlgError.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...core.kinds import plus, structured
from ...core.primitive import Primitive
from ..elementwise.complexes import conjugated, is_complex, real
from ..shape.axes import shape_of
from ..shape.broadcasting import reduce_sum, reshape
from ..shape.triangles import on_diagonal, symmetrize, take_diagonal
from .products import matmul2, matmul_nt, matmul_tn
from .solving import matrices
from .ties import alignment, groups, phase_free, reciprocal_gaps, untied


def distinct(*lead: int) -> Any:
    """A test case: symmetric matrices with eigenvalues about 1, 2, 3, ..."""

    def case(rng: Any, lead: Any = lead) -> Any:
        n = lead[-1]
        q = np.linalg.qr(rng.normal(size=(*lead, n)))[0]
        w = np.arange(n) + rng.uniform(0.8, 1.2, (*lead,))
        return ((q * w[..., None, :]) @ q.swapaxes(-1, -2),), {}

    return case


_cases = [distinct(*lead) for lead in ((3,), (2, 3), (1,), (0,), (0, 2))]


def _symmetric(x: Any) -> Any:
    return (x + np.swapaxes(x, -1, -2).conj()) / 2


def _in_eigenbasis(x: Any, v: Any) -> Any:
    """The symmetric part of x in the basis of the eigenvectors."""
    return matmul2(matmul_tn(conjugated(v), symmetrize(x)), v)


def _back(x: Any, v: Any) -> Any:
    """V x Vᴴ."""
    return matmul_nt(matmul2(v, x), conjugated(v))


def _real_diagonal(x: Any) -> Any:
    return real(take_diagonal(x, k=0))


# ---- values and vectors -------------------------------------------------------------------------


def _eigh_jvp(t: Any, y: Any, x: Any) -> Any:
    w, v = y
    m = _in_eigenbasis(t, v)
    turn = reciprocal_gaps(w) * untied(m, groups(w), ascending=False)
    return _real_diagonal(m), matmul2(v, turn)


def _eigh_vjp(g: Any, y: Any, x: Any) -> Any:
    (w, v), (gw, gv) = y, g
    inner = None if gw is None else on_diagonal(gw)
    if gv is not None:
        turn = conjugated(matmul_tn(v, gv))
        if is_complex(turn):
            turn = phase_free(turn)
        inner = plus(inner, reciprocal_gaps(w) * untied(turn, groups(w), ascending=False))
    return conjugated(symmetrize(_back(inner, v)))


eigensystem: Any = structured(
    "eigh",
    lambda x: np.linalg.eigh(_symmetric(x)),
    jvp=_eigh_jvp,
    vjp=_eigh_vjp,
    on_complex=True,
    signature="(n,n)->(n),(n,n)",
    flops=lambda y, x: 9 * int(np.size(x)) * int(np.shape(x)[-1]),
    cases=_cases,
    doc="Eigenvalues in ascending order, and their eigenvectors as columns.",
)


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and the eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


def eigh(a: Any, UPLO: str = "L") -> EighResult:
    """Eigenvalues and eigenvectors of symmetric matrices, or complex Hermitian ones.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        Taken to be symmetric (Hermitian): that part is decomposed, so derivatives are symmetric.
    UPLO : {'L', 'U'}
        For NumPy's sake: both triangles are read.

    Returns
    -------
    EighResult
        ``eigenvalues`` (..., n), ascending, and ``eigenvectors`` (..., n, n), as columns of length
        1. Their signs are LAPACK's: a function of the vectors should not depend on them. Nor may
        it depend on the phases of complex ones; their tangent dV is that of fixed phases, for
        which Vᴴ dV has a diagonal of zeros.

    Raises
    ------
    numpy.linalg.LinAlgError
        When a derivative depends on the choice of eigenvectors of a repeated eigenvalue, or a
        gradient on the phases of complex ones.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> a = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> tg.grad(lambda a: np.linalg.eigh(a).eigenvectors[0, 1] ** 2)(a).round(12)
    array([[ 0.25,  0.  ],
           [ 0.  , -0.25]])
    """
    _check(a, UPLO, "eigh")
    return EighResult(*eigensystem(a))


def _check(a: Any, triangle: str, who: str) -> None:
    matrices(a, who)
    if triangle not in ("L", "U", "l", "u"):
        raise ValueError(f"{who}: UPLO={triangle!r} is neither 'L' nor 'U'")


# ---- values alone -------------------------------------------------------------------------------


def _gradient(g: Any, x: Any) -> Any:
    v = np.linalg.eigh(_symmetric(x))[1]
    return (v * np.asarray(g)[..., None, :]) @ np.swapaxes(v, -1, -2).conj()


def _slopes(x: Any, t: Any) -> Any:
    w, v = np.linalg.eigh(_symmetric(x))
    m = np.swapaxes(v, -1, -2).conj() @ _symmetric(t) @ v
    r = alignment.primitive.fn(m, w, w)  # type: ignore[attr-defined]
    return np.diagonal(np.swapaxes(r, -1, -2).conj() @ m @ r, 0, -2, -1).real


def _aligned(m: Any, w: Any, v: Any, g: Any) -> tuple[Any, Any]:
    """The eigenvectors in which M is diagonal among ties, and the rotation to them."""
    r = alignment(m, w, g)
    return matmul2(v, r), r


def _differences(g: Any, w: Any) -> Any:
    """(g_j - g_i) / (w_j - w_i), and 0 between ties."""
    shape = shape_of(g)
    row, column = reshape(g, shape=(*shape[:-1], 1, shape[-1])), reshape(g, shape=(*shape, 1))
    return (row - column) * reciprocal_gaps(w)


def _gradient_pushforward(tangents: Any, y: Any, args: Any, params: Any) -> Any:
    (tg, tx), (g, x) = tangents, args
    w, v = eigensystem(x)
    inner = None if tg is None else on_diagonal(tg)
    if tx is not None:
        m = _in_eigenbasis(tx, v)
        v, r = _aligned(m, w, v, g)
        inner = plus(inner, _differences(g, w) * _in_eigenbasis(m, r))
    return _back(inner, v)


def gradient_along(u: Any, g: Any, x: Any) -> Any:
    """The derivative of V diag(g) Vᴴ along u with constant weights: as a map of u symmetric."""
    w, v = eigensystem(x)
    return _back(_differences(g, w) * untied(_in_eigenbasis(u, v), groups(w), ascending=False), v)


def weights_in(u: Any, x: Any) -> Any:
    """The real diagonal of Vᴴ u V."""
    return _real_diagonal(_in_eigenbasis(u, eigensystem(x)[1]))


eigenvalue_gradient: Any = Primitive(
    "eigenvalue_gradient",
    "structured",
    _gradient,
    vjps=(
        lambda u, y, g, x: weights_in(conjugated(u), x),
        lambda u, y, g, x: conjugated(gradient_along(conjugated(u), g, x)),
    ),
    pushforward=_gradient_pushforward,
    on_complex=True,
    signature="(n),(n,n)->(n,n)",
    cases=[
        lambda rng, case=case: ((rng.uniform(-1, 1, (a := case(rng)[0][0]).shape[:-1]), a), {})
        for case in _cases
    ],
    doc="V diag(g) Vᴴ, with the eigenvectors V of a symmetric matrix.",
).call


def _slopes_pushforward(tangents: Any, y: Any, args: Any, params: Any) -> Any:
    (tx, tt), (x, t) = tangents, args
    w, v = eigensystem(x)
    m = _in_eigenbasis(t, v)
    v, r = _aligned(m, w, v, w)
    total = None
    if tx is not None:
        n = untied(_in_eigenbasis(tx, v), groups(w), ascending=False)
        products = reciprocal_gaps(w) * real(_in_eigenbasis(m, r) * conjugated(n))
        total = 2 * reduce_sum(products, axis=(-2,), keepdims=False)
    return plus(total, None if tt is None else _real_diagonal(_in_eigenbasis(tt, v)))


def _slopes_of_matrix(u: Any, y: Any, x: Any, t: Any) -> Any:
    w, v = eigensystem(x)
    return conjugated(
        _back(_differences(u, w) * untied(_in_eigenbasis(t, v), groups(w), ascending=True), v)
    )


def _slopes_of_tangent(u: Any, y: Any, x: Any, t: Any) -> Any:
    w, v = eigensystem(x)
    return conjugated(_back(on_diagonal(u), _aligned(_in_eigenbasis(t, v), w, v, w)[0]))


eigenvalue_slopes: Any = Primitive(
    "eigenvalue_slopes",
    "structured",
    _slopes,
    vjps=(_slopes_of_matrix, _slopes_of_tangent),
    pushforward=_slopes_pushforward,
    on_complex=True,
    signature="(n,n),(n,n)->(n)",
    cases=[
        lambda rng, case=case: ((a := case(rng)[0][0], rng.uniform(-1, 1, a.shape)), {})
        for case in _cases
    ],
    doc="How fast the eigenvalues of a symmetric matrix move along a tangent.",
).call

eigenvalues: Any = structured(
    "eigvalsh",
    lambda x: np.linalg.eigvalsh(_symmetric(x)),
    jvp=lambda t, y, x: eigenvalue_slopes(x, t),
    vjp=lambda g, y, x: conjugated(eigenvalue_gradient(g, x)),
    on_complex=True,
    signature="(n,n)->(n)",
    flops=lambda y, x: 4 * int(np.size(x)) * int(np.shape(x)[-1]) // 3,
    cases=_cases,
    edges=[((np.eye(3), {}), (np.eye(3),)), ((np.zeros((2, 2)), {}), (np.eye(2),))],
)


def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues of symmetric or Hermitian matrices, ascending: (..., n, n) to (..., n).

    Symmetric functions of them (sums, norms) have the right first derivative, and the right
    Hessian-vector product by :func:`tinygrad_hess.hvp`, at repeated eigenvalues too. Of other
    functions the gradient there is one of the subgradients, and the jvp the derivative in that
    direction.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        Taken to be symmetric (Hermitian): that part counts, so derivatives are symmetric.
    UPLO : {'L', 'U'}
        For NumPy's sake: both triangles are read.

    Raises
    ------
    numpy.linalg.LinAlgError
        When a second derivative at repeated eigenvalues is not determined, or is taken in
        another nesting than forward over reverse.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> f = lambda a: (np.linalg.eigvalsh(a) ** 2).sum()
    >>> tg.hvp(f, np.eye(2), np.array([[0.0, 1.0], [1.0, 0.0]])).round(12) + 0.0
    array([[0., 2.],
           [2., 0.]])
    """
    _check(a, UPLO, "eigvalsh")
    return eigenvalues(a)
