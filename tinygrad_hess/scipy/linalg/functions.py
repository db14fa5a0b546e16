"""Functions of matrices made of the exponential; factorizations under SciPy's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.tensor import tensor_or_array
from ...ops import cholesky, concatenate, expm, index, solve, solve_triangular
from ...ops import eigh as _eigh
from ...ops import qr as _qr
from ...ops import svd as _svd
from ...ops.elementwise.complexes import adjoint
from ...ops.linalg.solving import matrices
from ...ops.shape.axes import shape_of


def _array(x: Any) -> Any:
    x = tensor_or_array(x)
    return x if x.dtype.kind in "fc" else x * 1.0


def expm_frechet(A: Any, E: Any, method: Any = None, compute_expm: bool = True) -> Any:
    """The exponential of A and its derivative along E.

    Parameters
    ----------
    A, E : array_like, shape (n, n)
    method
        Taken for compatibility: derivatives come from the exponential of a block matrix.
    compute_expm : bool
        Return ``(expm(A), derivative)`` rather than the derivative alone.

    Raises
    ------
    ValueError
        When shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.linalg import expm_frechet
    >>> print(expm_frechet(np.zeros((1, 1)), np.ones((1, 1)), compute_expm=False))
    [[1.]]
    """
    A, E = _array(A), _array(E)
    n = matrices(A, "expm_frechet")[-1]
    if E.shape != A.shape:
        raise ValueError(f"expm_frechet: A has shape {A.shape}, but E {E.shape}")
    top = concatenate([A, E], -1)
    below = concatenate([np.zeros(A.shape, A.dtype), A], -1)
    whole = expm(concatenate([top, below], -2))
    slope = index(whole, (Ellipsis, slice(0, n), slice(n, None)))
    if not compute_expm:
        return slope
    return index(whole, (Ellipsis, slice(0, n), slice(0, n))), slope


def _cos_sin(A: Any, who: str) -> tuple[Any, Any]:
    """From the exponential of [[0, -A], [A, 0]], which is [[cos A, -sin A], [sin A, cos A]]."""
    A = _array(A)
    n = matrices(A, who)[-1]
    zero = np.zeros(A.shape, A.dtype)
    top, below = concatenate([zero, -A], -1), concatenate([A, zero], -1)
    left = index(expm(concatenate([top, below], -2)), (Ellipsis, slice(0, n)))
    return index(left, (Ellipsis, slice(0, n), slice(None))), index(
        left, (Ellipsis, slice(n, None), slice(None))
    )


def cosm(A: Any) -> Any:
    """The cosine of square matrices, shape (..., n, n).

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.linalg import cosm
    >>> print(cosm(np.zeros((2, 2))))
    [[1. 0.]
     [0. 1.]]
    """
    return _cos_sin(A, "cosm")[0]


def sinm(A: Any) -> Any:
    """The sine of square matrices; see :func:`cosm`."""
    return _cos_sin(A, "sinm")[1]


def tanm(A: Any) -> Any:
    """The tangent of square matrices; see :func:`cosm`."""
    cosine, sine = _cos_sin(A, "tanm")
    return solve(cosine, sine)


def coshm(A: Any) -> Any:
    """The hyperbolic cosine of square matrices; see :func:`cosm`."""
    A = _array(A)
    return (expm(A) + expm(-A)) / 2


def sinhm(A: Any) -> Any:
    """The hyperbolic sine of square matrices; see :func:`cosm`."""
    A = _array(A)
    return (expm(A) - expm(-A)) / 2


def tanhm(A: Any) -> Any:
    """The hyperbolic tangent of square matrices; see :func:`cosm`."""
    A = _array(A)
    return solve(coshm(A), sinhm(A))


def eigh(a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False) -> Any:
    """Eigenvalues and eigenvectors of symmetric (Hermitian) matrices, or of a pair A x = w B x.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        Its symmetric part is taken; ``lower`` is not read.
    b : array_like, shape (..., n, n), optional
        Positive definite: then the vectors v have vᴴ B v = 1.
    eigvals_only : bool

    Returns
    -------
    w : shape (..., n)
        In increasing order.
    v : shape (..., n, n)
        In columns; not with ``eigvals_only``. Derivatives of vectors need distinct eigenvalues.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.linalg import eigh
    >>> print(eigh(np.diag([6.0, 2.0]), np.diag([2.0, 1.0]), eigvals_only=True))
    [2. 3.]
    """
    del lower
    if b is None:
        w, v = _eigh(a)
        return w if eigvals_only else (w, v)
    factor = cholesky(b)
    half = solve_triangular(factor, _array(a), lower=True)
    w, v = _eigh(solve_triangular(factor, adjoint(half), lower=True))
    return w if eigvals_only else (w, solve_triangular(factor, v, "C", lower=True))


def eigvalsh(a: Any, b: Any = None, *, lower: bool = True) -> Any:
    """Eigenvalues alone; see :func:`eigh`."""
    return eigh(a, b, lower=lower, eigvals_only=True)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """The singular value decomposition U, s, Vh; see ``numpy.linalg.svd``."""
    return _svd(a, full_matrices, compute_uv)


_QR_MODES = {"full": "complete", "economic": "reduced", "r": "r"}


def qr(a: Any, *, mode: str = "full") -> Any:
    """The QR factorization; see ``numpy.linalg.qr``.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
    mode : {"full", "economic", "r"}
        Q of shape (m, m); of shape (m, k) with k = min(m, n); or only R, as a tuple of one.

    Raises
    ------
    ValueError
        For another mode.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.linalg import qr
    >>> q, r = qr(np.array([[3.0], [4.0]]), mode="economic")
    >>> print(abs(r))
    [[5.]]
    """
    if mode not in _QR_MODES:
        raise ValueError(f'qr: mode={mode!r} is none of "full", "economic", "r"')
    if mode == "r":
        m, n = shape_of(a)[-2:]
        r = _qr(a, "r")
        missing = m - min(m, n)  # SciPy's R is as tall as A
        if not missing:
            return (r,)
        return (concatenate([r, np.zeros((*r.shape[:-2], missing, n), r.dtype)], -2),)
    return tuple(_qr(a, _QR_MODES[mode]))
