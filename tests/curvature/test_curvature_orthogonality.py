"""Partial reorthogonalisation, against dense eigenvalues, projections and inner products."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator
from spectra import symmetric

from tinygrad_hess.curvature import spectral_density
from tinygrad_hess.curvature.estimates.operands import Counted
from tinygrad_hess.curvature.spectra.orthogonality import CHEAP, Orthogonality
from tinygrad_hess.curvature.spectra.quadrature import Recurrences, gauss

N, STEPS = 300, 120


def _hard(rng):
    return {
        "clusters": np.r_[1 + 1e-7 * rng.random(20), 2 + 1e-10 * rng.random(20), rng.random(260)],
        "tiny gaps": np.r_[3, 3 + 1e-9, 3 + 2e-9, rng.random(297)],
        "repeated": np.r_[np.repeat([4.0, 5.0, 6.0], 30), np.zeros(110), rng.random(100)],
        "ill-conditioned": np.logspace(-14, 2, N),
        "outliers": np.r_[np.linspace(10, 100, 10), rng.random(290)],
        "indefinite": rng.normal(size=N) ** 5,
    }


HARD = _hard(np.random.default_rng(3))


def run(A, Z, steps=STEPS, until=STEPS):
    """The recurrences, and how many rows they were made orthogonal to."""
    out, rows = Recurrences(Counted(aslinearoperator(A), "test"), Z, steps), 0
    for tracked in out.orthogonality:

        def counted(window, found, inner=tracked.restored):
            nonlocal rows
            rows += window.stop - window.start
            inner(window, found)

        tracked.restored = counted
    while out.steps < min(steps, until) and len(out.live):
        out.advance()
    return out, rows


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", HARD)
def test_hard_spectra_have_no_ghosts(name, dtype, rng):
    A = symmetric(HARD[name]).astype(dtype)
    exact, wide = np.linalg.eigvalsh(A.astype(float)), A.astype(float)
    eps, scale = np.finfo(dtype).eps, np.abs(exact).max()
    done, _ = run(A, rng.normal(size=(N, 2)).astype(dtype))
    for i in range(2):
        m = done.lengths[i]
        Q = done.basis[i, :m].astype(float)
        assert np.abs(Q @ Q.T - np.eye(m)).max() < eps**0.5  # semiorthogonal
        rule, _ = gauss(*done.tridiagonal(i))
        span = np.linalg.qr(Q.T)[0]
        projected = np.linalg.eigvalsh(span.T @ wide @ span)
        np.testing.assert_allclose(rule.nodes, projected, atol=50 * eps * scale)
        distance = np.abs(rule.nodes[:, None] - exact).min(axis=1)
        assert (distance <= rule.residuals + 50 * eps * scale).all()
        # A ghost would be one more of an eigenvalue than there are.
        converged = rule.nodes[rule.residuals <= 10 * eps * scale]
        group = np.cumsum(np.r_[False, np.diff(exact) > 1000 * eps * scale])
        nearest = group[np.abs(converged[:, None] - exact).argmin(axis=1)]
        assert (np.bincount(nearest, minlength=group[-1] + 1) <= np.bincount(group)).all()


def test_most_rows_are_left_alone_where_nothing_converges(rng):
    done, rows = run(symmetric(rng.random(N)), rng.normal(size=(N, 2)), 60)
    assert rows < 0.3 * 2 * 60 * 61 / 2
    assert np.abs(done.basis[0, :60] @ done.basis[0, :60].T - np.eye(60)).max() < 1e-8


@pytest.mark.parametrize("noise", [1e-12, 1e-9, 1e-6])
def test_products_that_are_less_exact_keep_their_orthogonality(noise, rng):
    A = symmetric(HARD["outliers"])
    A = A + noise * 100 * rng.normal(size=A.shape) / N**0.5  # not symmetric any more
    done, _ = run(A, rng.normal(size=(N, 2)))
    for Q in done.basis[:, :STEPS]:
        assert np.abs(Q @ Q.T - np.eye(STEPS)).max() < 2e-8


@pytest.mark.parametrize("at", [3, CHEAP + 1, 40, 41, 77])
def test_a_run_goes_on_bit_for_bit(at, rng):
    A, Z = symmetric(HARD["outliers"]), rng.normal(size=(N, 2))
    whole, _ = run(A, Z)
    first, _ = run(A, Z, until=at)
    state = {k: np.array(v) for k, v in first.state().items()}
    second = Recurrences(Counted(aslinearoperator(A), "test"), Z, STEPS)
    second.restore(state)
    while second.steps < STEPS:
        second.advance()
    np.testing.assert_array_equal(second.alpha, whole.alpha)
    np.testing.assert_array_equal(second.basis, whole.basis)


def test_eigenvalues_that_all_probes_find_are_counted_once():
    d = np.r_[np.repeat(9.0, 3), 7.0, np.random.default_rng(0).random(296)]
    found = spectral_density(symmetric(d), method="lanczos", steps=80)
    outliers = [(round(a.value, 8), a.multiplicity) for a in found.atoms if a.value > 2]
    assert outliers == [(7.0, 1), (9.0, 3)]


def test_estimates_stay_above_the_inner_products_that_there_are():
    """On Paige's example: a recurrence that is never made orthogonal, until it is lost."""
    d, steps = np.r_[np.linspace(0, 1, 80), 5.0], 40
    q = np.random.default_rng(1).normal(size=81)
    Q, alpha, beta = [q / np.linalg.norm(q)], [], []
    tracked = Orthogonality(steps, 81, np.finfo(float).eps)
    for j in range(steps):
        w = d * Q[j]
        alpha.append(Q[j] @ w)
        w -= alpha[j] * Q[j]
        if j:
            w -= beta[j - 1] * Q[j - 1]
            w -= (Q[j - 1] @ w) * Q[j - 1]
        w -= (Q[j] @ w) * Q[j]
        norm = np.linalg.norm(w)
        window = tracked.lost(np.array(alpha), np.array(beta), norm)
        seen = np.abs(np.array(Q) @ w) / norm
        if j < CHEAP:
            for _ in range(2):
                found = np.array(Q) @ w
                w -= found @ np.array(Q)
            tracked.restored(window, found / norm)
        elif window.stop:
            assert seen.max() > 1e-13  # and it is being lost
            return
        else:
            assert seen.max() <= np.abs(tracked.next[: j + 1]).max()
        beta.append(norm)
        Q.append(w / norm)
        tracked.advance(j)
    raise AssertionError("the loss was not noticed")
