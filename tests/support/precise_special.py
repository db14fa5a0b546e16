"""The functions of ``scipy.special`` by mpmath, and the points at which each is special.

A row is ``name: (function of mpmath's numbers, [(arguments, position), ...], points)``: the argument
at that position moves through the points, the others are fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpmath import mp

Row = tuple[Callable[..., Any], list[tuple[tuple[float, ...], int]], tuple[float, ...]]

LINE = (0.0, 1.0, -1.0, 0.5, -2.5, 7.0)
HALF = (0.0, 1.0, 0.3, 2.0, 6.5)
SHARE = (0.0, 1.0, 0.5, 0.25, 0.9)
WITHIN = (0.5, 0.25, 0.9)
"""Quantiles: at 0 and 1 they are infinite or end the support."""
UNIT = (0.0, 1.0, -1.0, 0.5, -0.7)


def alone(f: Callable[[Any], Any], points: tuple[float, ...] = LINE) -> Row:
    return f, [((0.0,), 0)], points


def of(f: Callable[..., Any], points: tuple[float, ...], *orders: tuple[float, ...]) -> Row:
    """A function of orders and an argument, which moves."""
    return f, [((*given, 0.0), len(given)) for given in orders], points


def both(f: Callable[..., Any], points: tuple[float, ...], *pairs: tuple[float, float]) -> Row:
    """A function of two arguments, each of which moves beside the others of the pairs."""
    cases = [(pair, position) for pair in pairs for position in (0, 1)]
    return f, [(pair, position) for pair, position in cases], points


def real(condition: Any, value: Callable[[], Any]) -> Any:
    return value() if condition else None


def xlogy(a: Any, b: Any) -> Any:
    return mp.mpf(0) if a == 0 else real(b > 0, lambda: a * mp.log(b))


def lower_gamma(a: Any, x: Any) -> Any:
    return real(x >= 0, lambda: mp.gammainc(a, 0, x, regularized=True))


def upper_gamma(a: Any, x: Any) -> Any:
    return real(x >= 0, lambda: mp.gammainc(a, x, mp.inf, regularized=True))


def lower_beta(a: Any, b: Any, x: Any) -> Any:
    return real(0 <= x <= 1, lambda: mp.betainc(a, b, 0, x, regularized=True))


def student(df: Any, t: Any) -> Any:
    half = mp.mpf(df) / 2
    scale = mp.gammaprod([half + mp.mpf(1) / 2], [half]) / mp.sqrt(mp.pi * df)
    series = mp.hyp2f1(mp.mpf(1) / 2, half + mp.mpf(1) / 2, mp.mpf(3) / 2, -t * t / df)
    return mp.mpf(1) / 2 + t * scale * series


def inverse(forward: Callable[..., Any], start: str) -> Callable[..., Any]:
    """The last argument of ``forward`` that gives a value, from SciPy's answer on."""
    import scipy.special

    def f(*args: Any) -> Any:
        *orders, p = args
        if not 0 < p < 1:
            return None
        x = mp.mpf(float(getattr(scipy.special, start)(*(float(o) for o in orders), float(p))))
        return root(lambda x: forward(*orders, x) - p, x)

    return f


def root(f: Callable[[Any], Any], x: Any) -> Any:
    """Newton's method from sixteen digits on, with a slope by differences: three times more each."""
    h = mp.mpf(10) ** -40 * (abs(x) or 1)
    for _ in range(4):
        x = x - f(x) * h / (f(x + h) - f(x))
        h = mp.mpf(10) ** (-mp.dps // 2) * (abs(x) or 1)
    return x


def spherical(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda n, x: real(x > 0, lambda: mp.sqrt(mp.pi / (2 * x)) * f(n + mp.mpf(1) / 2, x))


def jacobi(kind: str) -> Callable[..., Any]:
    return lambda u, m: mp.ellipfun(kind, u, m=m)


def boxcox(x: Any, p: Any) -> Any:
    if x <= 0:
        return None
    return mp.log(x) if p == 0 else mp.expm1(p * mp.log(x)) / p


def inv_boxcox(y: Any, p: Any) -> Any:
    if p == 0:
        return mp.exp(y)
    return real(1 + p * y > 0, lambda: mp.exp(mp.log1p(p * y) / p))


def huber(d: Any, r: Any) -> Any:
    return real(d >= 0, lambda: r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2))


def owens_t(h: Any, a: Any) -> Any:
    g = lambda t: mp.exp(-h * h * (1 + t * t) / 2) / (1 + t * t)
    return mp.quad(g, [0, a]) / (2 * mp.pi)


def binom(n: Any, k: Any) -> Any:
    return real(n > -1 and -1 < k < n + 1, lambda: mp.binomial(n, k))


def counted(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda n, k: real(0 <= k <= n, lambda: f(n, k))


def scaled(f: Callable[..., Any], of: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda *args: of(args[-1]) * f(*args)


def positive(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: real(args[-1] > 0, lambda: f(*args))


def _less_one(v: Any) -> Any:
    return None if v is None else v - 1


_fall = lambda x: mp.exp(-abs(x))
_n = ((0, ), (1, ), (2, ), (3, ))  # fmt: skip
_degrees = ((0,), (1,), (2,), (5,))

PRECISE: dict[str, Row] = {
    "agm": both(positive(lambda a, b: real(a > 0, lambda: mp.agm(a, b))), (1.0, 2.0, 0.5, 1e6, 1e-6), (1.0, 1.0), (3.0, 3.0)),
    "bdtr": of(lambda k, n, p: real(0 <= p <= 1, lambda: mp.fsum(mp.binomial(n, i) * p**i * (1 - p) ** (n - i) for i in range(int(k) + 1))), SHARE, (0, 4), (2, 4), (3, 4)),
    "bdtrc": of(lambda k, n, p: real(0 <= p <= 1, lambda: mp.fsum(mp.binomial(n, i) * p**i * (1 - p) ** (n - i) for i in range(int(k) + 1, int(n) + 1))), SHARE, (0, 4), (2, 4), (3, 4)),
    "bdtri": of(inverse(lambda k, n, p: lower_beta(n - k, k + 1, 1 - p), "bdtri"), WITHIN, (1, 4)),
    "beta": both(positive(lambda a, b: real(a > 0, lambda: mp.beta(a, b))), (1.0, 2.0, 0.5, 20.0), (1.0, 1.0), (2.5, 0.7)),
    "betainc": of(lower_beta, SHARE, (1, 1), (2, 3), (3, 1), (1, 2), (0.5, 0.5), (2, 0.5)),
    "betaincc": of(lambda a, b, x: real(0 <= x <= 1, lambda: 1 - lower_beta(a, b, x)), SHARE, (1, 1), (2, 3), (3, 1), (1, 2), (0.5, 0.5)),
    "betaincinv": of(inverse(lower_beta, "betaincinv"), WITHIN, (2, 3)),
    "betainccinv": of(inverse(lambda a, b, x: 1 - lower_beta(a, b, x), "betainccinv"), WITHIN, (2, 3)),
    "betaln": both(positive(lambda a, b: real(a > 0, lambda: mp.log(mp.beta(a, b)))), (1.0, 2.0, 0.5, 20.0), (1.0, 1.0), (2.5, 0.7)),
    "binom": both(binom, (0.0, 1.0, 2.0, 3.0, 0.5, 1.5), (1.0, 2.0), (3.0, 1.0), (2.0, 0.5), (5.0, 5.0), (1.0, 0.0), (0.0, 0.0)),
    "boxcox": both(boxcox, (0.0, 1.0, -0.5, 0.5, 2.0, 3.0), (1.0, 0.0), (2.0, 1.0), (0.5, 2.0), (3.0, -1.0)),
    "boxcox1p": both(lambda x, p: boxcox(1 + x, p), (0.0, -1.0, 1.0, 0.5, 2.0), (0.0, 0.0), (1.0, 1.0), (-0.5, 2.0)),
    "cbrt": alone(lambda x: mp.sign(x) * mp.cbrt(abs(x)), (1.0, -1.0, 8.0)),
    "chdtr": of(lambda v, x: lower_gamma(v / mp.mpf(2), x / 2), HALF, (1,), (2,), (3,), (4,)),
    "chdtrc": of(lambda v, x: upper_gamma(v / mp.mpf(2), x / 2), HALF, (1,), (2,), (4,)),
    "chdtri": of(inverse(lambda v, x: upper_gamma(v / mp.mpf(2), x / 2), "chdtri"), WITHIN, (2,), (3,)),
    "comb": both(counted(mp.binomial), (0.0, 1.0, 2.0, 4.0, 0.5), (3.0, 1.0), (4.0, 2.0)),
    "cosdg": alone(lambda x: mp.cos(x * mp.pi / 180), (0.0, 30.0, 90.0, -180.0)),
    "cosm1": alone(lambda x: mp.cos(x) - 1),
    "cotdg": alone(lambda x: mp.cot(x * mp.pi / 180), (30.0, 90.0, -45.0)),
    "dawsn": alone(lambda x: mp.exp(-x * x) * mp.erfi(x) * mp.sqrt(mp.pi) / 2),
    "digamma": alone(mp.digamma, (1.0, 0.5, -0.5, 2.0, 20.0)),
    "ellipe": alone(lambda m: real(m <= 1, lambda: mp.ellipe(m)), (0.0, 1.0, -1.0, 0.5)),
    "ellipeinc": of(lambda m, phi: mp.ellipe(phi, m), (), (0.5,)),
    "ellipk": alone(lambda m: real(m < 1, lambda: mp.ellipk(m)), (0.0, 1.0, -1.0, 0.5)),
    "ellipkm1": alone(lambda p: real(p > 0, lambda: mp.ellipk(1 - p)), (0.0, 1.0, 1e-3, 0.5)),
    "entr": alone(lambda x: real(x >= 0, lambda: -xlogy(x, x)), HALF),
    "erf": alone(mp.erf),
    "erfc": alone(mp.erfc),
    "erfcinv": of(inverse(lambda x: mp.erfc(x), "erfcinv"), WITHIN, ()),
    "erfcx": alone(lambda x: mp.exp(x * x) * mp.erfc(x)),
    "erfi": alone(mp.erfi, UNIT),
    "erfinv": alone(mp.erfinv, UNIT),
    "eval_chebyc": of(lambda n, x: 2 * mp.chebyt(n, x / 2), UNIT, *_degrees),
    "eval_chebys": of(lambda n, x: mp.chebyu(n, x / 2), UNIT, *_degrees),
    "eval_chebyt": of(mp.chebyt, UNIT, *_degrees),
    "eval_chebyu": of(mp.chebyu, UNIT, *_degrees),
    "eval_gegenbauer": of(mp.gegenbauer, UNIT, (0, 1), (1, 1), (2, 2), (4, 0.5)),
    "eval_genlaguerre": of(mp.laguerre, UNIT, (0, 1), (1, 0), (3, 2)),
    "eval_hermite": of(mp.hermite, UNIT, *_degrees),
    "eval_hermitenorm": of(lambda n, x: mp.mpf(2) ** (-mp.mpf(n) / 2) * mp.hermite(n, x / mp.sqrt(2)), UNIT, *_degrees),
    "eval_jacobi": of(mp.jacobi, UNIT, (0, 1, 1), (1, 0, 0), (3, 1, 2)),
    "eval_laguerre": of(lambda n, x: mp.laguerre(n, 0, x), UNIT, *_degrees),
    "eval_legendre": of(mp.legendre, UNIT, *_degrees),
    "eval_sh_chebyt": of(lambda n, x: mp.chebyt(n, 2 * x - 1), SHARE, *_degrees),
    "eval_sh_chebyu": of(lambda n, x: mp.chebyu(n, 2 * x - 1), SHARE, *_degrees),
    "eval_sh_legendre": of(lambda n, x: mp.legendre(n, 2 * x - 1), SHARE, *_degrees),
    "exp1": alone(positive(mp.e1), HALF),
    "exp10": alone(lambda x: mp.mpf(10) ** x, UNIT),
    "exp2": alone(lambda x: mp.mpf(2) ** x),
    "expi": alone(mp.ei, (1.0, -1.0, 0.5, 7.0)),
    "expit": alone(lambda x: 1 / (1 + mp.exp(-x)), (*LINE, 30.0, -30.0)),
    "expm1": alone(mp.expm1),
    "expn": of(positive(mp.expint), HALF, (0,), (1,), (2,), (3,), (4,), (5,)),
    "exprel": alone(lambda x: mp.expm1(x) / x, (*LINE, 30.0, -30.0, 1e-5, -300.0)),
    "factorial": alone(lambda n: real(n > 0, lambda: mp.gamma(n + 1)), HALF),
    "fdtr": of(lambda n, d, x: real(x >= 0, lambda: lower_beta(n / mp.mpf(2), d / mp.mpf(2), n * x / (n * x + d))), HALF, (1, 3), (2, 3), (3, 3), (4, 5), (6, 5)),
    "fdtrc": of(lambda n, d, x: real(x >= 0, lambda: 1 - lower_beta(n / mp.mpf(2), d / mp.mpf(2), n * x / (n * x + d))), HALF, (1, 3), (2, 3), (4, 5), (6, 5)),
    "fdtri": of(inverse(lambda n, d, x: lower_beta(n / mp.mpf(2), d / mp.mpf(2), n * x / (n * x + d)), "fdtri"), WITHIN, (4, 5)),
    "gamma": alone(mp.gamma, (1.0, 2.0, 0.5, -0.5, 10.0)),
    "gammainc": of(lower_gamma, HALF, (0.5,), (1,), (1.5,), (2,), (3,), (4,)),
    "gammaincc": of(upper_gamma, HALF, (0.5,), (1,), (2,), (3,)),
    "gammainccinv": of(inverse(upper_gamma, "gammainccinv"), WITHIN, (1,), (2.5,)),
    "gammaincinv": of(inverse(lower_gamma, "gammaincinv"), WITHIN, (1,), (2.5,)),
    "gammaln": alone(lambda x: mp.log(abs(mp.gamma(x))), (1.0, 2.0, 0.5, -0.5, -2.5, 20.0)),
    "gdtr": of(lambda a, b, x: lower_gamma(b, a * x), HALF, (2, 1), (2, 2), (1, 3)),
    "gdtrc": of(lambda a, b, x: upper_gamma(b, a * x), HALF, (2, 1), (2, 2), (1, 3)),
    "gdtrix": of(inverse(lambda a, b, x: lower_gamma(b, a * x), "gdtrix"), WITHIN, (2, 3)),
    "huber": both(huber, (0.0, 1.0, -1.0, 0.5, 3.0), (1.0, 0.0), (1.0, 2.0), (0.5, -0.5)),
    "hyp0f1": of(mp.hyp0f1, UNIT, (1,), (2.5,)),
    "hyp1f1": of(mp.hyp1f1, LINE, (1, 2), (2, 3), (0, 1), (-2, 3)),
    "hyp2f1": of(lambda a, b, c, x: real(x < 1, lambda: mp.hyp2f1(a, b, c, x)), (0.0, -1.0, 0.5, -0.7), (1, 1, 2), (-2, 1, 3), (0, 1, 2)),
    "hyperu": of(positive(mp.hyperu), (1.0, 0.5, 3.0), (1, 1), (2, 1)),
    "i0": alone(lambda x: mp.besseli(0, x)),
    "i0e": alone(scaled(lambda x: mp.besseli(0, x), _fall), (*LINE, 50.0)),
    "i1": alone(lambda x: mp.besseli(1, x)),
    "i1e": alone(scaled(lambda x: mp.besseli(1, x), _fall), (*LINE, 50.0)),
    "inv_boxcox": both(inv_boxcox, (0.0, 1.0, -0.5, 0.5, 2.0), (1.0, 0.0), (0.5, 1.0), (0.0, 2.0)),
    "inv_boxcox1p": both(lambda y, p: _less_one(inv_boxcox(y, p)), (0.0, 1.0, -0.5, 0.5, 2.0), (1.0, 0.0), (0.5, 1.0), (0.0, 2.0)),
    "iv": of(mp.besseli, LINE, *_n),
    "ive": of(scaled(mp.besseli, _fall), (*LINE, 50.0), *_n),
    "j0": alone(lambda x: mp.besselj(0, x)),
    "j1": alone(lambda x: mp.besselj(1, x)),
    "jv": of(mp.besselj, LINE, *_n),
    "k0": alone(positive(lambda x: mp.besselk(0, x)), HALF),
    "k0e": alone(positive(scaled(lambda x: mp.besselk(0, x), mp.exp)), (*HALF, 50.0, 1e3)),
    "k1": alone(positive(lambda x: mp.besselk(1, x)), HALF),
    "k1e": alone(positive(scaled(lambda x: mp.besselk(1, x), mp.exp)), (*HALF, 50.0, 1e3)),
    "kl_div": both(positive(lambda x, y: real(x >= 0, lambda: xlogy(x, x) - x * mp.log(y) - x + y)), HALF, (1.0, 1.0), (0.0, 2.0)),
    "kn": of(positive(mp.besselk), HALF, *_n),
    "kv": of(positive(mp.besselk), HALF, *_n, (0.5,)),
    "kve": of(positive(scaled(mp.besselk, mp.exp)), HALF, (0,), (1,), (3,), (0.5,)),
    "log1p": alone(lambda x: real(x > -1, lambda: mp.log1p(x))),
    "log_expit": alone(lambda x: -mp.log1p(mp.exp(-x)), (*LINE, 30.0, -30.0)),
    "log_ndtr": alone(lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2), (*LINE, 10.0, -10.0)),
    "loggamma": alone(positive(mp.loggamma), (1.0, 2.0, 0.5, 20.0)),
    "logit": alone(lambda p: real(0 < p < 1, lambda: mp.log(p / (1 - p))), SHARE),
    "modstruve": of(positive(mp.struvel), (0.0, 1.0, 0.5, 3.0), (0,), (1,), (2,)),
    "nbdtr": of(lambda k, n, p: lower_beta(n, k + 1, p), SHARE, (0, 1), (2, 3), (1, 2)),
    "nbdtrc": of(lambda k, n, p: real(0 <= p <= 1, lambda: 1 - lower_beta(n, k + 1, p)), SHARE, (0, 1), (2, 3), (1, 2)),
    "nbdtri": of(inverse(lambda k, n, p: lower_beta(n, k + 1, p), "nbdtri"), WITHIN, (2, 3)),
    "ndtr": alone(mp.ncdf, (*LINE, 30.0, -30.0)),
    "ndtri": of(inverse(mp.ncdf, "ndtri"), WITHIN, ()),
    "ndtri_exp": alone(lambda y: root(lambda x: mp.log(mp.ncdf(x)) - y, mp.mpf(float(__import__("scipy.special").special.ndtri_exp(float(y))))), (-0.5, -1.0, -5.0)),
    "owens_t": both(owens_t, (0.0, 1.0, -1.0, 0.5), (0.0, 0.0), (1.0, 1.0)),
    "pdtr": of(lambda k, m: upper_gamma(k + 1, m), HALF, (0,), (1,), (2,)),
    "pdtrc": of(lambda k, m: lower_gamma(k + 1, m), HALF, (0,), (1,), (2,)),
    "pdtri": of(inverse(lambda k, m: upper_gamma(k + 1, m), "pdtri"), WITHIN, (2,)),
    "perm": both(counted(lambda n, k: mp.gamma(n + 1) / mp.gamma(n - k + 1)), (1.0, 2.0, 4.0, 0.5), (3.0, 1.0), (4.0, 2.0)),
    "poch": both(lambda z, m: mp.rf(z, m), (0.0, 1.0, -1.0, -2.0, 0.5, 2.0), (0.5, 1.0), (1.0, 2.0), (-1.5, 1.0), (-0.5, 0.3)),
    "powm1": both(lambda x, p: real(x > 0, lambda: x**p - 1), (0.0, 1.0, 2.0, 0.5, 3.0), (0.0, 2.0), (1.0, 1.0), (2.0, 0.0), (0.0, 1.0), (0.0, 1.5)),
    "pseudo_huber": both(lambda d, r: real(d > 0, lambda: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1)), (0.0, 1.0, -1.0, 0.5), (1.0, 0.0), (2.0, 1.0)),
    "psi": alone(mp.digamma, (1.0, 0.5, -0.5, 2.0)),
    "rel_entr": both(positive(lambda x, y: real(x >= 0, lambda: xlogy(x, x) - x * mp.log(y))), HALF, (1.0, 1.0), (0.0, 2.0)),
    "rgamma": alone(mp.rgamma, (*LINE, -2.0)),
    "sinc": alone(lambda x: mp.sincpi(x)),
    "sindg": alone(lambda x: mp.sin(x * mp.pi / 180), (0.0, 30.0, 90.0, -180.0)),
    "softplus": alone(lambda x: mp.log1p(mp.exp(x)), (*LINE, 30.0, -30.0)),
    "spence": alone(lambda x: real(x > 0, lambda: mp.re(mp.polylog(2, 1 - x))), (0.0, 1.0, 0.5, 2.0, 1.5)),
    "spherical_in": of(spherical(mp.besseli), HALF, *_n),
    "spherical_jn": of(spherical(mp.besselj), HALF, *_n),
    "spherical_kn": of(spherical(mp.besselk), HALF[1:], *_n),
    "spherical_yn": of(spherical(mp.bessely), HALF[1:], *_n),
    "stdtr": of(student, LINE, (1,), (2,), (5,)),
    "stdtrit": of(inverse(student, "stdtrit"), (0.25, 0.9), (2,), (5,)),
    "struve": of(positive(mp.struveh), (0.0, 1.0, 0.5, 3.0), (0,), (1,), (2,)),
    "tandg": alone(lambda x: mp.tan(x * mp.pi / 180), (0.0, 30.0, -45.0)),
    "wrightomega": alone(lambda x: mp.lambertw(mp.exp(x)), (*LINE, -20.0)),
    "xlog1py": both(lambda a, b: xlogy(a, 1 + b), (0.0, 1.0, -1.0, 2.0), (1.0, 1.0), (0.0, 0.5)),
    "xlogy": both(xlogy, (0.0, 1.0, 2.0, 0.5), (1.0, 1.0), (0.0, 2.0)),
    "y0": alone(positive(lambda x: mp.bessely(0, x)), HALF),
    "y1": alone(positive(lambda x: mp.bessely(1, x)), HALF),
    "yn": of(positive(mp.bessely), HALF, *_n),
    "yv": of(positive(mp.bessely), HALF, *_n),
    "zeta": of(lambda s, q: real(q > 0, lambda: mp.zeta(s, q)), (1.0, 0.5, 3.0), (2,), (4,)),
    "ellipkinc": of(lambda m, phi: mp.ellipf(phi, m), (), (0.5,)),
}  # fmt: skip
PRECISE |= {
    "ellipkinc": (mp.ellipf, [((0.0, 0.5), 0), ((0.0, 0.0), 0)], UNIT),
    "ellipeinc": (mp.ellipe, [((0.0, 0.5), 0), ((0.0, 1.0), 0)], UNIT),
}
"""One real result each; those of several results follow."""

SEVERAL: dict[str, tuple[Row, ...]] = {
    "airy": tuple(
        alone(f, LINE[:5])
        for f in (
            mp.airyai,
            lambda x: mp.airyai(x, derivative=1),
            mp.airybi,
            lambda x: mp.airybi(x, derivative=1),
        )
    ),
    "ellipj": tuple(
        (jacobi(kind), [((0.0, 0.5), 0), ((0.0, 0.0), 0)], UNIT) for kind in ("sn", "cn", "dn")
    ),
    "fresnel": (alone(mp.fresnels, UNIT), alone(mp.fresnelc, UNIT)),
    "shichi": (alone(mp.shi), alone(positive(mp.chi), (1.0, 0.5, 3.0))),
    "sici": (alone(mp.si), alone(positive(mp.ci), (1.0, 0.5, 3.0))),
}
ALIASES = {"jn": "jv", "jve": "jv", "yve": "yv"}
NOT_WALKED = {
    "gammasgn": "piecewise constant", "round": "piecewise constant",
    "logsumexp": "of a whole axis", "softmax": "of a whole axis", "log_softmax": "of a whole axis",
    "multigammaln": "a sum of gammaln", "polygamma": "zeta", "betainccinv2": "",
}  # fmt: skip
del NOT_WALKED["betainccinv2"]
