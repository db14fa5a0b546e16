"""Every distribution of one variable against SciPy's: densities, distribution functions, quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
from differencing import differences

import tinygrad_hess as tg
from tinygrad_hess.core.errors import NonDifferentiableError
from tinygrad_hess.scipy import stats
from tinygrad_hess.scipy.stats.families import Continuous, Discrete

CONTINUOUS: dict[str, tuple[float, ...]] = {
    "norm": (), "t": (3.5,), "laplace": (), "cauchy": (), "logistic": (), "gumbel_r": (),
    "gumbel_l": (), "skewnorm": (-1.5,), "vonmises": (2.0,), "gennorm": (2.5,), "expon": (),
    "gamma": (2.5,), "chi2": (3.0,), "chi": (2.5,), "f": (4.0, 5.0), "invgamma": (3.0,),
    "lognorm": (0.7,), "weibull_min": (1.7,), "weibull_max": (1.7,), "halfnorm": (),
    "halfcauchy": (), "rayleigh": (), "maxwell": (), "levy": (), "invgauss": (1.3,),
    "fisk": (2.2,), "pareto": (2.5,), "uniform": (), "beta": (1.5, 2.5), "powerlaw": (1.7,),
    "loguniform": (0.5, 3.0), "truncnorm": (-0.7, 1.6),
    "wrapcauchy": (0.4,),
}  # fmt: skip
DISCRETE: dict[str, tuple[float, ...]] = {
    "poisson": (1.7,), "bernoulli": (0.3,), "binom": (4, 0.3), "betabinom": (5, 1.5, 2.5),
    "nbinom": (2.5, 0.4), "geom": (0.3,), "logser": (0.6,),
}  # fmt: skip
REFUSED = {
    "t": 1, "gamma": 1, "chi2": 1, "chi": 1, "f": 2, "invgamma": 1, "beta": 2,
}  # fmt: skip
"""How many shapes have no known derivative in distribution functions."""
FUNCTIONS = ("cdf", "sf", "logcdf", "logsf", "ppf", "isf")
LOC, SCALE = 0.1, 1.2


def known(name: str) -> list[str]:
    return [w for w in FUNCTIONS if w in getattr(stats, name)._functions]


def points(name: str, what: str) -> Any:
    """Three points inside the support, or three probabilities."""
    q = np.array([0.15, 0.55, 0.9])
    if what in ("ppf", "isf"):
        return q
    return getattr(scipy.stats, name).ppf(q, *CONTINUOUS[name], LOC, SCALE)


def test_every_family_is_walked() -> None:
    for kind, table in ((Continuous, CONTINUOUS), (Discrete, DISCRETE)):
        listed = {n for n in stats.__all__ if isinstance(getattr(stats, n), kind)}
        assert listed == set(table)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_values(name: str) -> None:
    ours, theirs = getattr(stats, name), getattr(scipy.stats, name)
    shapes = CONTINUOUS[name]
    x = np.array([-np.inf, -3.0, -0.4, 0.0, 0.1, 0.6, 1.0, 1.3, 2.5, 30.0, np.nan])
    q = np.array([-0.1, 0.0, 1e-9, 0.2, 0.5, 0.99, 1.0, 1.1, np.nan])
    for what in ("logpdf", "pdf", *known(name)):
        if name == "vonmises":
            at = x[1:-1]  # SciPy has it on the whole line, without a limit
        else:
            at = q if what in ("ppf", "isf") else x
        for more in ((), (LOC, SCALE)):
            with np.errstate(all="ignore"):
                got, want = (getattr(d, what)(at, *shapes, *more) for d in (ours, theirs))
            rtol = 2e-8 if (name, what) == ("f", "isf") else 2e-11  # SciPy's is that far off
            np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-13, err_msg=what)
            if what == "isf" and "sf" in known(name):
                back = theirs.sf(got[2:6], *shapes, *more)
                np.testing.assert_allclose(back, q[2:6], rtol=1e-6)
    got = ours.logpdf(points(name, "logpdf")[0], *shapes, scale=SCALE, loc=LOC)
    assert np.shape(got) == () and not isinstance(got, np.ndarray)


def check_derivatives(name: str, what: str) -> None:
    """The first argument, each shape, the location and the scale; first and second, replayed, mapped."""
    ours, theirs = getattr(stats, name), getattr(scipy.stats, name)
    shapes = CONTINUOUS[name]
    f, reference = getattr(ours, what), getattr(theirs, what)
    fixed = 0 if what == "logpdf" else REFUSED.get(name, 0)
    args = (points(name, what), *(np.full(3, s) for s in (*shapes, LOC, SCALE)))
    held = shapes[:fixed]

    def moving(*free: Any, f: Any = f, held: Any = held) -> Any:
        return f(free[0], *held, *free[1:])

    free = (args[0], *args[1 + fixed :])
    total = lambda *free, moving=moving: moving(*free).sum()
    which = tuple(range(len(free)))
    found = tg.grad(total, which)(*free)
    for i, got in enumerate(found):
        size = 0.05
        directions = tuple(np.full(3, size * (i == j)) for j in which)
        slope = lambda *free, r=reference, held=held: r(free[0], *held, *free[1:])
        want = differences(slope, free, directions) / size
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-8, err_msg=f"{what} {i}")
    tg.check_grads(total, free, order=2, rtol=2e-5, atol=2e-5)
    each = tg.vmap(tg.grad(moving, which))(*free)
    replayed = tg.jit(tg.grad(total, which))(*free)
    for a, b, c in zip(found, each, replayed, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(c, a, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_derivatives_of_log_densities(name: str) -> None:
    check_derivatives(name, "logpdf")


@pytest.mark.parametrize(
    "name",
    [n if n in ("norm", "gamma") else pytest.param(n, marks=pytest.mark.slow)
     for n in CONTINUOUS if known(n)],
)  # fmt: skip
def test_derivatives_of_distribution_functions(name: str) -> None:
    for what in known(name):
        check_derivatives(name, what)


@pytest.mark.parametrize("name", REFUSED)
def test_shapes_without_a_known_derivative_are_refused(name: str) -> None:
    f, x = getattr(stats, name).cdf, points(name, "cdf")[0]
    for i in range(REFUSED[name]):
        with pytest.raises(NonDifferentiableError):
            tg.grad(f, 1 + i)(x, *CONTINUOUS[name])


@pytest.mark.parametrize("name", [n for n in CONTINUOUS if len(known(n)) < 6])
def test_functions_that_are_not_known_are_named(name: str) -> None:
    for what in set(FUNCTIONS) - set(known(name)):
        with pytest.raises(NonDifferentiableError, match=rf"{name}\.{what} is not supported"):
            getattr(getattr(stats, name), what)(0.5, *CONTINUOUS[name])


@pytest.mark.parametrize("name", CONTINUOUS)
def test_outside_the_support_and_invalid(name: str) -> None:
    ours, theirs = getattr(stats, name), getattr(scipy.stats, name)
    shapes = CONTINUOUS[name]
    count = 1 + len(shapes) + 2
    outside = np.array([-5.0, 7.0])
    for x in outside[np.isneginf(theirs.logpdf(outside, *shapes))]:
        found = tg.grad(ours.logpdf, tuple(range(count)))(x, *shapes, 0.0, 1.0)
        np.testing.assert_array_equal(found, np.zeros(count))
        for what in ("cdf", "sf") if "cdf" in known(name) else ():
            assert tg.grad(getattr(ours, what))(x, *shapes) == 0
    x = points(name, "logpdf")[0]
    with np.errstate(all="ignore"):
        scale = np.array([1.0, 0.0, -1.0, np.nan])
        for what in ("logpdf", *known(name)):
            at = 0.5 if what in ("ppf", "isf") else x
            found = getattr(ours, what)(at, *shapes, 0.0, scale)
            assert np.isnan(found).tolist() == [False, True, True, True], what
        for i in range(len(shapes) if name not in ("skewnorm", "truncnorm") else 0):
            bad = [*shapes[:i], -1.0, *shapes[i + 1 :]]
            assert np.isnan(ours.logpdf(x, *bad)) and np.isnan(ours.logpdf(-9.0, *bad))


@pytest.mark.parametrize("name", CONTINUOUS)
def test_float32_stays_float32(name: str) -> None:
    ours, theirs = getattr(stats, name), getattr(scipy.stats, name)
    shapes = CONTINUOUS[name]
    for what in ("logpdf", *known(name)):
        x = points(name, what).astype(np.float32)
        f = getattr(ours, what)
        got, pull = tg.vjp(lambda x, f=f: f(x, *shapes, LOC, SCALE), x)
        assert got.dtype == np.float32 and pull(got)[0].dtype == np.float32, what
        want = getattr(theirs, what)(x.astype(float), *shapes, LOC, SCALE)
        np.testing.assert_allclose(got, want, rtol=3e-5, atol=1e-6, err_msg=what)


def test_tails_keep_their_digits() -> None:
    """Where the other tail is one to the last digit."""
    for name, x in (("norm", 30.0), ("cauchy", 1e20), ("t", 1e5), ("gamma", 80.0), ("lognorm", 1e9),
                    ("gumbel_r", 60.0), ("weibull_min", 20.0), ("pareto", 1e12), ("laplace", 80.0)):  # fmt: skip
        ours, theirs = getattr(stats, name), getattr(scipy.stats, name)
        for what in ("sf", "logsf"):
            got, want = (getattr(d, what)(x, *CONTINUOUS[name]) for d in (ours, theirs))
            np.testing.assert_allclose(got, want, rtol=1e-9, err_msg=name)
    for a, b in ((8.0, 9.0), (-9.0, -8.0), (-40.0, np.inf), (5.0, np.inf)):
        middle = scipy.stats.truncnorm.ppf(0.4, a, b)
        for what in ("logpdf", "cdf", "sf"):
            got, want = (getattr(d.truncnorm, what)(middle, a, b) for d in (stats, scipy.stats))
            np.testing.assert_allclose(got, want, rtol=1e-9)


def test_quantiles_at_the_ends_move_with_the_parameters() -> None:
    assert tg.grad(lambda loc: stats.uniform.ppf(0.0, loc, 2.0))(1.0) == 1
    assert tg.grad(lambda a: stats.truncnorm.ppf(0.0, a, 2.0, 0.0, 3.0))(-1.0) == 3
    assert stats.norm.ppf(np.array([0.0, 1.0])).tolist() == [-np.inf, np.inf]


# ---- counts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DISCRETE)
def test_counts(name: str) -> None:
    ours, theirs = getattr(stats, name), getattr(scipy.stats, name)
    shapes = DISCRETE[name]
    k = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 4.0, 5.0, 9.0, np.nan])
    whole = np.arange(-1, 8)
    for what in ("logpmf", "pmf", *known(name)):
        for at in (k, whole):
            for loc in (0, 1):
                with np.errstate(all="ignore"):
                    got, want = (getattr(d, what)(at, *shapes, loc) for d in (ours, theirs))
                np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-13, err_msg=what)
    free = [i for i, s in enumerate(shapes) if isinstance(s, float)]
    counts = np.array([1, 2, 3]) if name != "bernoulli" else np.array([0, 1, 1])
    for what in ("logpmf", *known(name)):
        for i in free:
            if name == "nbinom" and i == 0 and what != "logpmf":
                with pytest.raises(NonDifferentiableError):
                    tg.grad(lambda n: stats.nbinom.cdf(2, n, 0.4))(2.5)
                continue
            at = counts if what == "logpmf" or name != "bernoulli" else np.zeros(3, int)
            f = lambda s, d, w=what, i=i, at=at: getattr(d, w)(at, *shapes[:i], s, *shapes[i + 1 :])
            got = tg.grad(lambda s, f=f: f(s, ours).sum())(shapes[i])
            want = differences(lambda s, f=f: f(s, theirs).sum(), (np.float64(shapes[i]),), (0.1,))
            np.testing.assert_allclose(got, 10 * want, rtol=1e-7, atol=1e-9)
            narrow = getattr(ours, what)(at, *shapes[:i], np.float32(shapes[i]), *shapes[i + 1 :])
            assert narrow.dtype == np.float32, what
    tg.check_grads(lambda *s: ours.logpmf(counts, *shapes[: len(shapes) - len(s)], *s).sum(),
                   tuple(shapes[i] for i in free), order=2, rtol=1e-5, atol=1e-6)  # fmt: skip
    with np.errstate(all="ignore"):
        assert np.isnan(ours.logpmf(1, *shapes[:-1], -0.5))
        assert tg.grad(lambda k: ours.logpmf(k, *shapes))(1.0) == 0


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE])
def test_on_every_type_it_has_scipys_value_or_refuses(name: str) -> None:
    shapes = (CONTINUOUS | DISCRETE)[name]
    ours, theirs = getattr(stats, name), getattr(scipy.stats, name)
    densities = ("logpdf", "pdf") if name in CONTINUOUS else ("logpmf", "pmf")
    for what in (*densities, *known(name)):
        for dtype in map(np.dtype, "?bhlBHLefdgFD"):
            q = [0, 1] if dtype.kind in "biu" else [0.125, 0.5, 0.75]
            x = np.array(q if what in ("ppf", "isf") else [0, 1, 2, 3]).astype(dtype)
            for argument in (x, tg.tensor(x)):
                if dtype.char in "gFD":
                    with pytest.raises(TypeError, match=rf"^{name}: x must be real"):
                        getattr(ours, what)(argument, *shapes)
                    continue
                with np.errstate(all="ignore"):
                    got = np.asarray(getattr(ours, what)(argument, *shapes))
                    want = getattr(theirs, what)(x, *shapes)
                assert got.dtype.kind == "f"
                rtol = {"e": 1e-2, "f": 2e-5}.get(dtype.char, 1e-9)
                np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)
