"""The Lanczos kernel behind the spectral estimates, against dense powers and sums."""

from __future__ import annotations

import numpy as np
import pytest
from spectra import symmetric

from tinygrad_hess.curvature.estimates.operands import Counted
from tinygrad_hess.curvature.spectra.quadrature import (
    Recurrences,
    Rule,
    gauss,
    mass_bounds,
    tridiagonal,
)


def run(A, Z, steps, **more):
    out = Recurrences(Counted(A, "test"), Z, steps, **more)
    while out.steps < min(steps, len(A)) and len(out.live):
        out.advance()
    return out


def rules(A, Z, steps):
    done = run(A, Z, steps)
    return [gauss(*done.tridiagonal(i))[0] for i in range(Z.shape[1])]


@pytest.mark.parametrize("m", [1, 2, 5, 8])
def test_weights_sum_to_one_and_moments_are_exact_up_to_twice_the_steps(m, rng):
    A = symmetric(rng.normal(size=60))
    Z = rng.normal(size=(60, 3))
    for rule, z in zip(rules(A, Z, m), (Z / np.linalg.norm(Z, axis=0)).T, strict=True):
        assert len(rule.nodes) == m
        power = z
        for k in range(2 * m):
            assert rule.weights @ rule.nodes**k == pytest.approx(z @ power, rel=1e-12, abs=1e-12)
            power = A @ power
        scale = np.linalg.norm(A, 2) ** (2 * m)
        assert abs(rule.weights @ rule.nodes ** (2 * m) - z @ power) > 1e-12 * scale


def test_a_full_run_finds_all_eigenvalues_and_the_trace(rng):
    d = np.sort(rng.normal(size=40))
    A = symmetric(d)
    (rule,) = rules(A, rng.normal(size=(40, 1)), 100)
    np.testing.assert_allclose(rule.nodes, d, atol=1e-12)
    assert rule.nodes.sum() == pytest.approx(np.trace(A))
    np.testing.assert_allclose(rule.residuals, 0, atol=1e-12)


def test_no_ghosts_after_200_steps(rng):
    d = np.r_[np.linspace(1, 10, 10), 0.5 * rng.random(490)]
    (rule,) = rules(symmetric(d), rng.normal(size=(500, 1)), 200)
    assert (rule.nodes > 0.5 + 1e-9).sum() == 10
    np.testing.assert_allclose(rule.nodes[-10:], np.linspace(1, 10, 10), atol=1e-12)


def test_every_residual_interval_holds_an_eigenvalue(rng):
    d = np.sort(rng.normal(size=100))
    for m in (3, 8, 20, 60):
        for rule in rules(symmetric(d), rng.normal(size=(100, 4)), m):
            distance = np.abs(rule.nodes[:, None] - d).min(axis=1)
            assert (distance <= rule.residuals + 1e-12).all()


@pytest.mark.parametrize(
    ("eigenvalues", "length"),
    [(np.ones(9), 1), (np.zeros(9), 1), (np.r_[np.zeros(8), 3], 2), ([5.0], 1), ([0.0], 1)],
    ids=["identity", "zero", "rank one", "one", "one zero"],
)
def test_a_recurrence_ends_where_the_space_does(eigenvalues, length, rng):
    n = len(eigenvalues)
    done = run(symmetric(eigenvalues), rng.normal(size=(n, 2)), 5)
    assert done.ended.all() and (done.lengths == length).all()
    assert done.A.matvecs == 2 * length
    rule, _ = gauss(*done.tridiagonal(0))
    assert rule.weights @ rule.nodes == pytest.approx(
        (done.basis[0, 0] @ symmetric(eigenvalues) @ done.basis[0, 0]), abs=1e-14
    )


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_scale_changes_nothing_but_the_scale(scale, rng):
    A, Z = symmetric(rng.normal(size=30)), rng.normal(size=(30, 2))
    for one, other in zip(rules(A, Z, 12), rules(scale * A, Z, 12), strict=True):
        np.testing.assert_allclose(other.nodes, scale * one.nodes, rtol=1e-9)
        np.testing.assert_allclose(other.weights, one.weights, rtol=1e-7)


def test_side_by_side_is_one_at_a_time(rng):
    A, Z = symmetric(rng.normal(size=40)), rng.normal(size=(40, 3))
    for i, rule in enumerate(rules(A, Z, 10)):
        (alone,) = rules(A, Z[:, i : i + 1], 10)
        np.testing.assert_allclose(rule.nodes, alone.nodes, atol=1e-12)
        np.testing.assert_allclose(rule.weights, alone.weights, atol=1e-12)


def test_an_invariant_subspace_is_kept_out(rng):
    d = np.r_[rng.random(28), 7.0, 9.0]
    A = symmetric(d)
    values, vectors = np.linalg.eigh(A)
    done = run(A, rng.normal(size=(30, 2)), 40, against=vectors[:, -2:])
    assert done.ended.all() and (done.lengths == 28).all()
    rule, _ = gauss(*done.tridiagonal(0))
    np.testing.assert_allclose(rule.nodes, values[:28], atol=1e-12)


def test_float32_stays_float32(rng):
    d = rng.random(80)
    done = run(symmetric(d).astype(np.float32), rng.normal(size=(80, 1)).astype(np.float32), 20)
    assert done.basis.dtype == np.float32
    Q = done.basis[0, :20].astype(float)
    np.testing.assert_allclose(Q @ Q.T, np.eye(20), atol=1e-5)
    rule, _ = gauss(*done.tridiagonal(0))
    assert rule.weights @ rule.nodes == pytest.approx(Q[0] @ symmetric(d) @ Q[0], abs=1e-6)


def test_a_rule_gives_back_its_matrix(rng):
    done = run(symmetric(rng.normal(size=50)), rng.normal(size=(50, 1)), 12)
    alpha, beta = done.tridiagonal(0)
    again = tridiagonal(gauss(alpha, beta)[0])
    np.testing.assert_allclose(again[0], alpha, atol=1e-10)
    np.testing.assert_allclose(again[1][:-1], beta[:-1], atol=1e-10)


@pytest.mark.parametrize("resolving", [False, True])
def test_mass_bounds_hold_everywhere(resolving, rng):
    d = np.sort(np.r_[rng.normal(size=80), 6.0, 7.0])
    A = symmetric(d)
    values, vectors = np.linalg.eigh(A)
    Z = rng.normal(size=(82, 4))
    measures = (vectors.T @ (Z / np.linalg.norm(Z, axis=0))) ** 2
    widths = []
    for m in (1, 2, 6, 15, 30):
        for rule, masses in zip(rules(A, Z, m), measures.T, strict=True):
            points = rule.residuals < 1e-9 if resolving else np.zeros(m, bool)
            for x in np.r_[rng.uniform(-3, 8, 12), 0.0, 6.5]:
                low, high = mass_bounds(rule, x, points)
                assert low - 1e-10 <= masses[values <= x].sum() <= high + 1e-10
            widths.append(np.diff(mass_bounds(rule, 0.0, points))[0])
    assert np.mean(widths[-4:]) < 0.2 * np.mean(widths[:4])  # and they close


@pytest.mark.parametrize("x", [0.3, 1.0, 2.0, 5.0])
def test_mass_bounds_of_two_nodes_are_cantellis(x):
    # Mean 0 and variance 1: at most 1 / (1 + x²) of the mass lies at or below -x, and no
    # inequality from these moments does better.
    rule = Rule(np.array([-1.0, 1.0]), np.array([0.5, 0.5]), np.ones(2))
    low, high = mass_bounds(rule, -x, np.zeros(2, bool))
    assert low == 0 and high == pytest.approx(1 / (1 + x**2))
    low, high = mass_bounds(rule, x, np.zeros(2, bool))
    assert low == pytest.approx(x**2 / (1 + x**2)) and high == pytest.approx(1)
