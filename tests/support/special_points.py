"""The walk: every function of one real variable at its special points, to second order.

``checks()`` lists them; ``problems`` compares one with its limits at high precision. What is known
to differ is in :data:`KNOWN`, with the reason.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import precise_special
import precise_stats
from high_precision import limits

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.scipy import special, stats

ORDERS = 2

KNOWN: dict[str, str] = {
    r"log(cdf|sf)\b": "where the probability is 0, its logarithm's derivative is a 0/0: NaN",
    r"(invgamma|lognorm|levy|invgauss)\.log(pdf|cdf).* (x|z=0\.0)": (
        "an open end is not in the support: minus infinity there, with derivative 0"
    ),
    r"(gamma|chi2|chi|f|weibull_m\w+|fisk|beta|powerlaw)\.pdf.* z=(-?0|1)\.0 arg[12]": (
        "0 ** shape jumps at shape 0; the derivative is that of the factors which do not"
    ),
    r"(gamma|chi2|chi|weibull_m\w+|fisk|beta|powerlaw|gennorm)\.\w+\(.* z=-?0\.0 arg[34]": (
        "an infinite derivative in z, and z does not move with the scale: NaN"
    ),
    r"weibull_m\w+\.pdf\(1\.7,\) (x|z=0\.0 arg2)": (
        "an infinite derivative of one factor times a zero one of the other: NaN"
    ),
    r"special\.huber\(1\.0, 0\.0\)\[0\] at 0": "delta = 0 ends the domain, and r = 0 is its kink",
    r"special\.yve\S* \S+ at 0\.0": "SciPy's yve is NaN at 0",
    r"nn\.huber at -?1\.0": "a product of two clipped residuals: 3/4 between the curvatures 1 and 0",
}
"""Patterns of labels, and why their values at the points may be NaN, or a convention."""

SLOW = {"k0e", "k1e", "kn", "kv", "kve", "owens_t", "yn", "yv", "t", "gamma", "chi2", "chi", "f", "beta", "truncnorm", "fisk", "weibull_min", "weibull_max", "lognorm", "invgamma", "powerlaw", "ndtri_exp", "stdtrit", "fdtri", "zeta", "spherical_kn", "spherical_yn", "betaincinv", "betainccinv"}  # fmt: skip
"""References that take seconds; they are computed in the slow part."""


@dataclass(frozen=True)
class Check:
    """A function of arrays, the same of a number of mpmath's, and points."""

    name: str
    label: str
    ours: Callable[[Any], Any]
    precise: Callable[[Any], Any]
    points: tuple[float, ...]


def _moving(f: Callable[..., Any], args: Any, position: int) -> Callable[[Any], Any]:
    return lambda x: f(*args[:position], x, *args[position + 1 :])


def _numbers(args: Any) -> list[Any]:
    return [mpmath.mpf(a) if isinstance(a, float) else a for a in args]


def special_checks() -> Iterator[Check]:
    rows = [(n, getattr(special, n), row) for n, row in precise_special.PRECISE.items()]
    for alias, name in precise_special.ALIASES.items():
        rows.append((alias, getattr(special, alias), precise_special.PRECISE[name]))
    for name, parts in precise_special.SEVERAL.items():
        f = getattr(special, name)
        rows += [(name, lambda *a, f=f, i=i: f(*a)[i], part) for i, part in enumerate(parts)]
    for name, f, (precise, cases, points) in rows:
        for args, position in cases:
            label = f"special.{name}{args}[{position}]"
            ours, reference = (
                _moving(g, a, position) for g, a in ((f, args), (precise, _numbers(args)))
            )
            yield Check(name, label, ours, reference, points)


def stats_checks() -> Iterator[Check]:
    for name, (_, _, shapes, points) in precise_stats.PRECISE.items():
        family = getattr(stats, name)
        for what in ("pdf", "logpdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf"):
            known = what in ("pdf", "logpdf") or what in family._functions
            precise = precise_stats.of_standard(name, what)
            if not known or precise is None:
                continue
            f = getattr(family, what)
            at = (0.3, 0.5, 0.8) if what in ("ppf", "isf") else points
            for given in shapes:
                args = [0.0, *given, 0.0, 1.0]
                label = f"stats.{name}.{what}{given}"
                yield Check(
                    name, f"{label} x", _moving(f, args, 0), _moving(precise, _numbers(args), 0), at
                )
                for z in at:
                    args = [z, *given, 0.0, 1.0]
                    for i in range(1, len(args)):
                        ours, reference = _moving(f, args, i), _moving(precise, _numbers(args), i)
                        yield Check(name, f"{label} z={z} arg{i}", ours, reference, (args[i],))
    for name, (_, shapes, counts) in precise_stats.COUNTS.items():
        family = getattr(stats, name)
        for what in ("pmf", "logpmf", "cdf", "sf", "logcdf", "logsf"):
            if what not in ("pmf", "logpmf") and what not in family._functions:
                continue
            f, precise = getattr(family, what), precise_stats.of_counts(name, what)
            for given in shapes:
                for (k,) in counts:
                    args = [k, *given]
                    for i in range(1, len(args)):
                        if isinstance(args[i], float):
                            ours, reference = (
                                _moving(f, args, i),
                                _moving(precise, _numbers(args), i),
                            )
                            label = f"stats.{name}.{what}{given} k={k} arg{i}"
                            yield Check(name, label, ours, reference, (args[i],))


def loss_checks() -> Iterator[Check]:
    mp = mpmath.mp
    points = (0.0, 1.0, -1.0, 0.5, 3.0, 40.0)
    kept = {"reduction": "none"}
    huber = lambda r: r * r / 2 if abs(r) <= 1 else abs(r) - mp.mpf(1) / 2
    two = lambda x: np.stack([x, 0.5 * x], -1)
    soft = lambda x: mp.log(1 + mp.exp(-x / 2))
    for name, ours, precise in (
        ("mse", lambda x: nn.mse(x, np.zeros(x.shape), **kept), lambda r: r * r),
        ("l1", lambda x: nn.l1(x, np.zeros(x.shape), **kept), abs),
        ("huber", lambda x: nn.huber(x, np.zeros(x.shape), **kept), huber),
        ("binary_cross_entropy_with_logits", lambda x: nn.binary_cross_entropy_with_logits(x, np.ones(x.shape), **kept), lambda x: mp.log1p(mp.exp(-x))),
        ("cross_entropy", lambda x: nn.cross_entropy(two(x), np.zeros(x.shape, int), **kept), soft),
        ("kl_div", lambda x: nn.kl_div(two(x), two(0 * x) + np.array([1.0, 0.0]), **kept), soft),
    ):  # fmt: skip
        yield Check(name, f"nn.{name}", ours, precise, points)


def checks() -> list[Check]:
    return [*special_checks(), *stats_checks(), *loss_checks()]


def nestings(f: Callable[[Any], Any], x: Any, whole: bool) -> dict[str, tuple[int, Any]]:
    """The derivative of each element, and its order, by every route."""
    one = np.ones_like(x)
    reverse = lambda x: tg.vjp(f, x)[1](one)[0]
    forward = lambda x: tg.jvp(f, (x,), (one,))[1]
    mixed = lambda x: tg.jvp(reverse, (x,), (one,))[1]
    found = {
        "value": (0, f(x)),
        "recorded value": (0, f(tg.tensor(x, requires_grad=True)).detach().numpy()),
        "reverse": (1, reverse(x)),
        "forward": (1, forward(x)),
        "forward over reverse": (2, mixed(x)),
        "reverse over reverse": (2, tg.vjp(reverse, x)[1](one)[0]),
        "reverse over forward": (2, tg.vjp(forward, x)[1](one)[0]),
        "forward over forward": (2, tg.jvp(forward, (x,), (one,))[1]),
    }
    if whole:
        found["replayed"] = (2, tg.jit(mixed)(x))
        found["mapped"] = (2, tg.vmap(lambda x: tg.jvp(tg.grad(f), (x,), (1.0,))[1])(x))
    return found


def problems(check: Check, whole: bool = True) -> tuple[list[str], int]:
    """What differs from the limits, and how many numbers were compared."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # log(0) warns, as NumPy's does
        return _problems(check, whole)


def _problems(check: Check, whole: bool) -> tuple[list[str], int]:
    x = np.array(check.points, float)
    try:
        found = nestings(check.ours, x, whole)
    except tg.NonDifferentiableError:  # an argument whose derivative is refused
        return [], 0
    wrong, count = [], 0
    for i, point in enumerate(check.points):
        wanted, kink = limits(check.precise, point)
        place = f"{check.label} at {point}"
        reasons = [reason for pattern, reason in KNOWN.items() if re.search(pattern, place)]
        if wanted[0] is None and kink is None:
            continue
        for route, (order, values) in found.items():
            if kink is not None and order > max(kink, 1):
                continue  # a second derivative at a kink is a product of two subgradients
            want, got = wanted[order], float(np.broadcast_to(values, x.shape)[i])
            count += 1
            if want is None:
                right = not math.isfinite(got)
            elif math.isnan(want):
                continue
            elif math.isinf(want):
                right = got == want
            else:
                right = abs(got - want) <= (1e-8, 1e-7, 1e-6)[order] * max(1, abs(want))
            known = any(not r.endswith(": NaN") or math.isnan(got) for r in reasons)
            if not right and not known:
                wrong.append(f"{place}, {route}: {got}, the limit is {want}")
    return wrong, count
