"""The whole matrix of a small operator is multiplied out once for several estimates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator
from spectra import symmetric

from tinygrad_hess import curvature
from tinygrad_hess.curvature.estimates.dense import matrix_once

D = np.random.default_rng(0).normal(size=30)


def counted(eigenvalues):
    """An operator, and the columns that it was multiplied with."""
    A = symmetric(eigenvalues)
    op, columns = aslinearoperator(A), []
    inner = op._matmat
    op._matmat = lambda X: columns.append(X.shape[1]) or inner(X)
    return op, columns


def test_several_estimates_make_its_products_once():
    op, columns = counted(D)
    with matrix_once(op):
        density = curvature.spectral_density(op)
        condition = curvature.condition_number(op)
        diagonal = curvature.diagonal(op, 30)
        point = curvature.spectral_density(op, method="dense")
    assert sum(columns) == 30
    assert (density.matvecs, condition.matvecs, diagonal.matvecs, point.matvecs) == (30, 0, 0, 0)
    np.testing.assert_allclose(density.eigenvalues, np.sort(D), atol=1e-13)
    np.testing.assert_array_equal(point.eigenvalues, density.eigenvalues)
    np.testing.assert_allclose(diagonal.values, np.diag(symmetric(D)), atol=1e-14)
    assert condition.value == pytest.approx(D.max() / D[D > 0].min())
    curvature.spectral_density(op)
    assert sum(columns) == 60  # outside, for itself


def test_another_operator_is_another_matrix():
    (one, _), (other, columns) = counted(D), counted(D[::-1] + 1)
    with matrix_once(one):
        curvature.spectral_density(one)
        found = curvature.spectral_density(other)
    assert sum(columns) == 30
    np.testing.assert_allclose(found.eigenvalues, np.sort(D + 1), atol=1e-13)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_operators_of_extreme_size_multiply_for_themselves(scale):
    op, columns = counted(D * scale)
    with matrix_once(op):
        for _ in range(2):
            found = curvature.spectral_density(op)
            np.testing.assert_allclose(found.eigenvalues, np.sort(D) * scale, rtol=1e-11)
    assert sum(columns) == 60


def test_runs_that_are_saved_multiply_for_themselves(tmp_path):
    op, columns = counted(D)
    with matrix_once(op):
        curvature.spectral_density(op)
        curvature.spectral_density(op, checkpoint=tmp_path / "run.npz")
    assert sum(columns) >= 60


def test_an_attempt_that_is_given_up_leaves_nothing():
    op, columns = counted(D)
    with matrix_once(op):
        assert curvature.spectral_density(op, max_matvecs=20, probes=4, steps=5).matvecs <= 20
        exact = curvature.spectral_density(op)
    assert exact.exact and exact.matvecs == 30 and sum(columns) <= 50


def test_a_report_of_few_parameters_makes_each_product_once():
    x = np.random.default_rng(1).normal(size=(40, 3))
    y = np.sin(x).sum(axis=1)
    loss = lambda w: ((np.tanh(x @ w["in"]) @ w["out"] - y) ** 2).mean()
    rng = np.random.default_rng(2)
    w = {"in": rng.normal(size=(3, 4)), "out": rng.normal(size=4)}
    found = curvature.report(loss, w, budget=60)
    whole = ("eigenpairs", "point", "traces", "density", "condition")
    assert sum(found.parts[name].matvecs for name in whole) == 16
    dense = np.linalg.eigvalsh(curvature.HessianOperator(loss, w).to_dense())
    np.testing.assert_allclose(found.parts["density"].result.eigenvalues, dense, atol=1e-12)
