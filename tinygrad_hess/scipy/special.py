"""``scipy.special``, differentiable: error functions, gamma, Bessel, entropies, soft maxima.

Functions take arrays and tensors alike, broadcast, and keep float32. They may be derived to any
order in their real arguments. What is not known (an order, or the shape of an incomplete gamma or
beta function) is refused when its derivative is asked for. SciPy's own ufuncs, called on tensors,
go through the same functions; its plain Python functions (``logsumexp``, ``polygamma``, ...) do
not, so take those from here.

Examples
--------
>>> import numpy as np, scipy.special, tinygrad_hess as tg
>>> tg.grad(tg.grad(scipy.special.gammaln))(1.0) / np.pi**2
np.float64(0.16666666666666669)
>>> from tinygrad_hess.scipy import special
>>> tg.grad(special.logsumexp)(np.zeros(4))
array([0.25, 0.25, 0.25, 0.25])
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as _scipy

from ..ops import (
    cbrt,
    erf,
    exp,
    exp2,
    expm1,
    isfinite,
    log,
    log1p,
    sign,
    sinc,
    softplus,
    stop_gradient,
    sum,
    where,
)
from ..ops import log_softmax as _log_softmax
from ..ops import logsumexp as _logsumexp
from ..ops import max as _max
from ..ops import sigmoid as expit
from ..ops import softmax as _softmax
from ..ops.axes import canonical_axes
from ..ops.broadcasting import reshape
from ..ops.special_bessel import (
    i0,
    i0e,
    i1,
    i1e,
    iv,
    ive,
    j0,
    j1,
    jv,
    k0,
    k1,
    kv,
    kve,
    y0,
    y1,
    yv,
)
from ..ops.special_entropy import entr, kl_div, rel_entr, xlog1py, xlogy
from ..ops.special_error import (
    dawsn,
    erfc,
    erfcinv,
    erfcx,
    erfi,
    erfinv,
    log_expit,
    log_ndtr,
    logit,
    ndtr,
    ndtri,
)
from ..ops.special_gamma import (
    beta,
    betainc,
    betaln,
    digamma,
    gamma,
    gammainc,
    gammaincc,
    gammaln,
    loggamma,
    multigammaln,
    polygamma,
    zeta,
)

__all__ = [
    "beta", "betainc", "betaln", "cbrt", "dawsn", "digamma", "entr", "erf", "erfc", "erfcinv",
    "erfcx", "erfi", "erfinv", "exp2", "expit", "expm1", "gamma", "gammainc", "gammaincc",
    "gammaln", "i0", "i0e", "i1", "i1e", "iv", "ive", "j0", "j1", "jn", "jv", "k0", "k1", "kl_div",
    "kn", "kv", "kve", "log1p", "log_expit", "log_ndtr", "log_softmax", "loggamma", "logit",
    "logsumexp", "multigammaln", "ndtr", "ndtri", "polygamma", "psi", "rel_entr", "sinc", "softmax",
    "softplus", "xlog1py", "xlogy", "y0", "y1", "yn", "yv", "zeta",
]  # fmt: skip

jn, yn, kn, psi = jv, yv, kv, digamma


def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """log(sum(b exp(a))) over axes, without overflow.

    Parameters
    ----------
    a : array_like, float32 or float64
    axis : int, tuple of int or None
        All axes by default.
    b : array_like, optional
        Factors, which broadcast with ``a``. Terms with factor 0 count for nothing, even where
        ``a`` is infinite.
    keepdims : bool
        Keep the axes with length 1.
    return_sign : bool
        Return ``(log |sum|, sign)``, for factors that may sum to less than 0; otherwise such a
        sum gives NaN.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.special import logsumexp
    >>> print(tg.grad(lambda b: logsumexp(np.zeros(2), b=b))(np.array([1.0, 3.0])))
    [0.25 0.25]
    """
    if b is None:
        out = _logsumexp(a, axis, keepdims)
        return (out, sign(exp(out))) if return_sign else out
    a, factor = (1.0 * (x if hasattr(x, "dtype") else np.asarray(x)) for x in (a, b))
    shape = np.broadcast_shapes(a.shape, factor.shape)
    axes = canonical_axes(axis, len(shape), "logsumexp")
    counts = factor != 0
    top = stop_gradient(_max(where(counts, a, -np.inf), axes, keepdims=True))
    top = where(isfinite(top), top, 0.0)
    # A term with factor 0 has a derivative in its factor: it is left out only where it overflows.
    safe = counts | (a - top < np.log(np.finfo(a.dtype).max) - 1)
    total = sum(factor * exp(where(safe, a - top, -np.inf)), axes, keepdims=True)
    sign_of_total = sign(total)
    out = log(abs(total) if return_sign else total) + top
    if not keepdims:
        kept = tuple(n for i, n in enumerate(shape) if i - len(shape) not in axes)
        out, sign_of_total = reshape(out, shape=kept), reshape(sign_of_total, shape=kept)
    return (out, sign_of_total) if return_sign else out


def softmax(x: Any, axis: Any = None) -> Any:
    """Exponentials that sum to one over axes: over all of them by default, as in SciPy.

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.zeros((2, 2)))
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    return _softmax(x, axis)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """The logarithm of :func:`softmax`, without loss of precision.

    Examples
    --------
    >>> import numpy as np
    >>> log_softmax(np.array([1000.0, 0.0]))
    array([    0., -1000.])
    """
    return _log_softmax(x, axis)


UFUNCS: dict[Any, Any] = {
    found: globals()[name]
    for name in __all__
    if isinstance(found := getattr(_scipy, name, None), np.ufunc)
}
"""SciPy's ufuncs and what they are on tensors: what NumPy's protocol looks up."""
