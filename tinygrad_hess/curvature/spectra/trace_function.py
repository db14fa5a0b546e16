"""The trace of a function of a symmetric operator: ``Σ f(λ)`` over its eigenvalues.

trace_function : operator, f -> Estimate
log_determinant, effective_dimension : operator, number -> Estimate
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import arguments
from ..estimates.dense import numerical_zero
from ..estimates.estimate import Estimate
from ..estimates.operands import Array, Counted, over_unit
from .spectral_sum import Function, spectral_sum


def trace_function(
    op: Any,
    f: Function,
    *,
    probes: int = 10,
    rtol: float | None = None,
    atol: float | None = None,
    max_matvecs: int | None = None,
    seconds: float | None = None,
    method: str = "auto",
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> Estimate:
    """The sum of a function over the eigenvalues, with its 95% interval.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
        Real and symmetric, such as a :class:`HessianOperator`.
    f : callable
        ``f(x)`` for x a float64 array of shape (n,), real and elementwise; continuous on the
        spectrum. The smoother it is there, the fewer Lanczos steps are taken. To count
        eigenvalues, use :func:`inertia`.
    probes : int
        Random vectors to begin with, at least 4.
    rtol, atol : float, optional
        Go on until half the width of the interval is at most ``max(atol, rtol * |value|)``.
    max_matvecs : int, optional
        Products to spend at most; with an accuracy, 10,000 by default.
    seconds : float, optional
        Time to spend at most.
    method : {"auto", "dense", "lanczos"}
        Whether to form the matrix; "auto" does for P up to 3,000 where the budget allows.
    seed : int
        Of the probes.
    progress : bool
        Show a progress bar.
    checkpoint : path-like, optional
        A file that keeps what was done; a run that finds it goes on.

    Returns
    -------
    Estimate
        With ``converged=False`` when the accuracy was not reached, or when 300 Lanczos steps
        did not resolve f.

    Raises
    ------
    ValueError
        For a bad shape, a matrix that is not symmetric, fewer than 4 probes, accuracies that are
        not positive, an f that is not elementwise or not finite, or products that are not finite.

    Notes
    -----
    The interval adds an estimate of the quadrature's error (from rules of half and of three
    quarters of the steps) to the t-interval over probes. Eigenvalues that all probes resolve
    enter exactly, so only the rest of the spectrum is left to chance.

    References
    ----------
    Ubaru, Chen and Saad (2017), Fast estimation of tr(f(A)) via stochastic Lanczos quadrature.
    Golub and Meurant (2010), Matrices, Moments and Quadrature.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import trace_function
    >>> trace_function(np.diag([1.0, 2.0, 3.0]), np.square)
    Estimate(14, exact, 3 products)
    """
    arguments.function("trace_function", "f", f, "Write a function of an array of eigenvalues.")
    A = Counted(op, "trace_function")
    return spectral_sum(
        A, (lambda x: f(A.unit * x),), probes=probes, rtol=rtol, atol=atol,
        max_matvecs=max_matvecs, seconds=seconds, method=method, seed=seed, progress=progress,
        checkpoint=checkpoint,
    )  # fmt: skip


def log_determinant(op: Any, shift: float = 0.0, **options: Any) -> Estimate:
    """``log det(A + shift)``, for A + shift positive definite.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
        Real and symmetric.
    shift : float
        Added to each eigenvalue: a damping, or the precision of a Gaussian prior.
    **options
        As for :func:`trace_function`.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        When A + shift has an eigenvalue that is not positive, or is zero to rounding: one was
        found, so this is certain.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import log_determinant
    >>> round(log_determinant(np.diag([1.0, 2.0, 3.0]), shift=1.0).value, 6)
    3.178054
    """

    shift = arguments.number("log_determinant", "shift", shift)
    A = Counted(op, "log_determinant")

    def log(x: Array) -> Array:
        x = A.unit * x
        lowest = float(x.min())
        if lowest + shift <= numerical_zero(A, float(np.abs(x + shift).max())):
            raise ValueError(
                f"log_determinant: the operator plus shift={shift:g} is not positive definite "
                f"numerically: it has an eigenvalue of at most {lowest + shift:.6g}. The shift "
                f"must exceed {-lowest:.6g} at the least; the logarithm of the absolute "
                "determinant is trace_function(op, lambda x: np.log(abs(x)))."
            )
        return np.log(x + shift)

    return spectral_sum(A, (log,), **options)


def effective_dimension(op: Any, damping: float, **options: Any) -> Estimate:
    """``Σ λ / (λ + damping)`` over the positive eigenvalues: how many the data determine.

    Eigenvalues that are not positive count as zero.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
        Real and symmetric.
    damping : float
        Positive: the strength of a quadratic penalty, in the units of the eigenvalues.
    **options
        As for :func:`trace_function`.

    Returns
    -------
    Estimate
        Between 0 and P.

    Raises
    ------
    ValueError
        When ``damping`` is not positive.

    References
    ----------
    MacKay (1992), Bayesian interpolation, equation 4.9: the number of well-measured parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import effective_dimension
    >>> effective_dimension(np.diag([9.0, 1.0, 0.0]), damping=1.0)
    Estimate(1.4, exact, 3 products)
    """
    damping = arguments.number("effective_dimension", "damping", damping, above=0)

    A = Counted(op, "effective_dimension")

    def share(x: Array) -> Array:
        positive = np.maximum(x, 0.0)
        return positive / (positive + over_unit(damping, A))

    return spectral_sum(A, (share,), **options)
