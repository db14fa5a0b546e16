"""``autograd.scipy.stats``: the library's distributions, and what SciPy's have beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.stats as _scipy

from .... import numpy as tnp
from .... import scipy as _ours
from ....scipy.stats import __all__
from ..tracer import getval


class _Distribution:
    """One distribution: functions of SciPy that the library lacks carry no derivative."""

    def __init__(self, name: str):
        self._sources = getattr(_ours.stats, name), getattr(_scipy, name)

    def __getattr__(self, name: str) -> Any:
        ours, theirs = self._sources
        return getattr(ours if hasattr(ours, name) else theirs, name)


class _MultivariateNormal(_Distribution):
    """Also of singular covariances, whose density is that on the plane which they span."""

    def logpdf(self, x: Any, mean: Any = 0.0, cov: Any = 1.0, allow_singular: bool = False) -> Any:
        """The log of the density; see ``scipy.stats.multivariate_normal``."""
        if not allow_singular:
            return self._sources[0].logpdf(x, mean, cov)
        rank = np.linalg.matrix_rank(getval(cov), hermitian=True)
        variances = tnp.linalg.eigvalsh(cov)[-rank:]
        d = x - mean
        square = tnp.sum(tnp.dot(d, tnp.linalg.pinv(cov)) * d, axis=-1)
        return -0.5 * (rank * np.log(2 * np.pi) + tnp.sum(tnp.log(variances)) + square)

    def pdf(self, x: Any, mean: Any = 0.0, cov: Any = 1.0, allow_singular: bool = False) -> Any:
        """The density."""
        return tnp.exp(self.logpdf(x, mean, cov, allow_singular))


globals().update({name: _Distribution(name) for name in __all__})
multivariate_normal = _MultivariateNormal("multivariate_normal")
