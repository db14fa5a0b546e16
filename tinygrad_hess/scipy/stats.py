"""Log-densities of ``scipy.stats``, differentiable in the observation and in every real parameter.

    univariate   : norm t gamma beta expon laplace cauchy logistic uniform
    counts       : poisson bernoulli binom multinomial
    multivariate : dirichlet multivariate_normal

Each has ``logpdf`` and ``pdf`` (``logpmf`` and ``pmf`` for counts) with SciPy's arguments, and
its answers: minus infinity outside the support, NaN for parameters that make no distribution.
Functions take arrays and tensors alike, broadcast, and keep float32. A count carries no derivative.

Examples
--------
>>> import numpy as np, tinygrad_hess as tg
>>> from tinygrad_hess.scipy import stats
>>> x = np.array([-1.0, 0.0, 4.0])
>>> tg.grad(lambda loc: stats.norm.logpdf(x, loc, 2.0).sum())(0.0)
np.float64(0.75)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import (
    cholesky,
    diagonal,
    equal,
    exp,
    floor,
    isinf,
    isnan,
    log,
    log1p,
    matrix_transpose,
    ndim_of,
    solve_triangular,
    sum,
    where,
)
