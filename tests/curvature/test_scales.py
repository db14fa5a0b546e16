"""Every estimator at every scale: what it says of a matrix times a number, it says of the matrix."""

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from tinygrad_hess import curvature
from tinygrad_hess.curvature.estimates.operands import Counted

SCALES = (1e-300, 1e-160, 1e-30, 1.0, 1e30, 1e160, 1e300)
SMALL = np.array([-2.0, 0.5, 1.0, 3.0, 5.0])  # dense
LARGE = np.r_[-2.0, 5.0, 3.0, np.linspace(-1, 1, 397)]  # iterated


def operator(values, dtype=float):
    """A diagonal matrix in a rotated basis, by products alone."""
    n = len(values)
    v = np.cos(np.arange(n))
    v /= np.linalg.norm(v)
    d = values.astype(dtype)

    def times(X):
        X = X.reshape(n, -1)
        X = X - (2 * v[:, None] * (v @ X)).astype(dtype)
        X = d[:, None] * X
        return (X - (2 * v[:, None] * (v @ X)).astype(dtype)).astype(dtype)

    return LinearOperator((n, n), matvec=times, matmat=times, dtype=dtype)


def matrix(values, dtype=float):
    return operator(values, dtype) @ np.eye(len(values), dtype=dtype)


def holds(interval, truth, slack):
    low, high = interval
    return low - slack <= truth <= high + slack


ESTIMATES = {
    "trace": (curvature.trace, np.sum),
    "trace, hutchinson": (lambda A: curvature.trace(A, 60), np.sum),
    "trace, xtrace": (lambda A: curvature.trace(A, method="xtrace", max_matvecs=200), np.sum),
    "trace, exact": (lambda A: curvature.trace(A, method="exact"), np.sum),
    "frobenius_norm": (curvature.frobenius_norm, lambda v: 1.0 * np.sqrt((v**2).sum())),
}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", ESTIMATES)
def test_estimates_scale_with_the_matrix(name, scale):
    estimate, truth = ESTIMATES[name]
    for values in (SMALL, LARGE):
        found, one = estimate(operator(scale * values)), estimate(operator(values))
        assert found.converged
        np.testing.assert_allclose(found.value / scale, one.value, rtol=1e-9)
        np.testing.assert_allclose(np.array(found.interval) / scale, one.interval, rtol=1e-6)
        width = one.interval[1] - one.interval[0]
        assert holds(np.array(found.interval) / scale, truth(values), width + 1e-9)


@pytest.mark.parametrize("scale", SCALES)
def test_layer_traces_and_diagonals_scale_with_the_matrix(scale):
    for values in (SMALL, LARGE):
        layers = {"first": np.arange(2), "rest": np.arange(2, len(values))}
        found = curvature.layer_traces(operator(scale * values), layers)
        one = curvature.layer_traces(operator(values), layers)
        for name in layers:
            np.testing.assert_allclose(found.layers[name].value / scale, one.layers[name].value)
        found, one = (
            curvature.diagonal(operator(scale * values)),
            curvature.diagonal(operator(values)),
        )
        np.testing.assert_allclose(found.values / scale, one.values, rtol=1e-9)
        np.testing.assert_allclose(found.intervals / scale, one.intervals, rtol=1e-9)


@pytest.mark.parametrize("method", ["auto", "lanczos", "eigsh"])
@pytest.mark.parametrize("which", ["LA", "SA", "LM", "BE"])
@pytest.mark.parametrize("scale", SCALES)
def test_eigenpairs_scale_with_the_matrix(scale, which, method):
    for values in (SMALL, LARGE):
        if method == "eigsh" and values is SMALL:
            continue
        expected = {"LA": [5, 3], "SA": [-2, -1 if values is LARGE else 0.5], "LM": [5, 3],
                    "BE": [-2, 5]}[which]  # fmt: skip
        found = curvature.top_eigenpairs(operator(scale * values), 2, which, method=method)
        assert found.converged
        np.testing.assert_allclose(found.values / scale, expected, rtol=1e-8)
        for interval, truth in zip(found.intervals / scale, expected, strict=True):
            assert holds(interval, truth, 1e-13)
        assert (found.residuals / scale <= 1e-5).all()


@pytest.mark.parametrize("scale", SCALES)
def test_eigenpairs_near_a_shift_and_to_an_absolute_accuracy(scale):
    near = curvature.top_eigenpairs(operator(scale * LARGE), 1, sigma=3.2 * scale, method="lanczos")
    assert near.converged
    np.testing.assert_allclose(near.values / scale, [3.0], rtol=1e-8)
    sure = curvature.top_eigenpairs(operator(scale * LARGE), 1, atol=1e-3 * scale, method="lanczos")
    assert sure.converged and abs(sure.values[0] / scale - 5) <= 1e-3
    rough = curvature.trace(operator(scale * LARGE), atol=3.0 * scale)
    assert rough.converged and np.diff(rough.interval)[0] <= 6.0 * scale * (1 + 1e-9)


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize("scale", SCALES)
def test_spectra_scale_with_the_matrix(scale, method):
    A, one = operator(scale * LARGE), operator(LARGE)
    found, known = (curvature.spectral_density(op, method=method) for op in (A, one))
    assert found.converged
    for name in ("grid", "extent", "zero", "resolution"):
        np.testing.assert_allclose(
            np.array(getattr(found, name)) / scale, getattr(known, name), rtol=1e-6, atol=1e-12
        )
    np.testing.assert_allclose(found.density * scale, known.density, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found.cumulative, known.cumulative, atol=1e-9)
    assert [a.multiplicity for a in found.atoms] == [a.multiplicity for a in known.atoms]
    np.testing.assert_allclose([a.value / scale for a in found.atoms],
                               [a.value for a in known.atoms])  # fmt: skip
    nodes, weights = found.quadrature
    np.testing.assert_allclose(weights @ nodes / scale, known.quadrature[1] @ known.quadrature[0])
    np.testing.assert_allclose(
        found.magnitudes[0], known.magnitudes[0] + np.log10(scale), rtol=1e-6
    )

    signs = curvature.inertia(A, method=method, zero=1e-6 * scale)
    assert holds(signs.negative.interval, (LARGE < 0).sum(), 1e-9)
    np.testing.assert_allclose(signs.threshold, 1e-6 * scale)
    drawn = curvature.spectral_density(A, method=method, grid=np.array([-1, 0, 1]) * scale,
                               bandwidth=0.1 * scale)  # fmt: skip
    same = curvature.spectral_density(one, method=method, grid=np.array([-1, 0, 1]), bandwidth=0.1)
    np.testing.assert_allclose(drawn.density * scale, same.density, rtol=1e-6)


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize("scale", SCALES)
def test_functions_of_the_spectrum_scale_with_the_matrix(scale, method):
    positive = np.r_[9.0, 7.0, np.linspace(1, 2, 398)]
    A, options = operator(scale * positive), {"method": method}
    found = curvature.trace_function(A, np.abs, **options)
    assert found.converged and holds(np.array(found.interval) / scale, positive.sum(), 1e-2)
    found = curvature.log_determinant(A, **options)
    assert holds(found.interval, np.log(positive).sum() + 400 * np.log(scale), 1.0)
    found = curvature.effective_dimension(A, scale, **options)
    assert holds(found.interval, (positive / (positive + 1)).sum(), 0.1)
    p = positive / positive.sum()
    assert holds(
        curvature.effective_rank(A, **options).interval, np.exp(-(p * np.log(p)).sum()), 0.5
    )
    assert holds(curvature.effective_rank(A, "stable", **options).interval, positive.sum() / 9, 0.5)
    found = curvature.condition_number(A, **options)
    assert holds(found.interval, 9.0, 1e-6)
    assert holds(np.array(found.largest_interval) / scale, 9.0, 1e-9)
    assert holds(np.array(found.smallest_interval) / scale, 1.0, 1e-6)


@pytest.mark.parametrize("scale", [np.float32(s) for s in (1e-30, 1e-18, 1.0, 1e18, 1e30)])
def test_in_single_precision(scale):
    A = operator(scale * LARGE.astype(np.float32), np.float32)
    top = curvature.top_eigenpairs(A, 2, method="lanczos")
    assert top.converged and top.values.dtype == np.float32
    np.testing.assert_allclose(top.values / scale, [5, 3], rtol=1e-4)
    norm, truth = curvature.frobenius_norm(A), float(np.sqrt((LARGE**2).sum()))
    assert holds(np.array(norm.interval) / float(scale), truth, 0.5)
    total = curvature.trace(A)
    assert holds(np.array(total.interval) / float(scale), LARGE.sum(), 1.0)
    assert curvature.spectral_density(A, method="lanczos").outliers == 2
    assert np.isfinite(curvature.diagonal(A, max_matvecs=64).intervals).all()


@pytest.mark.parametrize("scale", SCALES)
def test_a_dense_matrix_at_a_scale(scale):
    A = matrix(scale * SMALL)
    np.testing.assert_allclose(curvature.trace(A).value / scale, SMALL.sum())
    np.testing.assert_allclose(curvature.top_eigenpairs(A, 1).values / scale, [5.0])


def test_products_of_two_scales_are_refused():
    d = np.r_[np.ones(9), 1e200]
    first = LinearOperator((10, 10), matvec=lambda x: d * np.where(x.ravel() == 0, 0, 1))
    counted = Counted(first, "example")
    counted.matvec(np.eye(10)[0])
    with pytest.raises(ValueError, match="example: products with the operator range from"):
        counted.matvec(np.eye(10)[9])


@pytest.mark.parametrize("scale", SCALES)
def test_what_is_said_of_a_point_scales_with_the_loss(scale):
    g = np.where(np.arange(5) < 2, 3.0, 1.0)
    A, one = matrix(scale * SMALL), matrix(SMALL)
    sizes, known = curvature.step_size(A, scale * g), curvature.step_size(one, g)
    np.testing.assert_allclose(sizes.steepest * scale, known.steepest)
    np.testing.assert_allclose(sizes.limit * scale, known.limit)
    aligned = curvature.gradient_alignment(A, 2, gradient=scale * g)
    np.testing.assert_allclose(
        aligned.share, curvature.gradient_alignment(one, 2, gradient=g).share
    )
    point = curvature.classify_critical_point(A, 1e-9 * scale * g)
    assert point.kind == "saddle" and point.index == (1, 1)
    np.testing.assert_allclose(point.gradient_norm / scale, 1e-9 * np.linalg.norm(g))
    solved = curvature.InverseOperator(A, damping=3 * scale).solve(scale * g)
    np.testing.assert_allclose(solved.x, np.linalg.solve(one + 3 * np.eye(5), g), rtol=1e-6)
    indefinite = curvature.InverseOperator(A, method="minres").solve(g)
    np.testing.assert_allclose(indefinite.x * scale, np.linalg.solve(one, g), rtol=1e-6)
    columns = scale * np.linalg.qr(one)[0][:, :2]
    np.testing.assert_allclose(curvature.subspace_overlap(columns, columns).overlap, 1.0)


@pytest.mark.parametrize("scale", [1e-250, 1e-160, 1.0, 1e160, 1e250])
def test_what_is_said_of_a_loss_scales_with_it(scale):
    x = np.random.default_rng(0).normal(size=(30, 2)) + 1

    def quantities(s):
        loss = lambda w, x: s * 0.5 * ((w - x) ** 2).sum(axis=1).mean()
        w = x.mean(axis=0)
        off = w + 0.3
        op = curvature.HessianOperator(loss, off, x)
        robust = curvature.observed_information(loss, w, x, robust=True)
        return {
            "noise": curvature.gradient_noise_scale(loss, off, x).value,
            "covariance": robust.covariance,
            "error": curvature.jackknife(lambda op: op.value, loss, off, x).standard_error / s,
            "along": curvature.quadratic_model(op).gradient_curvature / s,
            "sam": curvature.sharpness(op).sam / s,
            "top": curvature.top_eigenpairs(op, 1).values / s,
        }

    found, known = quantities(scale), quantities(1.0)
    for name, value in known.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_squares_out_of_range_are_refused(scale):
    op = curvature.HessianOperator(
        lambda p: scale * (p["a"] ** 2 + p["a"] * p["b"]), {"a": 1.0, "b": 1.0}
    )
    with pytest.raises(ValueError, match=r"layer_blocks: squares of products .* leave the range"):
        curvature.layer_blocks(op)
