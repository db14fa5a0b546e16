"""Integrals of functions, by adaptive and by fixed rules.

    integral : (a, b, p) -> (m + 1,)     ∫ f(t, p) dt from a to b, and an estimate of its error

By Leibniz' rule dI = f(b, p) db - f(a, p) da + ∫ f_p(t, p) dp dt. The last term is an integral
again, and so is its transpose, whose integrand is f_pᵀ g; so derivatives of every order follow,
each computed to the given tolerances.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import modes, signatures
from ...core.batching import full_lead
from ...core.errors import describe
from ...core.primitive import Primitive
from ...core.tensor import Tensor, tensor_or_array
from ...ops import astype, concatenate, isfinite, stack, sum, where
from ...transforms.gradients import jvp, vjp
from .parameters import Parameters, as_double, flat, plain
from .systems import Planned


class Integrand:
    """A function of one variable and parameters, and how to integrate it.

    Parameters
    ----------
    f : callable
        ``f(t, p) -> (size,)`` in operations of the library.
    who : str
        The user's function, for errors.
    options : dict
        For SciPy: epsabs, epsrel, limit, points.
    size : int
        How many components it has.
    is_derivative : bool
        Whether it is the derivative of another, which is worth replaying.
    """

    def __init__(
        self, f: Callable[..., Any], who: str, options: dict[str, Any], size: int = 1,
        is_derivative: bool = False,
    ):  # fmt: skip
        self.f, self.who, self.options, self.size = f, who, options, size
        self.values: Callable[..., Any] = Planned(f) if is_derivative else self._values

    def __repr__(self) -> str:
        return f"<{self.who}>"

    def _values(self, t: Any, p: Any) -> Any:
        return plain(self.f(t, p), self.who)

    @functools.cached_property
    def pushed(self) -> Integrand:
        """f_p ṗ, with the parameters (p, ṗ)."""

        def f(t: Any, pq: Any) -> Any:
            m = pq.shape[0] // 2
            return jvp(lambda p: self.f(t, p), (pq[:m],), (pq[m:],))[1]

        return Integrand(f, self.who, self.options, self.size, True)

    def pulled(self, count: int) -> Integrand:
        """f_pᵀ g, with the ``count`` parameters and then g."""

        def f(t: Any, pg: Any) -> Any:
            return vjp(lambda p: self.f(t, p), pg[:count])[1](pg[count:])[0]

        return Integrand(f, self.who, self.options, count, True)


def _integral(a: Any, b: Any, p: Any, *, integrand: Integrand) -> Any:
    dtype = np.result_type(a, b, p)
    a, b, p = float(a), float(b), np.asarray(p, np.float64)
    with modes.untraced():
        value, error = _integrate(lambda t: integrand.values(t, p), a, b, integrand)
    return np.append(value, error).astype(dtype)


def _integrate(f: Callable[[float], Any], a: float, b: float, integrand: Integrand) -> Any:
    from scipy.integrate import quad, quad_vec  # imported where it is needed: it is slow to load

    options = integrand.options
    if integrand.size == 1:
        return quad(lambda t: f(t).item(), a, b, **options)
    if not integrand.size:
        return np.zeros(0), 0.0
    if a == b:
        return np.zeros(integrand.size), 0.0
    options = {**options, "norm": "max"}
    value, error = quad_vec(f, min(a, b), max(a, b), **options)[:2]
    return (value if a < b else -value), error


def _integrand_at(integrand: Integrand, t: Any, p: Any) -> Any:
    """The integrand at a limit; zero at infinity, where it must vanish."""
    finite = isfinite(t)
    return where(finite, integrand.f(where(finite, t, 0.0), p), 0.0)


def _tangent(tangents: Any, y: Any, args: Any, params: Any) -> Any:
    (ta, tb, tp), (a, b, p), f = tangents, args, params["integrand"]
    total = np.zeros(f.size)
    if tp is not None:
        total = integral(a, b, concatenate([p, tp]), integrand=f.pushed)[:-1]
    if tb is not None:
        total = total + _integrand_at(f, b, p) * tb
    if ta is not None:
        total = total - _integrand_at(f, a, p) * ta
    return concatenate([total, np.zeros(1)])


def _cotangents(g: Any, y: Any, args: Any, params: Any) -> Any:
    (a, b, p), f = args, params["integrand"]
    g = g[:-1]
    of_p = integral(a, b, concatenate([p, g]), integrand=f.pulled(p.shape[0]))[:-1]
    return [-sum(_integrand_at(f, a, p) * g), sum(_integrand_at(f, b, p) * g), of_p]


def _batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    """Each example by itself."""
    values = full_lead(values, ndims, lead)
    out = np.empty((*lead, params["integrand"].size + 1), np.result_type(*values))
    for i in np.ndindex(lead):
        out[i] = _integral(*(v[i] for v in values), **params)
    return out


_SAMPLE = Integrand(
    lambda t, p: stack([p[0] * t * t + p[1] * p[1] * t]),
    "a polynomial",
    {"epsabs": 1e-12, "epsrel": 1e-12, "limit": 50},
)

integral: Any = Primitive(
    "integral",
    "structured",
    _integral,
    vjps=None,
    pullback=_cotangents,
    pushforward=_tangent,
    batch=_batch,
    signature=signatures.unknown,
    effects=True,
    cases=[([(), (), (2,)], {"integrand": _SAMPLE})],
    doc="The integral of a function from a to b with parameters p, then the estimated error.",
).call


def quad(
    func: Callable[..., Any],
    a: Any,
    b: Any,
    args: Any = (),
    *,
    epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
    limit: int = 50,
    points: Any = None,
    **other: Any,
) -> tuple[Any, Any]:
    """Integrate a function of one variable from a to b, as ``scipy.integrate.quad``.

    Parameters
    ----------
    func : callable
        ``func(x, *args) -> float``, in NumPy's operations.
    a, b : float
        Limits, which may be infinite. Derivatives flow to finite ones.
    args : tuple
        Further arguments: pytrees of arrays and numbers. What is to be differentiated must come
        in here or in the limits: a recorded tensor that ``func`` closes over is an error.
    epsabs, epsrel : float
        Absolute and relative tolerance, for derivatives too.
    limit : int
        How often the interval may be divided.
    points : sequence of float, optional
        Where to divide it first.

    Returns
    -------
    value, error : float
        The integral, and SciPy's estimate of its error, which has no derivative.

    Raises
    ------
    NonDifferentiableError
        When ``func`` closes over a tensor that is being recorded or mapped.
    TypeError
        For SciPy's other options, such as ``weight`` and ``full_output``.

    Notes
    -----
    A derivative is the integral of the derivative: where that does not converge, though the
    integral does, SciPy warns. At a limit where ``func`` is infinite so is the derivative.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.integrate import quad
    >>> moment = lambda rate: quad(lambda x, k: np.exp(-k * x), 0.0, np.inf, (rate,))[0]
    >>> print(tg.grad(moment)(2.0).round(6))
    -0.25
    """
    for name in other:
        raise TypeError(f"quad: {name} is not supported")
    parameters = Parameters(args if isinstance(args, tuple) else (args,), "quad")
    name = f"quad: {getattr(func, '__name__', 'the function')}"

    def f(t: Any, p: Any) -> Any:
        return flat(func(t, *parameters.tree(p)), name, 1)

    options = {"epsabs": epsabs, "epsrel": epsrel, "limit": limit}
    if points is not None:
        options["points"] = points
    ends = [as_double(_limit(x)) for x in (a, b)]
    out = integral(*ends, parameters.vector, integrand=Integrand(f, name, options))
    dtypes = [*parameters.dtypes, *(x.dtype for x in (a, b) if _is_narrow(x))]
    if dtypes:
        out = astype(out, np.result_type(*dtypes))
    return out[0], out[1]


def _limit(x: Any) -> Any:
    x = tensor_or_array(x)
    if x.shape or x.dtype.kind not in "fiu":
        raise ValueError(f"quad: a limit is {describe(x)}, and must be a real number")
    return x


def _is_narrow(x: Any) -> bool:
    return hasattr(x, "dtype") and x.dtype.kind == "f" and not isinstance(x, float)


def fixed_quad(
    func: Callable[..., Any], a: Any, b: Any, args: Any = (), n: int = 5
) -> tuple[Any, None]:
    """Integrate by Gauss-Legendre quadrature of order n, as ``scipy.integrate.fixed_quad``.

    Parameters
    ----------
    func : callable
        ``func(x, *args)`` of a vector x, shape (n,); its result has shape (..., n).
    a, b : float
        Finite limits.
    args : tuple
    n : int
        How many nodes: polynomials up to degree 2 n - 1 are integrated exactly.

    Returns
    -------
    value : shape (...)
    None
        As in SciPy.

    Raises
    ------
    ValueError
        When a limit is infinite.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.integrate import fixed_quad
    >>> print(tg.grad(lambda b: fixed_quad(lambda x: x**3, 0.0, b)[0])(2.0).round(12))
    8.0
    """
    a, b = _limit(a), _limit(b)
    for x in (a, b):
        if not isinstance(x, Tensor) and np.isinf(x):
            raise ValueError("fixed_quad: limits must be finite")
    nodes, weights = np.polynomial.legendre.leggauss(n)
    x = (b - a) * (nodes + 1) / 2 + a
    values = func(x, *(args if isinstance(args, tuple) else (args,)))
    return (b - a) / 2 * sum(weights * values, -1), None
