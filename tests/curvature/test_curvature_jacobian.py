"""The Jacobian operator against the complex step."""

from __future__ import annotations

import numpy as np
import pytest
from comparing import close
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from small_nets import (
    N,
    Problem,
    categorical,
    predict,
)

from tinygrad_hess import nn
from tinygrad_hess.curvature import (
    GGNOperator,
    JacobianOperator,
)


@pytest.fixture(scope="module")
def problem():
    return Problem()


class TestJacobian:
    def test_against_complex_step(self, problem):
        op = JacobianOperator(predict, problem.params, problem.x)
        assert isinstance(op, LinearOperator) and op.shape == problem.J.shape
        rng = np.random.default_rng(6)
        v, u = rng.normal(size=op.shape[1]), rng.normal(size=op.shape[0])
        V, U = rng.normal(size=(op.shape[1], 4)), rng.normal(size=(op.shape[0], 4))
        close(op.to_dense(), problem.J, 1e-12)
        close(op @ v, problem.J @ v, 1e-12)
        close(op.rmatvec(u), problem.J.T @ u, 1e-12)
        close(op @ V, problem.J @ V, 1e-12)
        close(op.T @ U, problem.J.T @ U, 1e-12)
        close(op.H @ U, problem.J.T @ U, 1e-12)
        close(op @ (v + 1j * v), (1 + 1j) * (problem.J @ v), 1e-12)
        close(op.rmatvec(u - 1j * u), (1 - 1j) * (problem.J.T @ u), 1e-12)
        close((op.T @ op) @ v, problem.J.T @ (problem.J @ v), 1e-12)
        close(op.outputs, problem.f, 1e-12)
        close(
            JacobianOperator(predict, problem.params, problem.x, chunk_size=2) @ V,
            problem.J @ V,
            1e-12,
        )

    def test_wide_and_tall(self):
        for rows, columns in ((3, 20), (20, 3), (4, 4)):
            A = np.random.default_rng(7).normal(size=(rows, columns))
            op = JacobianOperator(lambda w: A @ w, np.ones(columns))
            close(op.to_dense(), A, 1e-12)
            assert op.matvecs == min(rows, columns)

    def test_batches_lie_one_after_the_other(self, problem):
        for tape_memory in (0, 2**30):
            op = JacobianOperator(
                predict, problem.params, [problem.x[:5], problem.x[5:]], tape_memory=tape_memory
            )
            close(op.to_dense(), problem.J, 1e-12)
            close(op.T @ np.ones(op.shape[0]), problem.J.sum(0), 1e-12)
            close(op.outputs, problem.f, 1e-12)
            tree = op.unflatten(np.ones(op.shape[1]))
            close(op(tree), problem.J.sum(1).reshape(N, 5), 1e-12)
        assert "2 batches" in repr(op)

    def test_trees_of_outputs_and_further_arguments(self, problem):
        f = lambda p, x, scale: {"a": scale * predict(p, x), "b": p[0]["b"].sum()}
        op = JacobianOperator(f, problem.params, problem.x, 3.0)
        assert op.shape[0] == 5 * N + 1
        close(op.to_dense()[:-1], 3 * problem.J, 1e-12)
        np.testing.assert_array_equal(op.to_dense()[-1], np.arange(41) < 4)
        tangent = op(problem.params)
        assert tangent["a"].shape == (N, 5)
        assert tangent["b"] == pytest.approx(problem.params[0]["b"].sum())

    def test_types(self):
        x = np.ones((2, 3), np.float32)
        op = JacobianOperator(lambda w, x: x @ w, np.ones(3, np.float32), x)
        assert op.dtype == (op @ np.ones(3, np.float32)).dtype == np.float32
        assert op.rmatvec(np.ones(2, np.float32)).dtype == np.float32
        with pytest.raises(TypeError, match=r"outputs has dtype int64"):
            JacobianOperator(lambda w: np.arange(3), np.ones(3))

    def test_gauss_newton_is_the_chain(self, problem):
        J = JacobianOperator(predict, problem.params, problem.x)
        M = aslinearoperator(categorical(problem.f) / N)
        G = GGNOperator(predict, nn.cross_entropy, problem.params, (problem.x, problem.labels))
        v = np.random.default_rng(8).normal(size=41)
        close((J.T @ M @ J) @ v, G @ v, 1e-12)

    def test_blocks_are_columns(self, problem):
        op = JacobianOperator(predict, problem.params, problem.x)
        close(op.block("[1]").to_dense(), problem.J[:, 16:], 1e-12)
        close(op.block("[0]", "[1]['b']").to_dense(), problem.J[:, :21], 1e-12)
