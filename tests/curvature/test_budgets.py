"""No estimate spends more products than it may, and none more than the exact answer costs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from tinygrad_hess import curvature, nn

RNG = np.random.default_rng(0)
A165 = RNG.normal(size=(165, 165))
A165 = A165 + A165.T
A5 = np.diag([5.0, 3.0, 1.0, -1.0, -2.0])
X, Y = RNG.normal(size=(40, 3)), RNG.integers(0, 2, 40)


class Counting(LinearOperator):
    """A matrix that counts its products by itself."""

    def __init__(self, matrix: Any):
        super().__init__(dtype=float, shape=matrix.shape)
        self.matrix, self.spent = matrix, 0

    def _matvec(self, x: Any) -> Any:
        self.spent += 1
        return self.matrix @ x

    def _matmat(self, X: Any) -> Any:
        self.spent += X.shape[1]
        return self.matrix @ X


def layers(A: Any) -> Any:
    return {"first": np.arange(2), "rest": np.arange(2, A.shape[0])}


ESTIMATES: dict[str, Callable[[Any, int], Any]] = {
    "trace": lambda A, m: curvature.trace(A, max_matvecs=m),
    "trace to an accuracy": lambda A, m: curvature.trace(A, rtol=0.1, max_matvecs=m),
    "trace, hutchinson": lambda A, m: curvature.trace(A, 20, rtol=0.01, max_matvecs=m),
    "trace, xtrace": lambda A, m: curvature.trace(A, method="xtrace", max_matvecs=m),
    "trace, exact": lambda A, m: curvature.trace(A, method="exact", max_matvecs=m),
    "layer_traces": lambda A, m: curvature.layer_traces(A, layers(A), max_matvecs=m).total,
    "diagonal": lambda A, m: curvature.diagonal(A, max_matvecs=m),
    "diagonal to an accuracy": lambda A, m: curvature.diagonal(A, rtol=0.01, max_matvecs=m),
    "frobenius_norm": lambda A, m: curvature.frobenius_norm(A, max_matvecs=m),
    "eigenpairs": lambda A, m: curvature.top_eigenpairs(A, 3, max_matvecs=m),
    "eigenpairs, dense": lambda A, m: curvature.top_eigenpairs(A, method="dense", max_matvecs=m),
    "eigenpairs, eigsh": lambda A, m: curvature.top_eigenpairs(A, 2, method="eigsh", max_matvecs=m),
    "eigenpairs near a shift": lambda A, m: curvature.top_eigenpairs(
        A, 2, sigma=0.1, method="lanczos", max_matvecs=m
    ),
    "density": lambda A, m: curvature.spectral_density(A, max_matvecs=m),
    "inertia": lambda A, m: curvature.inertia(A, max_matvecs=m),
    "condition_number": lambda A, m: curvature.condition_number(A, max_matvecs=m),
    "trace_function": lambda A, m: curvature.trace_function(A, np.abs, max_matvecs=m),
    "step_size": lambda A, m: curvature.step_size(A, np.ones(len(A.matrix)), max_matvecs=m),
}


@pytest.mark.parametrize("budget", [1, 2, 3, 5, 9, 16, 40])
@pytest.mark.parametrize("name", ESTIMATES)
def test_no_more_than_allowed(name: str, budget: int) -> None:
    for matrix in (A5, A165):
        A = Counting(matrix)
        try:
            found = ESTIMATES[name](A, budget)
        except ValueError as error:
            assert "at least" in str(error)
        else:
            assert A.spent == found.matvecs <= budget


@pytest.mark.parametrize("budget", [2, 3, 5, 9, 16, 40])
def test_probes_by_example_and_their_checks_are_within_the_budget(budget: int) -> None:
    loss = lambda model, batch: nn.cross_entropy(model(batch[0]), batch[1])
    op = curvature.HessianOperator(loss, nn.MLP([3, 24, 24, 2], seed=0), (X, Y))
    assert curvature.trace(op, max_matvecs=budget).matvecs <= budget
    assert curvature.layer_traces(op, max_matvecs=budget).total.matvecs <= budget


@pytest.mark.parametrize("name", ["trace", "layer_traces", "diagonal", "frobenius_norm"])
def test_the_exact_answer_is_the_end(name: str) -> None:
    found = ESTIMATES[name](Counting(A165), 1000)
    assert (found.matvecs, found.exact) == (165, True)


def test_the_product_of_a_checkpoint_is_within_the_budget(tmp_path: Any) -> None:
    A = Counting(A165)
    with pytest.raises(ValueError, match="max_matvecs must be at least 3, got 2"):
        curvature.trace(A, max_matvecs=2, checkpoint=tmp_path / "run.npz")
    assert curvature.trace(A, max_matvecs=3, checkpoint=tmp_path / "run.npz").matvecs == 3
