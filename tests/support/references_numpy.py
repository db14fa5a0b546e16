"""The primitives made for NumPy's names, and for scipy.special's of an order, written another way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special


def _exponent(x: Any) -> Any:
    size = np.where(x == 0, 1, np.abs(x)).astype(np.float64)
    return np.where(x == 0, 0, np.floor(np.log2(size)) + 1).astype(np.int32)


def _of_last_type(name: str) -> Callable[..., Any]:
    """SciPy computes in float64 beside integers; a result here has the type of the argument."""

    def expected(*args: Any) -> Any:
        *orders, x = args
        whole = [np.asarray(n).astype(np.intp) for n in orders]
        return np.asarray(getattr(special, name)(*whole, np.asarray(x, float)), x.dtype)

    return expected


_OF_AN_ORDER = [
    "bdtr", "bdtrc", "bdtri", "betaincc", "betainccinv", "betaincinv", "chdtr", "chdtrc", "chdtri",
    "eval_chebyt", "eval_chebyu", "eval_gegenbauer", "eval_genlaguerre", "eval_hermite",
    "eval_hermitenorm", "eval_jacobi", "eval_laguerre", "eval_legendre", "expn", "fdtr", "fdtrc",
    "fdtri", "gammainccinv", "gammaincinv", "gdtr", "gdtrc", "gdtrix", "hyp0f1", "hyp1f1", "hyp2f1",
    "hyperu", "modstruve", "nbdtr", "nbdtrc", "nbdtri", "pdtr", "pdtrc", "pdtri", "spherical_in",
    "spherical_jn", "spherical_kn", "spherical_yn", "stdtr", "stdtrit", "struve",
]  # fmt: skip

NUMPY: dict[str, Callable[..., Any]] = {
    "binary_exponent": _exponent,
    "sine_integral": lambda x: special.sici(x)[0],
    "cosine_integral": lambda x: special.sici(x)[1],
    "sinh_integral": lambda x: special.shichi(x)[0],
    "cosh_integral": lambda x: special.shichi(x)[1],
    "jacobi_part": lambda u, m, part: np.asarray(special.ellipj(u, 1.0 * m)[part], u.dtype),
    "ellipkinc": lambda phi, m: special.ellipkinc(phi, np.asarray(m, phi.dtype)),
    "ellipeinc": lambda phi, m: special.ellipeinc(phi, np.asarray(m, phi.dtype)),
    "fresnel_sine": lambda x: special.fresnel(x)[0],
    "fresnel_cosine": lambda x: special.fresnel(x)[1],
    "airy_part": lambda x, part: special.airy(x)[part],
    **{name: _of_last_type(name) for name in _OF_AN_ORDER},
}
