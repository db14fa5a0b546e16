"""Log-densities against SciPy's, their derivatives against differences and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
from differencing import differences

import tinygrad_hess as tg
from tinygrad_hess.scipy import stats

CONTINUOUS: dict[str, tuple[float, ...]] = {
    "norm": (), "t": (3.5,), "gamma": (2.5,), "beta": (1.5, 2.5), "expon": (), "laplace": (),
    "cauchy": (), "logistic": (), "uniform": (),
}  # fmt: skip
DISCRETE: dict[str, tuple[float, ...]] = {"poisson": (1.7,), "bernoulli": (0.3,), "binom": (4, 0.3)}
EVERYWHERE = np.array([-np.inf, -3.0, -0.4, 0.0, 0.1, 0.6, 1.0, 1.3, 2.5, 30.0, np.nan])
INSIDE = np.array([0.15, 0.55, 1.05])  # of every support moved by 0.1 and widened by 1.2


def pair(name: str) -> tuple[Any, Any]:
    return getattr(stats, name), getattr(scipy.stats, name)


# ---- continuous ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONTINUOUS)
def test_log_density_is_scipys(name: str) -> None:
    ours, theirs = pair(name)
    shapes = CONTINUOUS[name]
    for more in ((), (0.1,), (0.1, 1.2)):
        with np.errstate(all="ignore"):
            got, want = (d.logpdf(EVERYWHERE, *shapes, *more) for d in (ours, theirs))
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)
    got = ours.logpdf(0.5, *shapes, scale=2.0)
    np.testing.assert_allclose(got, theirs.logpdf(0.5, *shapes, scale=2.0), rtol=1e-13)
    assert np.shape(got) == () and not isinstance(got, np.ndarray)
    np.testing.assert_allclose(ours.pdf(INSIDE, *shapes), theirs.pdf(INSIDE, *shapes), rtol=1e-13)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_parameters_that_make_no_distribution_give_nan(name: str) -> None:
    ours, _ = pair(name)
    shapes = CONTINUOUS[name]
    with np.errstate(all="ignore"):
        scale = np.array([1.0, 0.0, -1.0, np.nan])
        found = ours.logpdf(0.5, *shapes, 0.0, scale)
        assert np.isnan(found).tolist() == [False, True, True, True]
        for i in range(len(shapes)):
            bad = [*shapes[:i], np.array([-1.0, 0.0]), *shapes[i + 1 :]]
            assert np.isnan(ours.logpdf(0.5, *bad)).all()
            assert np.isnan(ours.logpdf(-5.0, *bad)).all()
    arguments = (*shapes, 0.0, -1.0)
    found = tg.grad(lambda *a: ours.logpdf(0.5, *a), range(len(arguments)))(*arguments)
    assert np.isnan(found[-1]), "the derivative in a negative scale must not pass for a zero"


@pytest.mark.parametrize("name", CONTINUOUS)
def test_derivatives_in_everything(name: str) -> None:
    """The observation, each shape, the location and the scale; first, second, batched, replayed."""
    ours, theirs = pair(name)
    args = (INSIDE, *(np.full(3, s) for s in CONTINUOUS[name]), np.full(3, 0.1), np.full(3, 1.2))
    f = lambda *args: ours.logpdf(*args).sum()
    found = tg.grad(f, tuple(range(len(args))))(*args)
    for i, got in enumerate(found):
        directions = tuple(np.full(3, 0.2 * (i == j)) for j in range(len(args)))
        want = differences(theirs.logpdf, args, directions) / 0.2
        np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9)
    tg.check_grads(f, args, order=2, rtol=1e-5, atol=1e-5)
    each = tg.vmap(tg.grad(ours.logpdf, tuple(range(len(args)))))(*args)
    replayed = tg.jit(tg.grad(f, tuple(range(len(args)))))(*args)
    for a, b, c in zip(found, each, replayed, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(c, a, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_outside_the_support_derivatives_are_zero(name: str) -> None:
    ours, theirs = pair(name)
    shapes = CONTINUOUS[name]
    outside = np.array([-5.0, 7.0])
    outside = outside[np.isneginf(theirs.logpdf(outside, *shapes))]
    count = 1 + len(shapes) + 2
    for x in outside:
        found = tg.grad(ours.logpdf, tuple(range(count)))(x, *shapes, 0.0, 1.0)
        np.testing.assert_array_equal(found, np.zeros(count))


@pytest.mark.parametrize("name", CONTINUOUS)
def test_float32_stays_float32(name: str) -> None:
    ours, theirs = pair(name)
    x, shapes = INSIDE.astype(np.float32), CONTINUOUS[name]
    got, pull = tg.vjp(lambda x: ours.logpdf(x, *shapes, 0.1, 1.2), x)
    assert got.dtype == np.float32 and pull(got)[0].dtype == np.float32
    np.testing.assert_allclose(got, theirs.logpdf(INSIDE, *shapes, 0.1, 1.2), rtol=1e-5, atol=1e-6)
    for i in range(len(shapes)):
        slope = tg.grad(lambda *s: ours.logpdf(x, *s).sum(), i)(*map(np.float32, shapes))
        assert slope.dtype == np.float32, f"shape {i}"


def test_arguments_by_name_and_wrong_ones() -> None:
    x = 0.3
    assert stats.beta.logpdf(x, b=2.0, a=1.5) == stats.beta.logpdf(x, 1.5, 2.0)
    assert stats.norm.logpdf(x, scale=2.0) == stats.norm.logpdf(x, 0, 2.0)
    for call, words in (
        (lambda: stats.gamma.logpdf(x), "a is missing"),
        (lambda: stats.norm.logpdf(x, 0, 1, 2), "got 2 by position"),
        (lambda: stats.norm.logpdf(x, 0, loc=1), "got loc"),
        (lambda: stats.norm.logpdf(x, mean=1), "got mean"),
    ):
        with pytest.raises(TypeError, match=words):
            call()
    assert repr(stats.t) == "<t distributions: (df, loc, scale)>"
    np.testing.assert_array_equal(stats.norm.logpdf([0.0, 1.0]), stats.norm.logpdf(np.arange(2.0)))


@pytest.mark.parametrize("df", [1e10, 1e15, np.inf])
def test_t_with_many_degrees_of_freedom_is_normal(df: float) -> None:
    np.testing.assert_allclose(
        stats.t.logpdf(INSIDE, df), scipy.stats.norm.logpdf(INSIDE), rtol=1e-9
    )
    slope = tg.grad(lambda x: stats.t.logpdf(x, df).sum())(INSIDE)
    np.testing.assert_allclose(slope, -INSIDE, rtol=1e-9)
    assert abs(tg.grad(lambda d: stats.t.logpdf(0.5, d))(df)) < 1e-12


def test_kinks_and_peaks() -> None:
    assert tg.grad(stats.laplace.logpdf)(0.0) == 0
    assert tg.grad(tg.grad(stats.logistic.logpdf))(0.0) == -0.5
    assert tg.grad(stats.logistic.logpdf)(-900.0) == 1
    assert tg.grad(stats.gamma.logpdf)(0.0, 1.0) == -1  # an exponential distribution at its end


def test_at_the_ends_of_the_support() -> None:
    x = np.array([0.0, 1.0])
    for a, b in ((0.5, 0.5), (1.0, 1.0), (2.0, 3.0), (1.0, 2.0)):
        np.testing.assert_array_equal(stats.beta.logpdf(x, a, b), scipy.stats.beta.logpdf(x, a, b))
    for a in (0.5, 1.0, 2.0):
        np.testing.assert_array_equal(stats.gamma.logpdf(x, a)[0], scipy.stats.gamma.logpdf(0, a))


@pytest.mark.parametrize("name", ["cdf", "logcdf", "sf", "logsf"])
def test_normal_distribution_function(name: str) -> None:
    x = np.array([-40.0, -1.0, 0.0, 3.0, 30.0])
    f, theirs = getattr(stats.norm, name), getattr(scipy.stats.norm, name)
    np.testing.assert_allclose(f(x, 0.5, 2.0), theirs(x, 0.5, 2.0), rtol=1e-13)
    density = scipy.stats.norm.pdf(x, 0.5, 2.0)
    want = density if name == "cdf" else -density
    if name.startswith("log"):
        sign = 1 if name == "logcdf" else -1
        tail = scipy.stats.norm.logcdf(sign * (x - 0.5) / 2)
        want = sign * np.exp(scipy.stats.norm.logpdf(x, 0.5, 2.0) - tail)
    found = tg.grad(lambda x: f(x, loc=0.5, scale=2.0).sum())(x)
    np.testing.assert_allclose(found, want, rtol=1e-12)
    assert np.isnan(f(x, 0.0, -1.0)).all()


def test_normal_quantile() -> None:
    p = np.array([0.001, 0.5, 0.9])
    found = stats.norm.ppf(p, 0.5, 2.0)
    np.testing.assert_allclose(found, scipy.stats.norm.ppf(p, 0.5, 2.0), rtol=1e-13)
    slope = tg.grad(lambda p: stats.norm.ppf(p, 0.5, 2.0).sum())(p)
    np.testing.assert_allclose(slope, 1 / scipy.stats.norm.pdf(found, 0.5, 2.0), rtol=1e-12)


# ---- counts -------------------------------------------------------------------------------------

COUNTS = np.array([-1.0, 0.0, 1.0, 2.0, 4.0, 5.0, 1.5, np.nan, np.inf])


@pytest.mark.parametrize("name", DISCRETE)
def test_log_probability_is_scipys(name: str) -> None:
    ours, theirs = pair(name)
    shapes = DISCRETE[name]
    with np.errstate(all="ignore"):
        for loc in (0, 1):
            got, want = (d.logpmf(COUNTS, *shapes, loc) for d in (ours, theirs))
            np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)
    whole = np.arange(2)
    np.testing.assert_allclose(ours.pmf(whole, *shapes), theirs.pmf(whole, *shapes), rtol=1e-13)


@pytest.mark.parametrize("name", DISCRETE)
def test_bad_probabilities_and_rates_give_nan(name: str) -> None:
    ours, theirs = pair(name)
    last = np.array([-0.1, 1.1, np.nan, 0.5])
    shapes = (*DISCRETE[name][:-1], last)
    with np.errstate(all="ignore"):
        got, want = (d.logpmf(1, *shapes) for d in (ours, theirs))
    np.testing.assert_allclose(got, want, rtol=1e-13)
    slope = tg.grad(lambda p: ours.logpmf(1, *shapes[:-1], p).sum())(last)
    assert np.isnan(slope).tolist() == np.isnan(want).tolist()


@pytest.mark.parametrize("name", DISCRETE)
def test_derivatives_in_the_parameter(name: str) -> None:
    ours, theirs = pair(name)
    *fixed, p = DISCRETE[name]
    for k in (0, 1):
        f = lambda p, k=k: ours.logpmf(k, *fixed, p)
        g = lambda p, k=k: theirs.logpmf(k, *fixed, p)
        want = differences(g, (np.float64(p),), (np.float64(1.0),), step=0.02)
        np.testing.assert_allclose(tg.grad(f)(p), want, rtol=1e-8)
        tg.check_grads(f, (p,), order=2)
        assert tg.jit(tg.grad(f))(p) == tg.grad(f)(p)


def test_sure_outcomes_have_finite_derivatives() -> None:
    """0 log 0 is 0, and so is its derivative in the probability."""
    assert tg.grad(lambda p: stats.bernoulli.logpmf(0, p))(0.0) == -1
    assert tg.grad(lambda p: stats.bernoulli.logpmf(1, p))(1.0) == 1
    assert tg.grad(lambda p: stats.binom.logpmf(3, 3, p))(1.0) == 3
    assert tg.grad(lambda mu: stats.poisson.logpmf(0, mu))(0.0) == -1


def test_counts_carry_no_derivative_and_do_not_widen() -> None:
    assert tg.grad(lambda k: stats.poisson.logpmf(k, 2.0))(3.0) == 0
    mu = np.array([0.5, 2.0], np.float32)
    counts = np.array([1, 3])
    for f in (
        lambda p: stats.poisson.logpmf(counts, p),
        lambda p: stats.binom.logpmf(counts, np.array([5, 5]), p / 4),
        lambda p: stats.multinomial.logpmf(counts, np.int64(4), p / p.sum()),
    ):
        y, pull = tg.vjp(f, mu)
        assert y.dtype == np.float32 and pull(y)[0].dtype == np.float32


def test_multinomial() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), size=3)
    x = np.stack([rng.multinomial(6, row) for row in p])
    want = [scipy.stats.multinomial.logpmf(a, 6, b) for a, b in zip(x, p, strict=True)]
    np.testing.assert_allclose(stats.multinomial.logpmf(x, 6, p), want, rtol=1e-12)
    np.testing.assert_allclose(stats.multinomial.pmf(x, 6, p), np.exp(want), rtol=1e-12)
    np.testing.assert_allclose(tg.vmap(lambda x, p: stats.multinomial.logpmf(x, 6, p))(x, p), want)
    slope = tg.grad(lambda p: stats.multinomial.logpmf(x, 6, p).sum())(p)
    np.testing.assert_allclose(slope, x / p, rtol=1e-13)
    logits = rng.normal(size=4)
    f = lambda z: stats.multinomial.logpmf(x[0], 6, tg.ops.softmax(z))
    share = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(tg.grad(f)(logits), x[0] - 6 * share, atol=1e-12)
    curve = -6 * (np.diag(share) - np.outer(share, share))
    np.testing.assert_allclose(tg.hessian(f)(logits), curve, atol=1e-12)


def test_multinomial_outside() -> None:
    f, p = stats.multinomial.logpmf, np.array([0.25, 0.75])
    assert f([1, 1], 3, p) == -np.inf and f([1.5, 1.5], 3, p) == -np.inf
    assert f([-1, 4], 3, p) == -np.inf
    assert np.isnan(f([1, 2], 3, np.array([0.5, 0.75]))) and np.isnan(f([1, 2], 3, -p))
    assert f([0, 3], 3, np.array([0.0, 1.0])) == 0


# ---- vectors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 5])
def test_dirichlet(count: int) -> None:
    rng = np.random.default_rng(1)
    alpha = np.array([0.7, 1.0, 2.5, 4.0])
    x = rng.dirichlet(alpha, size=count).T
    x = x[:, 0] if count == 1 else x
    want = scipy.stats.dirichlet.logpdf(x, alpha)
    np.testing.assert_allclose(stats.dirichlet.logpdf(x, alpha), want, rtol=1e-12)
    np.testing.assert_allclose(stats.dirichlet.logpdf(x[:-1], alpha), want, rtol=1e-11)
    np.testing.assert_allclose(stats.dirichlet.pdf(x, alpha), np.exp(want), rtol=1e-11)
    f = lambda x, alpha: stats.dirichlet.logpdf(x, alpha).sum()
    columns = alpha - 1 if count == 1 else (alpha - 1)[:, None]
    np.testing.assert_allclose(tg.grad(f)(x, alpha), columns / x, rtol=1e-13)
    digamma = scipy.special.digamma
    logs = np.log(x).reshape(4, -1).sum(-1)
    slope = logs + count * (digamma(alpha.sum()) - digamma(alpha))
    np.testing.assert_allclose(tg.grad(f, 1)(x, alpha), slope, rtol=1e-12, atol=1e-12)
    tg.check_grads(lambda rest, alpha: f(rest, alpha), (x[:-1] * 0.9, alpha), order=2, rtol=1e-4)


def test_dirichlet_outside() -> None:
    f, alpha = stats.dirichlet.logpdf, np.array([1.5, 2.0])
    assert f(np.array([0.5, 0.6]), alpha) == -np.inf
    assert f(np.array([-0.5, 1.5]), alpha) == -np.inf
    assert f(np.array([1.25]), alpha) == -np.inf
    assert np.isnan(f(np.array([0.5, 0.5]), np.array([-1.0, 1.0])))
    assert f(np.array([0.25, 0.75], np.float32), alpha.astype(np.float32)).dtype == np.float32
    with pytest.raises(ValueError, match=r"dirichlet\.logpdf: x of shape \(4,\).*alpha of shape"):
        f(np.full(4, 0.25), alpha)


MEAN = np.array([0.5, -1.0, 2.0])
COV = np.array([[2.0, 0.3, -0.4], [0.3, 1.0, 0.2], [-0.4, 0.2, 0.7]])


@pytest.mark.parametrize("lead", [(), (4,), (2, 4), (0,)])
def test_multivariate_normal(lead: tuple[int, ...]) -> None:
    x = np.random.default_rng(2).normal(size=(*lead, 3))
    found = stats.multivariate_normal.logpdf(x, MEAN, COV)
    assert np.shape(found) == lead
    inverse, far = np.linalg.inv(COV), x - MEAN
    distance = np.einsum("...i,ij,...j->...", far, inverse, far)
    want = -0.5 * (3 * np.log(2 * np.pi) + np.linalg.slogdet(COV)[1] + distance)
    np.testing.assert_allclose(found, want, rtol=1e-13)
    f = lambda *args: stats.multivariate_normal.logpdf(*args).sum()
    slopes = tg.grad(f, (0, 1, 2))(x, MEAN, COV)
    pulled = far @ inverse
    np.testing.assert_allclose(slopes[0], -pulled, rtol=1e-12)
    flat = pulled.reshape(-1, 3)
    np.testing.assert_allclose(slopes[1], flat.sum(0), rtol=1e-12, atol=1e-14)
    curve = 0.5 * (flat.T @ flat - len(flat) * inverse)
    np.testing.assert_allclose(slopes[2], curve, rtol=1e-11, atol=1e-13)


def test_multivariate_normal_twice_derived() -> None:
    x = np.random.default_rng(3).normal(size=(5, 3))
    f = lambda m: stats.multivariate_normal.logpdf(x, m, COV).sum()
    np.testing.assert_allclose(tg.hessian(f)(MEAN), -5 * np.linalg.inv(COV), rtol=1e-12)
    g = lambda c: stats.multivariate_normal.logpdf(x, MEAN, c @ c.T + np.eye(3)).sum()
    tg.check_grads(g, (COV,), order=2, rtol=1e-5)
    np.testing.assert_allclose(tg.jit(tg.grad(g))(COV), tg.grad(g)(COV), rtol=1e-12)
    each = tg.vmap(lambda x: stats.multivariate_normal.logpdf(x, MEAN, COV))(x)
    np.testing.assert_allclose(each, stats.multivariate_normal.logpdf(x, MEAN, COV), rtol=1e-13)


@pytest.mark.parametrize("cov", [1, 2.5, np.array([0.5, 1.0, 2.0])])
@pytest.mark.parametrize("mean", [None, MEAN])
def test_multivariate_normal_with_short_covariances(mean: Any, cov: Any) -> None:
    if mean is None and np.ndim(cov) == 0:
        x: Any = np.array([0.3, 1.0])  # of one dimension then
    else:
        x = np.array([[0.3, 1.0, -0.5], [0.0, 1.0, 2.0]])
    at = np.zeros(np.shape(cov)) if mean is None else mean  # SciPy takes no diagonal without one
    theirs = scipy.stats.multivariate_normal.logpdf(x, at, cov)
    ours = stats.multivariate_normal.logpdf(x, mean, cov)
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)
    np.testing.assert_allclose(stats.multivariate_normal.pdf(x, mean, cov), np.exp(theirs))
    narrow = stats.multivariate_normal.logpdf(
        x.astype(np.float32), None if mean is None else mean.astype(np.float32),
        cov if np.ndim(cov) == 0 else np.asarray(cov, np.float32),
    )  # fmt: skip
    assert narrow.dtype == np.float32


def test_multivariate_normal_refuses_bad_covariances_and_shapes() -> None:
    f = stats.multivariate_normal.logpdf
    with pytest.raises(np.linalg.LinAlgError):
        f(np.zeros(2), np.zeros(2), -np.eye(2))
    for x, mean, cov in (
        (np.zeros(2), MEAN, COV),
        (np.zeros(3), MEAN, np.eye(2)),
        (np.zeros(3), np.zeros((2, 3)), COV),
    ):
        with pytest.raises(ValueError, match=r"multivariate_normal\.logpdf: x of shape"):
            f(x, mean, cov)


def test_a_normal_likelihood_is_maximised_by_its_moments() -> None:
    """Gradient 0 and the known Hessian at the mean and standard deviation of the data."""
    x = np.random.default_rng(4).normal(1.5, 0.7, size=50)
    f = lambda p: stats.norm.logpdf(x, p[0], p[1]).sum()
    best = np.array([x.mean(), x.std()])
    np.testing.assert_allclose(tg.grad(f)(best), 0, atol=1e-11)
    want = -50 / x.var() * np.diag([1.0, 2.0])
    np.testing.assert_allclose(tg.hessian(f)(best), want, rtol=1e-11, atol=1e-10)


def test_multivariate_normal_of_a_singular_covariance() -> None:
    """On the plane that it spans as SciPy has it, with the slopes of SciPy's values."""
    basis = np.array([[1.0, 2.0], [0.5, -1.0], [0.3, 0.2]])
    x = np.array([basis @ [1.0, 2.0], basis @ [0.3, -1.0], [1.0, 1.0, 1.0]])
    theirs = scipy.stats.multivariate_normal.logpdf
    ours = stats.multivariate_normal.logpdf
    want = theirs(x, np.zeros(3), basis @ basis.T, allow_singular=True)
    assert want[2] == -np.inf  # beside the plane
    np.testing.assert_allclose(ours(x, np.zeros(3), basis @ basis.T, allow_singular=True), want)

    def total(density: Any, b: Any) -> Any:
        return density(x[:2], np.zeros(3), b @ b.T, allow_singular=True).sum()

    step = basis @ np.array([[0.3, -0.2], [0.5, 0.9]])  # within the plane, where x stays
    _, slope = tg.jvp(lambda b: total(ours, b), (basis,), (step,))
    h = 1e-5
    differences = (total(theirs, basis + h * step) - total(theirs, basis - h * step)) / (2 * h)
    np.testing.assert_allclose(slope, differences, rtol=1e-6)
    with pytest.raises(TypeError, match=r"allow_singular must be True or False"):
        ours(x, np.zeros(3), np.eye(3), "yes")
