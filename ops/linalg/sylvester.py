"""Sylvester's equation A X + X B = Q, and Lyapunov's, which are of its kind.

dX solves the same equation with dQ - dA X - X dB on the right, and the transposed equation
Aᵀ Q̄ + Q̄ Bᵀ = X̄ carries cotangents back: Ā = -Q̄ Xᵀ, B̄ = -Xᵀ Q̄ (Kao and Hennequin,
"Automatic differentiation of Sylvester, Lyapunov, and algebraic Riccati equations", 2020).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.primitive import Primitive
from .._dispatch import as_floating
from ..elementwise.complexes import adjoint, conjugated
from ..shape.axes import shape_of
from ..shape.broadcasting import reshape
from ..shape.rearranging import matrix_transpose
from .matrix_products import kron
from .products import matmul2, matmul_nt, matmul_tn
from .solving import inv, less, matrices, solve


def _solve_by_schur_forms(a: Any, b: Any, q: Any) -> Any:
    """By the Schur forms of A and Bᴴ, which make it triangular (Bartels and Stewart, 1972)."""
    from scipy.linalg import get_lapack_funcs, schur  # imported where needed: slow to load

    is_complex = q.dtype.kind == "c"
    output = "complex" if is_complex else "real"
    r, u = schur(a, output=output)
    s, v = schur(b.conj().T, output=output)
    f = u.conj().T @ q @ v
    (trsyl,) = get_lapack_funcs(("trsyl",), (r, s, f))
    y, scale, info = trsyl(r, s, f, tranb="C" if is_complex else "T")
    if info:
        raise np.linalg.LinAlgError(
            "A and -B have an eigenvalue in common, or nearly so: the equation has no solution, or "
            "many"
        )
    return u @ (scale * y) @ v.conj().T


def _solution(a: Any, b: Any, q: Any) -> Any:
    dtype = np.result_type(a, b, q)
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2], q.shape[:-2])
    a, b, q = (np.broadcast_to(x, lead + x.shape[-2:]).astype(dtype) for x in (a, b, q))
    out = np.empty(q.shape, dtype)
    for i in np.ndindex(lead):
        if out[i].size:
            out[i] = _solve_by_schur_forms(a[i], b[i], q[i])
    return out


def _pushforward(tangents: Any, y: Any, args: Any, params: Any) -> Any:
    (a, b, _), (ta, tb, tq) = args, tangents
    right = less(tq, None if ta is None else matmul2(ta, y))
    return sylvester(a, b, less(right, None if tb is None else matmul2(y, tb)))


def _pullback(g: Any, y: Any, args: Any, params: Any) -> Any:
    a, b, _ = args
    of_q = sylvester(matrix_transpose(a), matrix_transpose(b), g)
    return [-matmul_nt(of_q, y), -matmul_tn(y, of_q), of_q]


def _case(*lead: int, n: int = 3, m: int = 2) -> Any:
    def case(rng: Any) -> Any:
        a, b = rng.uniform(-1, 1, (*lead, n, n)), rng.uniform(-1, 1, (m, m))
        return (a + 2 * np.eye(n), b + 2 * np.eye(m), rng.uniform(-1, 1, (*lead, n, m))), {}

    return case


sylvester: Any = Primitive(
    "solve_sylvester",
    "structured",
    _solution,
    vjps=None,
    pushforward=_pushforward,
    pullback=_pullback,
    signature="(n,n),(m,m),(n,m)->(n,m)",
    analytic=True,
    flops=lambda y, a, b, q: 25 * (np.size(a) * a.shape[-1] + np.size(b) * b.shape[-1]),
    cases=[_case(), _case(2), _case(n=1, m=1), _case(n=0)],
    doc="X of A X + X B = Q, for stacks of matrices that broadcast.",
).call


def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """Solve A X + X B = Q.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
    b : array_like, shape (..., m, m)
    q : array_like, shape (..., n, m)

    Returns
    -------
    shape (..., n, m)

    Raises
    ------
    numpy.linalg.LinAlgError
        When A and -B have an eigenvalue in common, or A or B is not square.
    ValueError
        When shapes do not fit.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.linalg import solve_sylvester
    >>> a, b = np.diag([1.0, 2.0]), np.diag([1.0, 3.0])
    >>> print(tg.grad(lambda q: solve_sylvester(a, b, q).sum())(np.ones((2, 2))).round(6))
    [[0.5      0.25    ]
     [0.333333 0.2     ]]
    """
    a, b, q = as_floating(a), as_floating(b), as_floating(q)
    n, m = matrices(a, "solve_sylvester")[-1], matrices(b, "solve_sylvester")[-1]
    _check_right(q, (n, m), "solve_sylvester")
    return sylvester(a, b, q)


def _check_right(q: Any, shape: tuple[int, int], who: str) -> None:
    have = shape_of(q)
    if have[-2:] != shape:
        raise ValueError(f"{who}: the right-hand side has shape {have}, but {shape} is needed")


def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """Solve A X + X Aᴴ = Q; see :func:`solve_sylvester`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.linalg import solve_continuous_lyapunov
    >>> print(solve_continuous_lyapunov(-np.eye(2), np.eye(2)))
    [[-0.5  0. ]
     [ 0.  -0.5]]
    """
    a, q = as_floating(a), as_floating(q)
    n = matrices(a, "solve_continuous_lyapunov")[-1]
    _check_right(q, (n, n), "solve_continuous_lyapunov")
    return sylvester(a, adjoint(a), q)


_SMALL = 10


def solve_discrete_lyapunov(a: Any, q: Any, method: str | None = None) -> Any:
    """Solve A X Aᴴ - X + Q = 0.

    Parameters
    ----------
    a, q : array_like, shape (n, n)
    method : {None, "direct", "bilinear"}
        A linear system of n² unknowns, by default for n < 10; or Lyapunov's equation, after a
        bilinear transformation that needs A + I to be regular.

    Raises
    ------
    numpy.linalg.LinAlgError
        When the product of two eigenvalues is 1, or A is no square matrix.
    ValueError
        When shapes do not fit, or ``method`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.linalg import solve_discrete_lyapunov
    >>> print(solve_discrete_lyapunov(0.5 * np.eye(2), 3 * np.eye(2)))
    [[4. 0.]
     [0. 4.]]
    """
    a, q = as_floating(a), as_floating(q)
    who = "solve_discrete_lyapunov"
    shape = matrices(a, who)
    if len(shape) != 2 or shape_of(q) != shape:
        raise ValueError(f"{who}: A and Q must be matrices of one shape: {shape}, {shape_of(q)}")
    n = shape[-1]
    method = method or ("direct" if n < _SMALL else "bilinear")
    one = np.eye(n)
    if method == "direct":
        system = np.eye(n * n) - kron(a, conjugated(a))
        return reshape(solve(system, reshape(q, shape=(n * n,))), shape=shape)
    if method != "bilinear":
        raise ValueError(f'{who}: method={method!r} is none of "direct", "bilinear"')
    turned = adjoint(a)
    right = inv(turned + one)
    b = matmul2(turned - one, right)
    c = 2 * matmul2(inv(a + one), matmul2(q, right))
    return sylvester(adjoint(b), b, -c)
