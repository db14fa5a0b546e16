"""Options, edges and conventions of the functions that are composed for NumPy's names.

Values are held against NumPy's own on arrays, derivatives against differences, to second order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import close

import tinygrad_hess as tg

RNG = np.random.default_rng(0)
A, T = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4, 5))
HOLES = np.where(RNG.random(T.shape) < 0.2, np.nan, T)
HOLES[0], HOLES[:, 0] = T[0], T[:, 0]
Y, Z = np.cumsum(RNG.random(5)), np.cumsum(RNG.random(6))
F = RNG.normal(size=(5, 6))

Call = Callable[[Any], Any]


def parts(y: Any) -> list[Any]:
    return [p for item in y for p in parts(item)] if isinstance(y, (list, tuple)) else [y]


def check(call: Call, x: Any, grads: int = 2, rtol: float = 1e-11) -> None:
    """Through plain ``np`` on a tensor: value, type and shape as on the array, and derivatives."""
    got, want = parts(call(tg.tensor(x, requires_grad=True))), parts(call(x))
    got = [g.detach().numpy() if isinstance(g, tg.Tensor) else g for g in got]
    close(got, want, rtol, rtol, elementwise=True, strict=True)
    if grads:
        tg.check_grads(
            lambda x: [p for p in parts(call(x)) if p.dtype.kind == "f"], (x,), order=grads
        )


# ---- order statistics ---------------------------------------------------------------------------

METHODS = [
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf",
    "hazen", "weibull", "linear", "median_unbiased", "normal_unbiased", "lower", "higher",
    "midpoint", "nearest",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_quantiles(name: str, method: str) -> None:
    f = getattr(np, name)
    x = HOLES if name.startswith("nan") else T
    for q, axis, keepdims in itertools.product(
        (0.3, [0, 0.25, 0.5, 1], 0.0, 1.0), (None, 1, (0, 2)), (False, True)
    ):
        check(lambda x: f(x, q, axis=axis, method=method, keepdims=keepdims), x, grads=0)
    check(lambda x: f(x, 0.3, axis=0, method=method), T, grads=1)
    narrow = f(tg.tensor(T.astype(np.float32)), 0.3, method=method)
    assert narrow.dtype == np.float32


def test_a_quantile_has_the_slope_of_the_sample_in_its_probability() -> None:
    x = np.array([1.0, 3.0, 10.0])
    assert tg.grad(lambda q: np.quantile(x, q))(0.25) == pytest.approx(2 * (3 - 1))
    slopes = tg.jacobian(lambda q: np.percentile(x, q))(np.array([10.0, 90.0]))
    np.testing.assert_allclose(slopes, np.diag([0.04, 0.14]))


def test_medians_and_percentiles() -> None:
    for axis, keepdims in itertools.product((None, 0, -1, (0, 1)), (False, True)):
        check(lambda x: np.median(x, axis, keepdims=keepdims), T)
        check(lambda x: np.nanmedian(x, axis, keepdims=keepdims), HOLES, grads=0)
    check(lambda x: np.percentile(x, [30, 40.0], axis=1), T)
    check(lambda x: np.nanpercentile(x, 30, axis=1), HOLES, grads=0)
    check(lambda x: np.median(x, axis=1), HOLES, grads=0)  # NaN where a sample holds one
    np.testing.assert_array_equal(
        tg.grad(np.median)(np.array([3.0, 1.0, 7.0, 5.0])), [0.5, 0, 0, 0.5]
    )


def test_what_is_not_there_has_no_derivative() -> None:
    x = np.array([1.0, np.nan, 4.0, 2.0])
    for f in (np.nansum, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmedian, np.nanprod):
        g = tg.grad(lambda x: f(x))(x)
        kept = np.array([0, 2, 3])
        np.testing.assert_allclose(g[kept], tg.grad(lambda x: f(x))(x[kept]))
        assert g[1] == 0
        np.testing.assert_allclose(tg.jit(tg.grad(f))(x), g)
        np.testing.assert_allclose(tg.vmap(tg.grad(f))(np.stack([x, x[::-1]])), [g, g[::-1]])


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "max", "min"])
def test_reductions_without_nan(name: str) -> None:
    f = getattr(np, f"nan{name}")
    for axis, keepdims in itertools.product((None, 1, (0, 2)), (False, True)):
        check(lambda x: f(x, axis=axis, keepdims=keepdims), HOLES, grads=0)
    check(lambda x: f(x, axis=1), T)


@pytest.mark.filterwarnings("ignore:.*empty slice|invalid value|Degrees|All-NaN:RuntimeWarning")
def test_where_nothing_is_left_the_answer_is_nan() -> None:
    none = np.array([[np.nan, np.nan], [1.0, 2.0]])
    for f in (np.nanmean, np.nanmax, np.nanmin, np.nanmedian, np.nanvar):
        got = f(tg.tensor(none), axis=1).numpy()
        np.testing.assert_array_equal(np.isnan(got), [True, False])


MASK = T > 0
MASK[0] = MASK[:, 0] = True


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "max", "min"])
def test_masks_and_initial_values(name: str) -> None:
    f = getattr(np, name)
    initial = {"initial": 0.5} if name in ("sum", "prod", "max", "min") else {}
    for axis, keepdims in itertools.product((None, 1, (0, 2)), (False, True)):
        check(lambda x: f(x, axis=axis, keepdims=keepdims, where=MASK, **initial), T)
    if name in ("max", "min"):
        with pytest.raises(ValueError, match=f"{name}: with where=, give an initial"):
            f(tg.tensor(T), where=MASK)
    if name in ("var", "std"):
        check(lambda x: f(x, axis=1, ddof=1, mean=np.zeros((3, 1, 5))), T)
        check(lambda x: f(x, axis=1, correction=1), T)


def test_partitions_are_sorts() -> None:
    check(lambda x: np.partition(x, 2, axis=1)[:, 2], T)
    np.testing.assert_array_equal(np.partition(tg.tensor(A), 1).numpy(), np.sort(A))
    with pytest.raises(ValueError, match="partition: kth=9 of 4"):
        np.partition(tg.tensor(A), 9)


# ---- calculus -----------------------------------------------------------------------------------


@pytest.mark.parametrize("edge_order", [1, 2])
def test_gradient(edge_order: int) -> None:
    for spacing in ((), (2.0,), (0.5, 3.0), (Y, Z), (Y, 2.0), (np.arange(5) * 2, Z)):
        check(lambda f: np.gradient(f, *spacing, edge_order=edge_order), F)
    check(lambda f: np.gradient(f, Z, axis=1, edge_order=edge_order), F)
    check(lambda z: np.gradient(F[0], z, edge_order=edge_order), Z)
    assert np.gradient(tg.tensor(F.astype(np.float32)), Y, Z)[0].dtype == np.float32


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda f: np.gradient(f, 1.0, 2.0, 3.0), "3 spacings for 2 axes"),
        (lambda f: np.gradient(f, Z, axis=0), r"\(6,\) along an axis of 5"),
        (lambda f: np.gradient(f, edge_order=3), "edge_order=3"),
        (lambda f: np.gradient(f[:1]), "more than 1"),
    ],
)
def test_gradient_says_what_does_not_fit(call: Call, match: str) -> None:
    with pytest.raises((TypeError, ValueError), match=match):
        call(tg.tensor(F))


def test_integrals_of_samples() -> None:
    for options in (
        {}, {"x": Z}, {"dx": 0.3}, {"axis": 0}, {"x": Y, "axis": 0},
        {"x": np.cumsum(np.abs(F), 0), "axis": 0},
    ):  # fmt: skip
        check(lambda f: np.trapezoid(f, **options), F)
    check(lambda x: np.trapezoid(F, x), Z)
    check(lambda f: np.ediff1d(f, to_end=[1.0, 2.0], to_begin=3.0), F)


POINTS = RNG.uniform(-1, Z[-1] + 1, (3, 4))


@pytest.mark.parametrize("options", [{}, {"left": -1.0, "right": 9.0}, {"period": 2.3}])
def test_interp(options: dict[str, float]) -> None:
    for x in (POINTS, Z, np.array([Z[0], Z[-1], Z[2]]), POINTS[0, 0]):
        check(lambda x: np.interp(x, Z, F[0], **options), x, grads=0)
        check(lambda fp: np.interp(x, Z, fp, **options), F[0], grads=0)
    tg.check_grads(lambda x, xp, fp: np.interp(x, xp, fp, **options), (POINTS, Z, F[0]), order=2)
    of_all = lambda x, xp, fp: np.interp(x, xp, fp, **options)
    want = np.stack([np.interp(x, Z, fp, **options) for x, fp in zip(POINTS, F)])
    np.testing.assert_allclose(tg.vmap(of_all, (0, None, 0))(POINTS, Z, F[:3]), want)
    want = np.stack([np.interp(POINTS, z, F[0], **options) for z in (Z, Z + 0.1)])
    np.testing.assert_allclose(
        tg.vmap(of_all, (None, 0, None))(POINTS, np.stack([Z, Z + 0.1]), F[0]), want
    )
    np.testing.assert_allclose(tg.jit(of_all)(POINTS, Z, F[0]), of_all(POINTS, Z, F[0]), rtol=1e-12)


def test_interp_at_a_point_has_the_mean_slope_of_both_sides() -> None:
    f = lambda x: np.interp(x, [0.0, 1.0, 3.0], [0.0, 1.0, 7.0])
    found = [tg.grad(f)(x) for x in (-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0)]
    np.testing.assert_allclose(found, [0, 0.5, 1, 2, 3, 1.5, 0])


def test_unwrap() -> None:
    p = np.cumsum(RNG.normal(size=(3, 20)) * 2, 1) % (2 * np.pi)
    check(np.unwrap, p)
    check(lambda p: np.unwrap(p, axis=0), p)
    check(lambda p: np.unwrap(p, discont=4.0, period=5.0), p)
    check(np.unwrap, np.array([0, np.pi, 0, -np.pi, np.pi]), grads=0)


def test_digitize_counts_bins_up_or_down() -> None:
    for bins, right in itertools.product((Z, Z[::-1]), (False, True)):
        got = np.digitize(tg.tensor(POINTS), bins, right)
        np.testing.assert_array_equal(got.numpy(), np.digitize(POINTS, bins, right))
    order = np.argsort(F[0])
    got = np.searchsorted(tg.tensor(F[0]), POINTS, sorter=order)
    np.testing.assert_array_equal(got.numpy(), np.searchsorted(F[0], POINTS, sorter=order))


# ---- polynomials, convolutions, covariances -----------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_sliding_products(name: str, mode: str) -> None:
    f = getattr(np, name)
    for m, n in itertools.product((1, 2, 3, 6), (1, 2, 5, 6)):
        a, v = RNG.normal(size=m), RNG.normal(size=n)
        check(lambda a: f(a, v, mode), a)
        check(lambda v: f(a, v, mode), v, grads=0)
    with pytest.raises(ValueError, match=r"mode"):
        f(tg.tensor(A[0]), A[1], "most")
    with pytest.raises(ValueError, match=f"{name}: needs two vectors"):
        f(tg.tensor(A), A[1])


def test_polynomials() -> None:
    for m, n in itertools.product((1, 3, 6), (1, 2, 5)):
        p, q = RNG.normal(size=m), RNG.normal(size=n)
        for f in (np.polyadd, np.polysub, np.polymul):
            check(lambda p: f(p, q), p)
        check(lambda p: np.polydiv(p, q), p, grads=1 if m >= n else 0) if m >= n else None
    p = RNG.normal(size=5)
    check(lambda p: np.polyval(p, A), p)
    check(lambda x: np.polyval(p, x), A)
    for m in (1, 2):
        check(lambda p: np.polyder(p, m), p)
        check(lambda p: np.polyint(p, m), p)
    check(lambda p: np.polyint(p, 2, [1.0, 2.0]), p)
    check(lambda k: tg.numpy.polyint(p, 2, k), np.array([3.0]))
    check(np.poly, p)


def test_polyfit() -> None:
    x, y = np.linspace(-1, 1, 8) + 0.01 * RNG.normal(size=8), RNG.normal(size=8)
    columns, w = RNG.normal(size=(8, 2)), RNG.uniform(0.5, 1, 8)
    for options in ({}, {"w": w}, {"cov": True}, {"cov": "unscaled"}):
        check(lambda y: np.polyfit(x, y, 2, **options), y, grads=1)
        check(lambda y: np.polyfit(x, y, 2, **options), columns, grads=0)
    full = np.polyfit(tg.tensor(x), y, 2, full=True)
    for got, want in zip(full[:4], np.polyfit(x, y, 2, full=True)[:4], strict=True):
        np.testing.assert_allclose(got.numpy(), want)
    tg.check_grads(lambda x, w: np.polyfit(x, y, 2, w=w), (x, w), order=2)


def test_roots_move_with_the_coefficients() -> None:
    p = np.array([2.0, -12.0, 22.0, -12.0])  # 2 (x - 1) (x - 2) (x - 3)
    found = np.roots(tg.tensor(np.array([0.0, *p, 0.0])))
    np.testing.assert_allclose(np.sort(found.numpy()), [0, 1, 2, 3], atol=1e-12)
    slopes = tg.jacobian(lambda p: np.sort(np.roots(p)))(p)
    x = np.array([1.0, 2.0, 3.0])  # dx/dp = -x^k / P'(x)
    want = -np.vander(x, 4) / np.polyval(np.polyder(p), x)[:, None]
    np.testing.assert_allclose(slopes, want, rtol=1e-9)


COUNTS, RELATIVE = RNG.integers(1, 4, 7), RNG.random(7)
SAMPLES, MORE = RNG.normal(size=(3, 7)), RNG.normal(size=(2, 7))


@pytest.mark.parametrize(
    "options",
    [
        {}, {"bias": True}, {"ddof": 0}, {"fweights": COUNTS}, {"aweights": RELATIVE},
        {"fweights": COUNTS, "aweights": RELATIVE}, {"aweights": RELATIVE, "bias": True},
    ],
)  # fmt: skip
def test_covariances(options: dict[str, Any]) -> None:
    check(lambda m: np.cov(m, **options), SAMPLES)
    check(lambda m: np.cov(SAMPLES, m, **options), MORE, grads=0)
    check(lambda m: np.cov(m, **options), SAMPLES[0], grads=0)
    check(lambda m: np.cov(m, rowvar=False, **options), SAMPLES.T, grads=0)


def test_correlations() -> None:
    check(lambda x: np.corrcoef(x, MORE), SAMPLES)
    check(lambda x: np.corrcoef(x, rowvar=False), SAMPLES.T, grads=0)
    check(lambda w: np.cov(SAMPLES, aweights=w), RELATIVE)


# ---- editing and choosing -----------------------------------------------------------------------

REARRANGED: list[Call] = [
    *(
        lambda x, a=a: np.delete(x, *a)
        for a in (
            (1,), ([0, 2],), (slice(0, 2),), (np.arange(12) % 5 == 0,), (1, 0), ([0, 1], 1),
            (slice(None, None, 2), 1),
        )
    ),
    *(
        lambda x, a=a: np.insert(x, *a)
        for a in (
            (1, 9.0), ([0, 2], [1.0, 2.0]), (1, [1.0, 2, 3, 4], 0), ([0, 2], 7.0, 1),
            (1, A[:2], 0), (slice(0, 2), 3.0, 1),
        )
    ),
    lambda x: np.insert(A, 1, x[0]),
    lambda x: np.append(x, [1.0, 2.0]),
    lambda x: np.append(A, x, 1),
    lambda x: np.resize(x, (5, 7)),
    lambda x: np.dstack([x, A]),
    lambda x: np.dstack([x[0], A[0]]),
    lambda x: np.block([[x, 2 * x], [np.ones((2, 4)), np.zeros((2, 4))]]),
    lambda x: np.block([x[0], 1.0]),
    lambda x: np.hsplit(x, 2),
    lambda x: np.vsplit(x, [1]),
    lambda x: np.dsplit(x[None], 2),
    lambda x: np.unstack(x, axis=1),
    lambda x: np.atleast_3d(x),
    lambda x: np.meshgrid(x[0], A[:, 0], x[1]),
    lambda x: np.meshgrid(x[0], x[1], sparse=True),
    lambda x: np.meshgrid(x[0], x[1], indexing="ij"),
    *(lambda x, k=k: np.rot90(x, k, (1, 0)) for k in range(-1, 4)),
    np.fliplr,
    np.flipud,
    lambda x: np.trim_zeros(x[0]),
    lambda x: np.select([A < 0, A < 0.5], [x, x**2], 3),
    lambda x: np.select([x < 0], [1], x),
    lambda x: np.choose(np.arange(4) % 3, [x, A[0], 2.0]),
    lambda x: np.choose(np.arange(2, 6), [x, A[0]], mode="wrap"),
    lambda x: np.choose(np.arange(-1, 3), [x, A[0]], mode="clip"),
    lambda x: np.compress([True, False, True], x, 0),
    lambda x: np.extract(A > 0, x),
    lambda x: np.piecewise(x, [A < 0, A > 1], [lambda v: v * v, 3.0, lambda v: -v]),
    lambda x: np.piecewise(x[0], x[0] < 0, [np.exp, 1.0]),
    lambda x: np.apply_along_axis(np.cumsum, 0, x),
    lambda x: np.apply_along_axis(lambda line: np.outer(line, line), 1, x),
    lambda x: np.apply_over_axes(np.sum, x * x, [0, 1]),
    lambda x: np.linspace(x, A + 1, 5, axis=-1),
    lambda x: np.linspace(1.0, x, 4, endpoint=False),
    lambda x: np.linspace(x, 2.0, 1),
    lambda x: np.logspace(0.0, x, 3),
    lambda x: np.logspace(1.0, 2.0, 3, base=np.abs(x)),
    lambda x: np.geomspace(np.exp(x), 300.0, 4, axis=1),
    lambda x: np.frexp(x)[0],
    lambda x: np.modf(x)[0],
    lambda x: np.divmod(x, 0.3)[1],
    lambda x: np.ldexp(x, np.arange(4)),
    lambda x: np.float_power(np.exp(x), 1.5),
    lambda x: np.bincount([0, 2, 1, 0], weights=x[1], minlength=5),
]  # fmt: skip


@pytest.mark.parametrize("call", REARRANGED)
def test_rearranged(call: Call) -> None:
    check(call, A, grads=1)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda x: np.choose([5], [x, x]), "numbers must lie in 0..1"),
        (lambda x: np.choose([0.5], [x, x]), "integers"),
        (lambda x: np.select([x > 0], [x, x]), "1 conditions for 2 choices"),
        (lambda x: np.select([[1]], [x]), "condition 0 must be boolean"),
        (lambda x: np.piecewise(x, [x > 0], [1, 2, 3]), "1 conditions for 3 functions"),
        (lambda x: np.block([[x], x]), "nested to one depth"),
        (lambda x: np.rot90(x, axes=(0, 0)), "different"),
        (lambda x: np.meshgrid(x, indexing="ab"), "indexing='ab'"),
        (lambda x: np.quantile(x, 1.5), r"\[0, 1\]"),
        (lambda x: np.quantile(x, 0.5, method="best"), "method='best'"),
        (lambda x: np.polyadd(x, x), "vector"),
        (lambda x: np.dsplit(x, 2), "3 axes"),
    ],
)
def test_errors(call: Call, match: str) -> None:
    with pytest.raises((TypeError, ValueError), match=match):
        call(tg.tensor(A, requires_grad=True))


def test_what_values_decide_is_refused_where_they_may_differ() -> None:
    for call in (
        lambda x: np.trim_zeros(x[0]).sum(),
        lambda x: np.extract(x > 0, x).sum(),
        lambda x: np.roots(x[0]).sum(),
        lambda x: np.delete(x, (x[0, 0] > 0).astype(int)).sum(),
    ):
        with pytest.raises(tg.TracingError):
            tg.jit(call)(A)
        with pytest.raises(tg.NonDifferentiableError):
            tg.vmap(call)(np.stack([A, A]))


# ---- writing in place ---------------------------------------------------------------------------

WRITTEN: dict[str, tuple[Any, ...]] = {
    "copyto row": (np.copyto, (lambda x: x[0] * 2,), {}),
    "copyto number": (np.copyto, (0.0,), {}),
    "copyto where": (np.copyto, (7.0,), {"where": A > 0}),
    "put": (np.put, ([0, -1, 3], lambda x: x[0, :2] * 3), {}),
    "put wrapped": (np.put, ([0, 13], [1.0, 2.0]), {"mode": "wrap"}),
    "put clipped": (np.put, ([0, 13], [1.0, 2.0]), {"mode": "clip"}),
    "place": (np.place, (A > 0, lambda x: x[1, :2]), {}),
    "putmask": (np.putmask, (A > 0, lambda x: x**2), {}),
    "putmask repeated": (np.putmask, (A > 0, [1.0, 2.0, 3.0]), {}),
    "fill_diagonal": (np.fill_diagonal, (lambda x: x[0, :2],), {}),
    "put_along_axis": (np.put_along_axis, (np.argsort(A, 1)[:, :2], lambda x: x[:, 1:3], 1), {}),
    "put_along_axis flat": (np.put_along_axis, (np.array([0, 5]), 9.0, None), {}),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_written(name: str) -> None:
    function, args, options = WRITTEN[name]

    def call(x: Any) -> Any:
        y = x * 1.0
        given = [a(x) if callable(a) else a for a in args]
        assert function(y, *given, **options) is None
        return y

    check(call, A)
    np.testing.assert_allclose(tg.jit(call)(A), call(A))


@pytest.mark.parametrize("name", WRITTEN)
def test_an_array_takes_no_recorded_values(name: str) -> None:
    function, args, options = WRITTEN[name]
    x = tg.tensor(A, requires_grad=True)
    target = A.copy()
    if not any(callable(a) for a in args):
        function(target, *args, **options)  # nothing is recorded
        return
    with pytest.raises(tg.NonDifferentiableError, match="lose its gradient"):
        function(target, *(a(x) if callable(a) else a for a in args), **options)
    np.testing.assert_array_equal(target, A)
    function(target, *(a(x).detach() if callable(a) else a for a in args), **options)


# ---- the namespace ------------------------------------------------------------------------------


def test_the_namespace_has_all_of_numpys_names() -> None:
    import tinygrad_hess.numpy as tnp

    assert {n for n in dir(np) if not n.startswith("_")} <= {*dir(tnp)}
    assert tnp.histogram is np.histogram
    assert tnp.float64 is np.float64
    with pytest.raises(AttributeError):
        tnp.no_such_name  # noqa: B018
    with pytest.raises(AttributeError):
        tnp._private  # noqa: B018


def test_arrays_get_numpys_own_answer() -> None:
    import tinygrad_hess.numpy as tnp

    for name, args in (("quantile", (T, 0.3)), ("cov", (A,)), ("interp", (A[0], Z, F[0]))):
        got, want = getattr(tnp, name)(*args), getattr(np, name)(*args)
        assert type(got) is type(want)
        np.testing.assert_array_equal(got, want)
    assert tnp.array([1, 2], ndmin=2).shape == (1, 2)
    assert tnp.array([tg.tensor(1.0), 2.0], ndmin=2).shape == (1, 2)
    np.testing.assert_allclose(tg.grad(lambda v: tnp.full((2, 3), v).sum())(0.5), 6)
    np.testing.assert_allclose(tg.grad(lambda v: tnp.full_like(A, v).sum())(0.5), 12)


def test_a_list_does_not_hide_a_recorded_tensor() -> None:
    import tinygrad_hess.numpy as tnp

    x = tg.tensor(A, requires_grad=True)
    with pytest.raises(tg.NonDifferentiableError, match="unique"):
        tnp.unique([x, x])
