"""The distributions of ``scipy.stats`` by mpmath: densities, distribution functions, quantiles.

Densities are those of the standard member, None outside the support; location and scale, survival
functions, logarithms and quantiles follow from them. ``POINTS`` are standard points: ends of the
support, locations, where formulas change, integers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import scipy.stats
from mpmath import mp
from precise_special import lower_beta, lower_gamma, real, root, student, upper_gamma

Density = Callable[..., Any]
Row = tuple[Density, Density | None, tuple[tuple[float, ...], ...], tuple[float, ...]]

half = lambda x: mp.mpf(x) / 2
LINE = (0.0, 1.0, -1.0, 0.5, 3.0)
HALF = (0.0, 1.0, 0.5, 4.0)
UNIT = (0.0, 1.0, 0.5, 0.25)


def on_line(f: Density) -> Density:
    return f


def above(f: Density, low: float = 0) -> Density:
    """A density on the positive half line; its limit at 0 is looked for beside it."""
    return lambda z, *shapes: real(z >= low, lambda: f(z, *shapes))


def between(f: Density, low: Any = 0, high: Any = 1) -> Density:
    def g(z: Any, *shapes: Any) -> Any:
        ends = (e(*shapes) if callable(e) else e for e in (low, high))
        first, last = ends
        return real(first <= z <= last, lambda: f(z, *shapes))

    return g


def wrap_cauchy(z: Any, c: Any) -> Any:
    return (1 - c * c) / (2 * mp.pi * (1 + c * c - 2 * c * mp.cos(z)))


def f_density(z: Any, n: Any, d: Any) -> Any:
    ratio = n / mp.mpf(d)
    return (
        ratio ** half(n)
        * z ** (half(n) - 1)
        * (1 + ratio * z) ** (-half(n + d))
        / mp.beta(half(n), half(d))
    )


def cauchy_cdf(z: Any) -> Any:
    return mp.mpf(1) / 2 + mp.atan(z) / mp.pi


PRECISE: dict[str, Row] = {
    "norm": (mp.npdf, mp.ncdf, ((),), LINE),
    "t": (lambda z, df: (1 + z * z / df) ** (-half(df + 1)) / mp.sqrt(df) / mp.beta(half(df), half(1)), lambda z, df: student(df, z), ((1.0,), (3.5,)), LINE),
    "laplace": (lambda z: mp.exp(-abs(z)) / 2, lambda z: mp.exp(z) / 2 if z < 0 else 1 - mp.exp(-z) / 2, ((),), LINE),
    "cauchy": (lambda z: 1 / (mp.pi * (1 + z * z)), cauchy_cdf, ((),), LINE),
    "logistic": (lambda z: mp.exp(-z) / (1 + mp.exp(-z)) ** 2, lambda z: 1 / (1 + mp.exp(-z)), ((),), LINE),
    "gumbel_r": (lambda z: mp.exp(-z - mp.exp(-z)), lambda z: mp.exp(-mp.exp(-z)), ((),), LINE),
    "gumbel_l": (lambda z: mp.exp(z - mp.exp(z)), lambda z: 1 - mp.exp(-mp.exp(z)), ((),), LINE),
    "skewnorm": (lambda z, a: 2 * mp.npdf(z) * mp.ncdf(a * z), None, ((-1.5,), (0.0,)), LINE),
    "vonmises": (lambda z, k: mp.exp(k * mp.cos(z)) / (2 * mp.pi * mp.besseli(0, k)), None, ((0.0,), (2.0,)), LINE),
    "gennorm": (lambda z, b: b / 2 / mp.gamma(1 / mp.mpf(b)) * mp.exp(-(abs(z) ** b)), None, ((2.0,), (1.0,), (2.5,), (4.0,), (1.5,)), LINE),
    "expon": (above(lambda z: mp.exp(-z)), above(lambda z: -mp.expm1(-z)), ((),), HALF),
    "gamma": (above(lambda z, a: z ** (a - 1) * mp.exp(-z) / mp.gamma(a)), lambda z, a: lower_gamma(a, z), ((1.0,), (2.0,), (3.0,), (2.5,), (1.5,)), HALF),
    "chi2": (above(lambda z, k: z ** (half(k) - 1) * mp.exp(-z / 2) / 2 ** half(k) / mp.gamma(half(k))), lambda z, k: lower_gamma(half(k), z / 2), ((2.0,), (4.0,), (6.0,), (3.0,)), HALF),
    "chi": (above(lambda z, k: 2 ** (1 - half(k)) * z ** (k - 1) * mp.exp(-z * z / 2) / mp.gamma(half(k))), above(lambda z, k: lower_gamma(half(k), z * z / 2)), ((1.0,), (2.0,), (3.0,), (2.5,)), HALF),
    "f": (above(f_density), above(lambda z, n, d: lower_beta(half(n), half(d), n * z / (n * z + d))), ((2.0, 5.0), (4.0, 5.0), (6.0, 3.0)), HALF),
    "invgamma": (above(lambda z, a: z ** (-a - 1) * mp.exp(-1 / z) / mp.gamma(a)), above(lambda z, a: upper_gamma(a, 1 / z)), ((1.0,), (3.0,)), HALF),
    "lognorm": (above(lambda z, s: mp.npdf(mp.log(z) / s) / (s * z)), above(lambda z, s: mp.ncdf(mp.log(z) / s)), ((0.7,), (1.0,)), HALF),
    "weibull_min": (above(lambda z, c: c * z ** (c - 1) * mp.exp(-(z**c))), above(lambda z, c: -mp.expm1(-(z**c))), ((1.0,), (2.0,), (1.7,), (3.0,)), HALF),
    "weibull_max": (lambda z, c: real(z <= 0, lambda: c * (-z) ** (c - 1) * mp.exp(-((-z) ** c))), lambda z, c: real(z <= 0, lambda: mp.exp(-((-z) ** c))), ((1.0,), (2.0,), (1.7,), (3.0,)), (0.0, -1.0, -0.5)),
    "halfnorm": (above(lambda z: 2 * mp.npdf(z)), above(lambda z: mp.erf(z / mp.sqrt(2))), ((),), HALF),
    "halfcauchy": (above(lambda z: 2 / (mp.pi * (1 + z * z))), above(lambda z: 2 / mp.pi * mp.atan(z)), ((),), HALF),
    "rayleigh": (above(lambda z: z * mp.exp(-z * z / 2)), above(lambda z: -mp.expm1(-z * z / 2)), ((),), HALF),
    "maxwell": (above(lambda z: mp.sqrt(2 / mp.pi) * z * z * mp.exp(-z * z / 2)), above(lambda z: lower_gamma(mp.mpf(3) / 2, z * z / 2)), ((),), HALF),
    "levy": (above(lambda z: mp.exp(-1 / (2 * z)) / mp.sqrt(2 * mp.pi * z**3)), above(lambda z: mp.erfc(mp.sqrt(1 / (2 * z)))), ((),), HALF),
    "invgauss": (above(lambda z, m: mp.exp(-(((z - m) / m) ** 2) / (2 * z)) / mp.sqrt(2 * mp.pi * z**3)), None, ((1.3,), (1.0,)), HALF),
    "fisk": (above(lambda z, c: c * z ** (c - 1) / (1 + z**c) ** 2), above(lambda z, c: z**c / (1 + z**c)), ((1.0,), (2.0,), (2.5,), (3.0,)), HALF),
    "pareto": (above(lambda z, b: b * z ** (-b - 1), 1), above(lambda z, b: 1 - z ** (-b), 1), ((1.0,), (2.5,)), (1.0, 2.0, 5.0)),
    "uniform": (between(lambda z: mp.mpf(1)), between(lambda z: z), ((),), UNIT),
    "beta": (between(lambda z, a, b: z ** (a - 1) * (1 - z) ** (b - 1) / mp.beta(a, b)), lambda z, a, b: lower_beta(a, b, z), ((1.0, 1.0), (2.0, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 2.5), (1.5, 1.5)), UNIT),
    "powerlaw": (between(lambda z, a: a * z ** (a - 1)), between(lambda z, a: z**a), ((1.0,), (2.0,), (3.0,), (1.7,)), UNIT),
    "loguniform": (between(lambda z, a, b: 1 / (z * mp.log(b / a)), lambda a, b: a, lambda a, b: b), between(lambda z, a, b: mp.log(z / a) / mp.log(b / a), lambda a, b: a, lambda a, b: b), ((0.5, 3.0),), (0.5, 1.0, 3.0)),
    "truncnorm": (between(lambda z, a, b: mp.npdf(z) / (mp.ncdf(b) - mp.ncdf(a)), lambda a, b: a, lambda a, b: b), between(lambda z, a, b: (mp.ncdf(z) - mp.ncdf(a)) / (mp.ncdf(b) - mp.ncdf(a)), lambda a, b: a, lambda a, b: b), ((-0.5, 2.0), (0.0, 1.0), (1.0, 3.0)), (-0.5, 0.0, 1.0, 2.0)),
    "wrapcauchy": (between(wrap_cauchy, 0, 2 * mp.pi), None, ((0.4,),), (0.0, 1.0, 3.0)),
}  # fmt: skip

share = lambda f: lambda k, *shapes: real(0 <= shapes[-1] <= 1, lambda: f(k, *shapes))

COUNTS: dict[str, tuple[Density, tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...]]] = {
    "poisson": (lambda k, m: real(m >= 0, lambda: m**k * mp.exp(-m) / mp.factorial(k)), ((0.0,), (1.0,), (2.5,)), ((0,), (1,), (2,), (3,))),
    "bernoulli": (share(lambda k, p: p if k else 1 - p), ((0.0,), (1.0,), (0.3,)), ((0,), (1,))),
    "binom": (share(lambda k, n, p: mp.binomial(n, k) * p**k * (1 - p) ** (n - k)), ((4, 0.0), (4, 1.0), (4, 0.3)), ((0,), (1,), (2,), (3,), (4,))),
    "betabinom": (lambda k, n, a, b: mp.binomial(n, k) * mp.beta(k + a, n - k + b) / mp.beta(a, b), ((4, 1.0, 1.0), (4, 1.5, 2.5)), ((0,), (1,), (4,))),
    "nbinom": (share(lambda k, n, p: mp.gamma(k + n) / mp.gamma(n) / mp.factorial(k) * p**n * (1 - p) ** k), ((1.0, 1.0), (2.5, 0.4), (2.0, 1.0)), ((0,), (1,), (2,))),
    "geom": (share(lambda k, p: (1 - p) ** (k - 1) * p), ((1.0,), (0.3,)), ((1,), (2,), (3,))),
    "logser": (lambda k, p: real(0 < p < 1, lambda: -(p**k) / k / mp.log(1 - p)), ((0.6,), (0.1,)), ((1,), (2,))),
}  # fmt: skip
"""The probability of a count; the parameters; the counts."""


def logarithm(p: Any) -> Any:
    return None if p is None else mp.log(p) if p > 0 else None


def of_standard(name: str, what: str) -> Callable[..., Any] | None:
    """``what`` of (x, *shapes, location, scale), or None where it is not known."""
    density, cdf = PRECISE[name][:2]
    if what in ("pdf", "logpdf"):

        def pdf(x: Any, *args: Any) -> Any:
            *shapes, loc, scale = args
            if scale <= 0:
                return None
            p = density((x - loc) / scale, *shapes)
            p = None if p is None else p / scale
            return logarithm(p) if what == "logpdf" else p

        return pdf
    if cdf is None:
        return None

    def tail(x: Any, *args: Any) -> Any:
        *shapes, loc, scale = args
        p = cdf((x - loc) / scale, *shapes)
        p = p if p is None or "cdf" in what else 1 - p
        return logarithm(p) if what.startswith("log") else p

    def quantile(q: Any, *args: Any) -> Any:
        *shapes, loc, scale = args
        if not 0 < q < 1:
            return None
        start = getattr(getattr(scipy.stats, name), what)(float(q), *(float(s) for s in shapes))
        at = q if what == "ppf" else 1 - q
        return loc + scale * root(lambda z: cdf(z, *shapes) - at, mp.mpf(float(start)))

    return quantile if what in ("ppf", "isf") else tail


def of_counts(name: str, what: str) -> Callable[..., Any]:
    """``what`` of (k, *shapes), k being a count."""
    pmf = COUNTS[name][0]
    first = 1 if name in ("geom", "logser") else 0

    def f(k: Any, *shapes: Any) -> Any:
        if what in ("pmf", "logpmf"):
            p = pmf(int(k), *shapes)
        else:
            terms = [pmf(i, *shapes) for i in range(first, int(k) + 1)]
            if any(t is None for t in terms):
                return None
            p = mp.fsum(terms)
            p = p if "cdf" in what else 1 - p
        return logarithm(p) if what.startswith("log") else p

    return f
