"""Eigenvalues and eigenvectors of general square matrices, real and complex.

    A V = V diag(w)  ->  dw = diag(M), dV = V (F ∘ M) with M = V⁻¹ dA V, F_ij = 1 / (w_j - w_i)

Giles (2008), section 3.1; for complex numbers Boeddeker et al. (2017), "On the computation of
complex-valued gradients with application to statistically optimum beamforming", section 4.2. The
columns of V keep length 1, and of complex ones the largest element stays real, as in LAPACK.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...core.errors import NonDifferentiableError
from ...core.kinds import plus, structured, zero
from ...core.tensor import Tensor
from ..elementwise.complexes import conj, imag, is_complex, real
from ..shape.broadcasting import reduce_sum
from ..shape.rearranging import matrix_transpose
from ..shape.triangles import on_diagonal, take_diagonal
from .products import matmul2, matmul_nt, matmul_tn
from .solving import matrices, solve_columns
from .ties import groups, reciprocal_gaps, untied


class _ComplexEigenvaluesError(NonDifferentiableError):
    """A real matrix has complex eigenvalues where real ones were asked for."""


def _as_complex(x: Any) -> Any:
    return x.astype(np.result_type(x, np.complex64), copy=False)


def _decomposed(x: Any, *, real: bool) -> Any:
    w, v = np.linalg.eig(x)
    if real and w.dtype.kind == "c":
        if w.imag.any():
            raise _ComplexEigenvaluesError(
                "the real matrix has complex eigenvalues, where it had real ones when the function "
                "was recorded. Make it complex first, as in np.linalg.eig(a.astype(complex))."
            )
        w, v = w.real, v.real
    return (w, v) if real else (_as_complex(w), _as_complex(v))


def _largest(v: Any) -> Any:
    """1 at the largest element of each column, 0 elsewhere."""
    size = np.abs(v)
    if not size.size:
        return size
    return (np.arange(v.shape[-2])[:, None] == size.argmax(-2)[..., None, :]).astype(size.dtype)


largest_of_column: Any = zero(
    "largest_of_column",
    _largest,
    along=True,
    on_complex=True,
    signature="(m,n)->(m,n)",
    cases=[([(3, 3)], {}), ([(2, 3, 3)], {})],
    doc=_largest.__doc__ or "",
)


def _down(x: Any) -> Any:
    return reduce_sum(x, axis=(-2,), keepdims=True)


def _normalized_change(x: Any, v: Any) -> Any:
    """x without what would change the length of the columns of v, or turn their largest element."""
    kept = x - v * _down(real(x * conj(v)))
    if not is_complex(v):
        return kept
    at = largest_of_column(v)
    return kept - 1j * v * (_down(at * imag(x)) / _down(at * real(v)))


def _normalized_change_transposed(g: Any, v: Any) -> Any:
    """The transpose of the same map."""
    if not is_complex(v):
        return _normalized_change(g, v)
    total, at = _down(g * v), largest_of_column(v)
    turned = at * (imag(total) / _down(at * real(v)))
    return g - conj(v) * real(total) - 1j * turned


def _eig_jvp(t: Any, y: Any, x: Any, real: bool) -> Any:
    w, v = y
    m = solve_columns(v, matmul2(t, v))
    turn = matmul2(v, reciprocal_gaps(w) * untied(m, groups(w), ascending=False))
    return take_diagonal(m, k=0), _normalized_change(turn, v)


def _eig_vjp(g: Any, y: Any, x: Any, real: bool) -> Any:
    (w, v), (gw, gv) = y, g
    inner = None if gw is None else on_diagonal(gw)
    if gv is not None:
        turn = matmul_tn(v, _normalized_change_transposed(gv, v))
        inner = plus(inner, reciprocal_gaps(w) * untied(turn, groups(w), ascending=False))
    return solve_columns(matrix_transpose(v), matmul_nt(inner, v))


def _distinct(*lead: int) -> Any:
    """A test case: V diag(1, 2, ...) V⁻¹, with V far from singular and no two alike."""

    def case(rng: Any, lead: Any = lead) -> Any:
        n = lead[-1]
        v = rng.uniform(-0.4, 0.4, (*lead, n)) + np.eye(n)
        w = np.arange(n) + rng.uniform(0.8, 1.2, lead)
        return ((v * w[..., None, :]) @ np.linalg.inv(v),), {"real": True}

    return case


eigensystem: Any = structured(
    "eig",
    _decomposed,
    jvp=_eig_jvp,
    vjp=_eig_vjp,
    on_complex=True,
    signature="(n,n)->(n),(n,n)",
    flops=lambda y, x, real: 25 * int(np.size(x)) * int(np.shape(x)[-1]),
    cases=[_distinct(*lead) for lead in ((3,), (2, 3), (1,), (0,), (0, 2))],
    doc="Eigenvalues in LAPACK's order, and their eigenvectors as columns.",
)


class EigResult(NamedTuple):
    """Eigenvalues in no particular order, and the eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


def eig(a: Any) -> EigResult:
    """Eigenvalues and eigenvectors of square matrices.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        Real or complex.

    Returns
    -------
    EigResult
        ``eigenvalues`` (..., n) and ``eigenvectors`` (..., n, n), as columns of length 1 with
        LAPACK's signs; the largest element of a complex one is real. As in NumPy they are complex
        unless all eigenvalues of a real matrix (or stack) are real.

    Raises
    ------
    NonDifferentiableError
        When a function was recorded by ``jit`` with real eigenvalues, and a later call has complex
        ones: the type of a replayed result cannot change. Pass a complex matrix then.
    numpy.linalg.LinAlgError
        When a derivative depends on the choice of eigenvectors of a repeated eigenvalue, or the
        eigenvectors do not span the space.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda a: np.linalg.eig(a).eigenvalues.max())(np.array([[2.0, 1.0], [0.0, 1.0]]))
    array([[1., 0.],
           [1., 0.]])
    """
    matrices(a, "eig")
    if not isinstance(a, Tensor):
        return EigResult(*np.linalg.eig(a))
    if is_complex(a):
        return EigResult(*eigensystem(a, real=False))
    try:
        return EigResult(*eigensystem(a, real=True))
    except _ComplexEigenvaluesError:
        return EigResult(*eigensystem(a, real=False))


def eigvals(a: Any) -> Any:
    """Eigenvalues of square matrices; see :func:`eig`."""
    matrices(a, "eigvals")
    if not isinstance(a, Tensor):
        return np.linalg.eigvals(a)
    return eig(a).eigenvalues
