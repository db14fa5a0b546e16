"""A million parameters in bounded memory: what the estimators hold does not grow with products."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

import tinygrad_hess as tg

P = 1_000_000
VECTOR = 4 * P  # bytes, in float32


def spectrum() -> np.ndarray:
    """Some outliers over a bulk around zero, as that of a net."""
    bulk = np.random.default_rng(0).normal(size=P) / 100
    bulk[:12] = 10.0 / np.arange(1, 13)
    return bulk.astype(np.float32)


def operator() -> LinearOperator:
    """With these eigenvalues, mirrored at a random plane, so that no basis is special."""
    values = spectrum()
    u = np.random.default_rng(1).normal(size=P)
    u = (u / np.linalg.norm(u)).astype(np.float32)

    def multiply(x: np.ndarray) -> np.ndarray:
        x = x.reshape(P, -1)
        y = values[:, None] * (x - 2 * np.multiply.outer(u, u @ x))
        return y - 2 * np.multiply.outer(u, u @ y)

    return LinearOperator((P, P), matvec=multiply, matmat=multiply, dtype=np.float32)


def peak(run: Callable[[], None]) -> int:
    """Bytes at most, beyond what was there before."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_eigenpairs_hold_256_mebibytes_of_basis() -> None:
    op, found = operator(), []
    run = lambda: found.append(tg.curvature.top_eigenpairs(op, 5))
    assert peak(run) <= 256 * 2**20 + 24 * VECTOR
    assert found[0].converged
    np.testing.assert_allclose(found[0].values, 10.0 / np.arange(1, 6), rtol=1e-5)


@pytest.mark.slow
def test_a_trace_holds_its_blocks_and_512_mebibytes_of_basis() -> None:
    op, found = operator(), []
    run = lambda: found.append(tg.curvature.trace(op, max_matvecs=300))
    assert peak(run) <= (512 + 4 * 64) * 2**20 + 24 * VECTOR
    exact = float(spectrum().sum(dtype=np.float64))
    estimate = found[0]
    assert abs(estimate.value - exact) <= 5 * estimate.standard_error + 0.1


@pytest.mark.slow
def test_a_density_runs_as_many_probes_side_by_side_as_a_gibibyte_holds() -> None:
    op, found = operator(), []
    run = lambda: found.append(tg.curvature.spectral_density(op, probes=6, steps=50))
    assert peak(run) <= 2**30 + 2**28 + 24 * VECTOR  # candidates for outliers take a quarter
    assert found[0].matvecs == 300
    nodes, weights = found[0].quadrature
    np.testing.assert_allclose(weights.sum(), 1)
    np.testing.assert_allclose(nodes.max(), 10, rtol=1e-5)
    truth = float((spectrum().astype(np.float64) ** 2).mean())
    np.testing.assert_allclose(weights @ nodes**2, truth, rtol=0.2)
