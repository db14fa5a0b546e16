"""``scipy.linalg``, differentiable: systems by structure, and functions of matrices.

Stacks of matrices lie on leading axes. Functions take arrays and tensors alike.

Examples
--------
>>> import numpy as np, tinygrad_hess as tg
>>> from tinygrad_hess.scipy import linalg
>>> tg.grad(lambda a: linalg.expm(a).trace())(np.zeros((2, 2)))
array([[1., 0.],
       [0., 1.]])
"""

from __future__ import annotations

from typing import Any

from scipy import linalg as _scipy

from ...core.boundary import all_named as _all_named
from ...ops import (
    cho_solve,
    det,
    expm,
    inv,
    logm,
    lstsq,
    norm,
    pinv,
    solve_triangular,
    sqrtm,
    svdvals,
    toeplitz,
)
from ...ops import cholesky as _cholesky
from ...ops import solve_assuming as solve
from ...ops._dispatch import as_it_is as _as_it_is
from ...ops._dispatch import dispatched as _dispatched
from ...ops.linalg.banded import cholesky_banded, solve_banded, solveh_banded
from ...ops.linalg.lu import lu, lu_factor, lu_solve
from ...ops.linalg.polar import polar
from ...ops.linalg.sylvester import (
    solve_continuous_lyapunov,
    solve_discrete_lyapunov,
    solve_sylvester,
)
from .functions import (
    coshm,
    cosm,
    eigh,
    eigvalsh,
    expm_frechet,
    qr,
    sinhm,
    sinm,
    svd,
    tanhm,
    tanm,
)
from .structured import block_diag, circulant, hankel, khatri_rao

__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "cholesky_banded", "circulant",
    "coshm", "cosm", "det", "eigh", "eigvalsh", "expm", "expm_frechet", "hankel", "inv",
    "khatri_rao", "logm", "lstsq", "lu", "lu_factor", "lu_solve", "norm", "pinv", "polar",
    "qr", "sinhm", "sinm", "solve", "solve_banded", "solve_continuous_lyapunov",
    "solve_discrete_lyapunov", "solve_lyapunov", "solve_sylvester", "solve_triangular",
    "solveh_banded", "sqrtm", "svd", "svdvals", "tanhm", "tanm", "toeplitz",
]  # fmt: skip

solve_lyapunov = solve_continuous_lyapunov


def cholesky(a: Any, lower: bool = False) -> Any:
    """The Cholesky factor of symmetric positive definite matrices: upper, unless ``lower``.

    See :func:`tinygrad_hess.numpy.linalg.cholesky`, whose factor is lower unless asked otherwise.
    """
    return _cholesky(a, upper=not lower)


def cho_factor(a: Any, lower: bool = False) -> tuple[Any, bool]:
    """What :func:`cho_solve` takes: the Cholesky factor, and whether it is the lower one.

    The triangle that SciPy leaves undefined is zero here.
    """
    return cholesky(a, lower), lower


_symmetric = (cholesky, cho_factor, eigh, eigvalsh)  # functions of both triangles, not of one
# these raise LinAlgError where SciPy's give numbers without meaning, or warn
_regular = (
    solve_sylvester, solve_continuous_lyapunov, solve_discrete_lyapunov, solve_lyapunov, logm,
)  # fmt: skip
_arranged = (block_diag, circulant, hankel, khatri_rao, toeplitz)
_keep = (*_symmetric, *_regular, *_arranged)
# their first argument is a pair that another function gave
_factors: dict[Any, Any] = dict.fromkeys((cho_solve, lu_solve), _as_it_is)
globals().update(_dispatched(globals(), _scipy, keep=_keep, lists=_factors, narrow=True))
globals().update(_all_named(globals()))
