"""``scipy.special``, differentiable: error functions, gamma, Bessel, entropies, soft maxima, ...

Functions take arrays and tensors alike, broadcast, and keep float32. They are differentiable to any
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

from ..core.boundary import all_named as _all_named
from ..core.tensor import Tensor
from ..ops import (
    cbrt,
    erf,
    exp,
    exp2,
    expm1,
    isfinite,
    log,
    log1p,
    rint,
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
from ..ops._dispatch import dispatched as _dispatched
from ..ops.shape.axes import canonical_axes
from ..ops.shape.broadcasting import reshape
from ..ops.special.bessel import (
    i0,
    i0e,
    i1,
    i1e,
    iv,
    ive,
    j0,
    j1,
    jv,
    jve,
    k0,
    k0e,
    k1,
    k1e,
    kv,
    kve,
    y0,
    y1,
    yv,
    yve,
)
from ..ops.special.bessel import yn as _yn
from ..ops.special.counts import binom, comb, factorial, perm, poch, rgamma
from ..ops.special.distributions import (
    bdtr,
    bdtrc,
    bdtri,
    betaincc,
    betainccinv,
    betaincinv,
    chdtr,
    chdtrc,
    chdtri,
    fdtr,
    fdtrc,
    fdtri,
    gammainccinv,
    gammaincinv,
    gdtr,
    gdtrc,
    gdtrix,
    nbdtr,
    nbdtrc,
    nbdtri,
    ndtri_exp,
    pdtr,
    pdtrc,
    pdtri,
    stdtr,
    stdtrit,
)
from ..ops.special.elementary import (
    boxcox,
    boxcox1p,
    cosdg,
    cosm1,
    cotdg,
    exp10,
    exprel,
    gammasgn,
    huber,
    inv_boxcox,
    inv_boxcox1p,
    powm1,
    pseudo_huber,
    sindg,
    tandg,
)
from ..ops.special.elliptic import agm, ellipeinc, ellipj, ellipkinc
from ..ops.special.entropy import entr, kl_div, rel_entr, xlog1py, xlogy
from ..ops.special.error import (
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
from ..ops.special.gamma import (
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
from ..ops.special.hypergeometric import (
    ellipe,
    ellipk,
    ellipkm1,
    hyp0f1,
    hyp1f1,
    hyp2f1,
    hyperu,
    modstruve,
    struve,
)
from ..ops.special.integrals import (
    airy,
    exp1,
    expi,
    expn,
    fresnel,
    owens_t,
    shichi,
    sici,
    spence,
    wrightomega,
)
from ..ops.special.polynomials import (
    eval_chebyc,
    eval_chebys,
    eval_chebyt,
    eval_chebyu,
    eval_gegenbauer,
    eval_genlaguerre,
    eval_hermite,
    eval_hermitenorm,
    eval_jacobi,
    eval_laguerre,
    eval_legendre,
    eval_sh_chebyt,
    eval_sh_chebyu,
    eval_sh_legendre,
)
from ..ops.special.spherical import spherical_in, spherical_jn, spherical_kn, spherical_yn

__all__ = [
    "agm",
    "airy",
    "bdtr",
    "bdtrc",
    "bdtri",
    "beta",
    "betainc",
    "betaincc",
    "betainccinv",
    "betaincinv",
    "betaln",
    "binom",
    "boxcox",
    "boxcox1p",
    "cbrt",
    "chdtr",
    "chdtrc",
    "chdtri",
    "comb",
    "cosdg",
    "cosm1",
    "cotdg",
    "dawsn",
    "digamma",
    "ellipe",
    "ellipeinc",
    "ellipj",
    "ellipk",
    "ellipkinc",
    "ellipkm1",
    "entr",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfi",
    "erfinv",
    "eval_chebyc",
    "eval_chebys",
    "eval_chebyt",
    "eval_chebyu",
    "eval_gegenbauer",
    "eval_genlaguerre",
    "eval_hermite",
    "eval_hermitenorm",
    "eval_jacobi",
    "eval_laguerre",
    "eval_legendre",
    "eval_sh_chebyt",
    "eval_sh_chebyu",
    "eval_sh_legendre",
    "exp1",
    "exp2",
    "exp10",
    "expi",
    "expit",
    "expm1",
    "expn",
    "exprel",
    "factorial",
    "fdtr",
    "fdtrc",
    "fdtri",
    "fresnel",
    "gamma",
    "gammainc",
    "gammaincc",
    "gammainccinv",
    "gammaincinv",
    "gammaln",
    "gammasgn",
    "gdtr",
    "gdtrc",
    "gdtrix",
    "huber",
    "hyp0f1",
    "hyp1f1",
    "hyp2f1",
    "hyperu",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "inv_boxcox",
    "inv_boxcox1p",
    "iv",
    "ive",
    "j0",
    "j1",
    "jn",
    "jv",
    "jve",
    "k0",
    "k0e",
    "k1",
    "k1e",
    "kl_div",
    "kn",
    "kv",
    "kve",
    "log1p",
    "log_expit",
    "log_ndtr",
    "log_softmax",
    "loggamma",
    "logit",
    "logsumexp",
    "modstruve",
    "multigammaln",
    "nbdtr",
    "nbdtrc",
    "nbdtri",
    "ndtr",
    "ndtri",
    "ndtri_exp",
    "owens_t",
    "pdtr",
    "pdtrc",
    "pdtri",
    "perm",
    "poch",
    "polygamma",
    "powm1",
    "pseudo_huber",
    "psi",
    "rel_entr",
    "rgamma",
    "round",
    "shichi",
    "sici",
    "sinc",
    "sindg",
    "softmax",
    "softplus",
    "spence",
    "spherical_in",
    "spherical_jn",
    "spherical_kn",
    "spherical_yn",
    "stdtr",
    "stdtrit",
    "struve",
    "tandg",
    "wrightomega",
    "xlog1py",
    "xlogy",
    "y0",
    "y1",
    "yn",
    "yv",
    "yve",
    "zeta",
]  # fmt: skip

jn, psi, round = jv, digamma, rint


def _integer_order(n: Any, who: str) -> Any:
    """Orders that SciPy takes as integers; it cuts others off, which would go unnoticed here."""
    recorded = isinstance(n, Tensor) and n.dtype.kind not in "iu"
    if recorded or np.any(np.asarray(getattr(n, "value", n)) % 1 != 0):
        raise TypeError(f"{who}: orders must be integers; {who[0]}v takes real ones")
    return n


def yn(n: Any, x: Any) -> Any:
    """The Bessel function of the second kind, of integer order."""
    return _yn(_integer_order(n, "yn"), x)


def kn(n: Any, x: Any) -> Any:
    """The modified Bessel function of the second kind, of integer order."""
    return kv(_integer_order(n, "kn"), x)


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


# SciPy's soft maxima of unsigned integers wrap around, its hyp1f1 and its polynomials of a huge
# degree may never return, and its polygamma of an order that is none is NaN.
_polynomials = tuple(f for name, f in list(globals().items()) if name.startswith("eval_"))
_ours = (softmax, log_softmax, hyp1f1, polygamma, *_polynomials)
globals().update(_dispatched(globals(), _scipy, keep=_ours, narrow=True))
globals().update(_all_named(globals()))

UFUNCS: dict[Any, Any] = {
    found: globals()[name]
    for name in __all__
    if isinstance(found := getattr(_scipy, name, None), np.ufunc)
}
"""SciPy's ufuncs and what they are on tensors: what NumPy's protocol looks up."""
