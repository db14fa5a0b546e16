"""``autograd.scipy.linalg``."""

from typing import Any

import scipy.linalg as _scipy

from ....scipy import linalg as _ours
from ....scipy.linalg import *  # noqa: F403
from ..extend import defjvp as _defjvp
from ..extend import defvjp as _defvjp
from ..extend import primitive as _primitive
from ..numpy.numpy_vjps import match_complex as _match_complex

# A real matrix with negative eigenvalues has a complex root here: the library's own refuses it.
sqrtm = _primitive(_scipy.sqrtm)
_defvjp(
    sqrtm,
    lambda ans, A: lambda g: _match_complex(A, _ours.solve_sylvester(ans.T, ans.T, g)),
)
_defjvp(sqrtm, lambda t, ans, A: _ours.solve_sylvester(ans, ans, t))


def __getattr__(name: str) -> Any:
    return getattr(_scipy, name)
