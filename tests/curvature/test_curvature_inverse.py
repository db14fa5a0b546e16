"""Solving with symmetric operators, against dense solutions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from comparing import close
from scipy.sparse import diags_array
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from spectra import symmetric

from tinygrad_hess import nn
from tinygrad_hess.curvature import GGNOperator, HessianOperator, InverseOperator, Solution

POSITIVE = symmetric(np.linspace(0.5, 40, 60))
INDEFINITE = symmetric(np.r_[np.linspace(-10, -1, 20), np.linspace(0.5, 30, 40)])


class TestSolutions:
    @pytest.mark.parametrize("method", ["cg", "minres"])
    def test_definite(self, rng, method):
        b, B = rng.normal(size=60), rng.normal(size=(60, 5))
        op = InverseOperator(POSITIVE, method=method, tol=1e-12)
        close(op @ b, np.linalg.solve(POSITIVE, b), 1e-10)
        close(op @ B, np.linalg.solve(POSITIVE, B), 1e-10)
        close(op.rmatvec(b), np.linalg.solve(POSITIVE, b), 1e-10)
        close(op.T @ B, np.linalg.solve(POSITIVE, B), 1e-10)
        close(op.to_dense(), np.linalg.inv(POSITIVE), 1e-10)
        damped = InverseOperator(POSITIVE, damping=3.0, method=method, tol=1e-12)
        close(damped @ b, np.linalg.solve(POSITIVE + 3 * np.eye(60), b), 1e-10)

    def test_a_cut_off_step_is_kept_where_the_residual_grew(self):
        """The quadratic model falls all the same: what truncated Newton needs."""
        A, b = np.diag([1.0, 1000.0]), np.array([1.0, 0.1])
        found = InverseOperator(A, max_iterations=1).solve(b)
        assert found.residuals[0] > 1 and not found.converged
        step = found.x * 1.0
        close(step, b * (b @ b) / (b @ A @ b), 1e-10)
        assert 0.5 * step @ A @ step - b @ step < 0

    @pytest.mark.parametrize("steps", [1, 2, 5, 9])
    def test_each_step_is_the_best_of_its_krylov_space(self, rng, steps):
        """MINRES has the least residual, CG the least error in the norm of the matrix."""
        b = rng.normal(size=60)
        for method, A in (("minres", INDEFINITE), ("cg", POSITIVE)):
            krylov = [b]
            for _ in range(steps - 1):
                krylov.append(A @ krylov[-1] / np.linalg.norm(krylov[-1]))
            K = np.linalg.qr(np.stack(krylov, axis=1))[0]
            if method == "minres":
                best = K @ np.linalg.lstsq(A @ K, b)[0]
            else:
                best = K @ np.linalg.solve(K.T @ A @ K, K.T @ b)
            found = InverseOperator(A, method=method, max_iterations=steps).solve(b)
            close(found.x, best, 1e-9)

    def test_indefinite(self, rng):
        b = rng.normal(size=60)
        op = InverseOperator(INDEFINITE, method="minres", tol=1e-10)
        close(op @ b, np.linalg.solve(INDEFINITE, b), 1e-8)
        shifted = InverseOperator(INDEFINITE, damping=-2.3, method="minres", tol=1e-10)
        close(shifted @ b, np.linalg.solve(INDEFINITE - 2.3 * np.eye(60), b), 1e-8)

    def test_cg_refuses_what_is_not_definite(self, rng):
        b = rng.normal(size=60)
        with pytest.raises(ValueError, match=r"direction of curvature -.*minres"):
            InverseOperator(INDEFINITE) @ b
        enough = InverseOperator(INDEFINITE, damping=11.0, tol=1e-12)
        close(enough @ b, np.linalg.solve(INDEFINITE + 11 * np.eye(60), b), 1e-10)

    @pytest.mark.parametrize("method", ["cg", "minres"])
    def test_distinct_eigenvalues_bound_the_iterations(self, rng, method):
        """In exact arithmetic a Krylov method ends after as many steps as distinct eigenvalues."""
        A = symmetric(np.repeat([1.0, 4.0, 9.0, 20.0], 25))
        solution = InverseOperator(A, method=method, tol=1e-10).solve(rng.normal(size=100))
        assert solution.converged and solution.iterations <= 5

    @pytest.mark.parametrize("method", ["cg", "minres"])
    @pytest.mark.parametrize("scale", [1e-12, 1e12])
    def test_any_scale(self, rng, method, scale):
        b = rng.normal(size=60)
        solution = InverseOperator(scale * POSITIVE, method=method).solve(b / scale)
        assert solution.converged
        close(solution.x, np.linalg.solve(POSITIVE, b) / scale**2, 1e-6)

    @pytest.mark.parametrize("method", ["cg", "minres"])
    def test_preconditioned(self, rng, method):
        d = np.logspace(0, 7, 200)
        A = np.sqrt(d)[:, None] * symmetric(np.linspace(1, 2, 200)) * np.sqrt(d)
        b = rng.normal(size=200)
        plain = InverseOperator(A, method=method, max_iterations=300).solve(b)
        scaled = InverseOperator(
            A, method=method, preconditioner=diags_array(1 / d), max_iterations=300
        ).solve(b)
        assert scaled.converged and scaled.iterations < 60
        assert not plain.converged or plain.iterations > 3 * scaled.iterations
        close(scaled.x, np.linalg.solve(A, b), 1e-4)
        exact = InverseOperator(POSITIVE, method=method, preconditioner=np.linalg.inv(POSITIVE))
        assert exact.solve(rng.normal(size=60)).iterations <= 2

    @pytest.mark.parametrize("method", ["cg", "minres"])
    def test_zero_sides_and_one_parameter(self, method):
        op = InverseOperator(POSITIVE, method=method)
        B = np.zeros((60, 2))
        B[3, 1] = 1
        X = op @ B
        np.testing.assert_array_equal(X[:, 0], 0)
        close(X[:, 1], np.linalg.inv(POSITIVE)[3], 1e-6)
        assert op.solve(np.zeros(60)).matvecs == 0
        assert (op @ np.zeros((60, 0))).shape == (60, 0)
        one = InverseOperator(np.array([[4.0]]), method=method)
        np.testing.assert_allclose(one @ np.array([2.0]), [0.5])

    @pytest.mark.parametrize("method", ["cg", "minres"])
    def test_float32(self, rng, method):
        A = POSITIVE.astype(np.float32)
        op = InverseOperator(A, method=method)
        b = rng.normal(size=60).astype(np.float32)
        x = op @ b
        assert op.dtype == x.dtype == np.float32 and op.tol == pytest.approx(1.2e-5, rel=0.01)
        assert np.linalg.norm(b - POSITIVE @ x) < 2e-5 * np.linalg.norm(b)

    def test_residual_is_the_true_one(self, rng):
        """On an ill-conditioned system a solver's own residual says less than it claims."""
        A = symmetric(np.logspace(-6, 0, 80))
        b = A @ rng.normal(size=80)
        for method in ("cg", "minres"):
            solution = InverseOperator(A, method=method, tol=1e-9).solve(b)
            assert solution.converged
            true = np.linalg.norm(b - A @ solution.x) / np.linalg.norm(b)
            np.testing.assert_allclose(solution.residuals, [true], rtol=1e-6, atol=1e-13)
            assert true <= 1e-9


class TestReports:
    @pytest.mark.parametrize("method", ["cg", "minres"])
    def test_running_out_is_said(self, rng, method):
        A, b = symmetric(np.logspace(-6, 0, 100)), rng.normal(size=100)
        op = InverseOperator(A, method=method, max_iterations=5)
        solution = op.solve(b)
        assert not solution.converged and solution.iterations == 5
        assert "max_iterations=5" in solution.reason and "NOT converged" in repr(solution)
        assert solution.residuals[0] == pytest.approx(
            np.linalg.norm(b - A @ solution.x) / np.linalg.norm(b)
        )
        assert op.last is solution
        with pytest.raises(RuntimeError, match=r"max_iterations=5.*solve\(b\)"):
            op @ b

    def test_outside_the_range_is_said(self):
        A = np.diag([1.0, 2.0, 0.0])
        solution = InverseOperator(A, method="minres").solve(np.ones(3))
        assert not solution.converged and "singular" in solution.reason
        within = InverseOperator(A, method="minres").solve(np.array([1.0, 4.0, 0.0]))
        assert within.converged
        np.testing.assert_allclose(within.x, [1, 2, 0], atol=1e-12)
        within = InverseOperator(A).solve(np.array([1.0, 4.0, 0.0]))
        np.testing.assert_allclose(within.x, [1, 2, 0], atol=1e-12)

    def test_products_are_counted(self, rng):
        count = []
        wrapped = LinearOperator(
            (60, 60), matvec=lambda x: count.append(1) or POSITIVE @ x.ravel(), dtype=float
        )
        for method in ("cg", "minres"):
            count.clear()
            op = InverseOperator(wrapped, method=method)
            solution = op.solve(rng.normal(size=(60, 3)))
            assert solution.matvecs == op.matvecs == len(count)
            assert solution.iterations <= 60

    def test_result(self, rng):
        solution = InverseOperator(POSITIVE).solve(rng.normal(size=60))
        assert isinstance(solution, Solution) and solution.seconds > 0
        told = json.loads(json.dumps(solution.to_dict()))
        assert told["converged"] and told["method"] == "cg" and told["reason"] == ""
        assert repr(solution).startswith("Solution(cg: relative residual ")
        with pytest.raises(AttributeError):
            solution.x = None


class TestOnParameters:
    def test_trees(self):
        model = nn.MLP([3, 4, 2], seed=0)
        rng = np.random.default_rng(0)
        data = rng.normal(size=(30, 3)), rng.integers(0, 2, 30)
        G = GGNOperator(lambda m, x: m(x), nn.cross_entropy, model, data)
        op = InverseOperator(G, damping=0.01, tol=1e-12)
        dense = G.to_dense() + 0.01 * np.eye(26)
        natural = op(G.unflatten(G.gradient))
        assert isinstance(natural, nn.MLP)
        close(G.flatten(natural), np.linalg.solve(dense, G.gradient), 1e-10)
        solved = op.solve(G.unflatten(G.gradient))
        assert isinstance(solved.x, nn.MLP) and solved.converged
        close(G.flatten(solved.x), np.linalg.solve(dense, G.gradient), 1e-10)
        assert list(op.layers) == ["layers[0]", "layers[1]"]
        H = HessianOperator(lambda m, b: nn.cross_entropy(m(b[0]), b[1]), model, data)
        newton = InverseOperator(H, method="minres", damping=0.001, tol=1e-10) @ G.gradient
        close(newton, np.linalg.solve(H.to_dense() + 0.001 * np.eye(26), G.gradient), 1e-6)

    def test_newton_on_a_quadratic_takes_one_step(self, rng):
        b = rng.normal(size=60)
        at = rng.normal(size=60)
        H = HessianOperator(lambda x: 0.5 * x @ POSITIVE @ x - b @ x, at)
        step = InverseOperator(H, tol=1e-12) @ H.gradient
        close(POSITIVE @ (at - step), b, 1e-9)

    def test_sums_of_operators(self, rng):
        identity = aslinearoperator(np.eye(60))
        H = HessianOperator(lambda x: 0.5 * x @ POSITIVE @ x, np.ones(60))
        b = rng.normal(size=60)
        close(
            InverseOperator(H + identity, tol=1e-12) @ b,
            np.linalg.solve(POSITIVE + np.eye(60), b),
            1e-10,
        )


def test_bad_arguments():
    A = np.eye(3)
    with pytest.raises(ValueError, match="method='lu'"):
        InverseOperator(A, method="lu")
    for bad in ({"damping": np.nan}, {"tol": 0.0}, {"max_iterations": 0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            InverseOperator(A, **bad)
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        InverseOperator(A, preconditioner=np.eye(2))
    with pytest.raises(ValueError, match="not positive definite"):
        InverseOperator(np.diag([1.0, 2, 3]), preconditioner=-np.eye(3)) @ np.ones(3)
    with pytest.raises(ValueError, match="not finite"):
        InverseOperator(A).solve(np.full(3, np.inf))
    with pytest.raises(ValueError, match="not symmetric"):
        InverseOperator(np.triu(np.ones((3, 3))))
    with pytest.raises(ValueError, match="shape"):
        InverseOperator(A).solve(np.ones(4))
