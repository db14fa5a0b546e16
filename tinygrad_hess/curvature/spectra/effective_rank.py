"""How many eigenvalues carry the weight of a spectrum.

effective_rank : operator -> Estimate
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core import arguments
from ..estimates.estimate import Estimate
from ..estimates.operands import Array, Counted
from .spectral_sum import spectral_sum

KINDS = ("entropy", "stable")


def effective_rank(op: Any, kind: str = "entropy", **options: Any) -> Estimate:
    """The effective number of eigenvalues, by entropy or against the largest.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
        Real and symmetric.
    kind : {"entropy", "stable"}
        ``"entropy"`` is the exponential of the entropy ``-Σ p log p`` of the shares
        ``p = |λ| / Σ |λ|`` (Roy and Vetterli). ``"stable"`` is ``Σ |λ| / max |λ|``, for a
        positive semidefinite operator its trace over its largest eigenvalue (Tropp's intrinsic
        dimension). Both are k for k equal eigenvalues beside zeros; stable <= entropy.
    **options
        As for :func:`trace_function`.

    Returns
    -------
    Estimate
        Between 1 and P; 0 for the zero operator.

    Raises
    ------
    ValueError
        For another kind, and as :func:`trace_function`.

    References
    ----------
    Roy and Vetterli (2007), The effective rank: a measure of effective dimensionality. Tropp
    (2015), An introduction to matrix concentration inequalities, definition 7.1.1.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import effective_rank
    >>> round(effective_rank(np.diag([2.0, 2.0, 2.0, 0.0])).value, 6)
    3.0
    >>> effective_rank(np.diag([4.0, 1.0, 1.0]), kind="stable")
    Estimate(1.5, exact, 3 products)
    """
    arguments.choice("effective_rank", "kind", kind, KINDS)
    A = Counted(op, "effective_rank")
    if kind == "stable":
        return spectral_sum(A, (np.abs,), _stable, **options)
    return spectral_sum(A, (np.abs, _entropy_terms), _entropic, **options)


def _stable(sums: Array, largest: float) -> float:
    return float(sums[0] / largest) if largest > 0 else 0.0


def _entropy_terms(x: Array) -> Array:
    size = np.abs(x)
    return size * np.log(np.where(size > 0, size, 1.0))


def _entropic(sums: Array, largest: float) -> float:
    total, terms = sums
    return float(total * math.exp(-terms / total)) if total > 0 else 0.0
