"""Products with logarithms, and the terms of entropies and divergences.

They are continued to where a logarithm is not: 0 log 0 is 0. There the derivative is the limit
from within the domain, which may be infinite; where a function is constant, it is 0.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from ...core.kinds import elementwise
from .._types import Array
from ..elementwise.arithmetic import _cast_operand, where
from ..elementwise.comparison import equal
from ..elementwise.exponential import log, log1p
from .scipy_ufuncs import narrow

_any = (-2, 2)
_positive = (0.3, 3)


def _nonzero(x: Array, y: Array) -> Array:
    """``y``, but infinite where both are 0: there x/y is 0, since 0 log y is 0 for every y."""
    return where(equal(x, 0) & equal(y, 0), np.inf, y)


xlogy = elementwise(
    "xlogy",
    narrow(special.xlogy),
    lambda g, y, a, b: g * log(_cast_operand(b, y.dtype)),
    lambda g, y, a, b: g * (a / _nonzero(a, b)),
    analytic=True,
    on_complex=False,
    domain=(_any, _positive),
    edges=[
        ((0.0, 0.0), (-np.inf, 0.0)),
        ((0.0, 2.0), (np.log(2.0), 0.0)),
        ((2.0, 0.0), (-np.inf, np.inf)),
    ],
    doc="x log(y), and 0 where x is 0, whatever y.",
)
xlog1py = elementwise(
    "xlog1py",
    narrow(special.xlog1py),
    lambda g, y, a, b: g * log1p(_cast_operand(b, y.dtype)),
    lambda g, y, a, b: g * (a / _nonzero(a, 1 + b)),
    analytic=True,
    on_complex=False,
    domain=(_any, (-0.6, 2)),
    edges=[
        ((0.0, -1.0), (-np.inf, 0.0)),
        ((0.0, 1.0), (np.log(2.0), 0.0)),
        ((2.0, 1e-30), (1e-30, 2.0)),
    ],
    doc="x log(1 + y), and 0 where x is 0, whatever y.",
)
entr = elementwise(
    "entr",
    special.entr,
    lambda g, y, x: g * (-1 - log(x)),
    domain=_positive,
    edges=[((0.0,), (np.inf,)), ((1.0,), (-1.0,)), ((-1.0,), (np.nan,))],
    doc="-x log(x), 0 at 0 and minus infinity below it.",
)


def _log_ratio(x: Array, y: Array) -> Array:
    """log(x / y), and infinite where both are 0: the functions below are discontinuous there."""
    both = equal(x, 0) & equal(y, 0)
    return log(where(both, np.inf, x) / where(both, 1.0, y))


rel_entr = elementwise(
    "rel_entr",
    special.rel_entr,
    lambda g, z, x, y: g * (_log_ratio(x, y) + 1),
    lambda g, z, x, y: -g * (x / _nonzero(x, y)),
    domain=(_positive, _positive),
    edges=[
        ((0.0, 2.0), (-np.inf, 0.0)),
        ((0.0, 0.0), (np.inf, 0.0)),
        ((2.0, 2.0), (1.0, -1.0)),
    ],
    doc="x log(x / y): a term of the relative entropy, 0 where x is 0.",
)
kl_div = elementwise(
    "kl_div",
    special.kl_div,
    lambda g, z, x, y: g * _log_ratio(x, y),
    lambda g, z, x, y: g * (1 - x / _nonzero(x, y)),
    domain=(_positive, _positive),
    edges=[
        ((0.0, 2.0), (-np.inf, 1.0)),
        ((0.0, 0.0), (np.inf, 1.0)),
        ((2.0, 2.0), (0.0, 0.0)),
    ],
    doc="x log(x / y) - x + y: a term of the Kullback-Leibler divergence, y where x is 0.",
)
