"""What nobody should give to the functions, operators and results of curvature, and what is said.

Each error names the function and the argument; none comes from the insides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import curvature as cv
from tinygrad_hess import nn

A, X = np.diag([3.0, 1.0]), np.array([1.0, 2.0])
SEVERAL = np.ones((2, 3))
BATCH = (np.array([[1.0], [2.0]]), np.array([[3.0], [5.0]]))


def loss(p: Any) -> Any:
    return (p * p * X).sum()


def predict(p: Any, x: Any) -> Any:
    return x * p


def operator() -> Any:
    return cv.HessianOperator(loss, X)


def model() -> Any:
    return cv.quadratic_model(loss, X)


def ggn(**options: Any) -> Any:
    return cv.GGNOperator(predict, nn.mse, np.array([0.0]), BATCH, **options)


def fisher(loss: Any = nn.cross_entropy, **options: Any) -> Any:
    return cv.FisherOperator(predict, loss, np.zeros(2), (BATCH[0], np.array([0, 1])), **options)


MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    # estimates: what all begin with
    "progress": (lambda: cv.trace(A, progress=SEVERAL), r"trace: progress must be True or False"),
    "checkpoint": (lambda: cv.diagonal(A, checkpoint=X), r"diagonal: checkpoint must be a path"),
    "seed": (lambda: cv.frobenius_norm(A, seed=-1), r"frobenius_norm: seed must be an integer of"),
    "seed of eigenpairs": (lambda: cv.top_eigenpairs(A, seed=X), r"top_eigenpairs: seed.*float64"),
    "an operator of objects": (
        lambda: cv.trace(np.array([[None]], object)),
        r"trace: op must be an array of numbers, got object\(1, 1\)",
    ),
    "layers": (lambda: cv.layer_traces(A, 0.5), r"layer_traces: layers must be a dict of positions"),
    # operators
    "unflatten text": (lambda: operator().unflatten(["a", "b"]), r"HessianOperator: vector must be"),
    "unflatten complex": (lambda: operator().unflatten(1j * X), r"HessianOperator: a complex vector"),
    "flatten text": (lambda: operator().flatten(np.array(["a", "b"])), r"the tree must hold numbers"),
    "preconditioned": (lambda: operator().preconditioned([[1.0], [1.0, 2.0]]), r"preconditioned: "),
    "reduction": (lambda: ggn(reduction=SEVERAL), r"GGNOperator: reduction=float64\(2, 3\) is not"),
    "a loss that is an array": (lambda: fisher(-X), r"FisherOperator: loss must be a function, got"),
    "draw": (lambda: fisher(samples=4, draw=X), r"FisherOperator: draw must be a function"),
    "draws": (lambda: fisher(samples=4, seed=X), r"FisherOperator: seed must be an integer"),
    "damping": (lambda: cv.InverseOperator(A, damping=tg.grad), r"InverseOperator: damping must be"),
    "iterations": (lambda: cv.InverseOperator(A, max_iterations=1e300), r"max_iterations.*integer"),
    "preconditioner": (
        lambda: cv.InverseOperator(A, preconditioner={}),
        r"InverseOperator: preconditioner must be a LinearOperator.*got dict",
    ),
    # analysis
    "step": (lambda: model().ratio(np.array(["a", "b"])), r"QuadraticModel\.ratio: the tree must hold"),
    "step of objects": (lambda: model().predict(np.array([None, 1])), r"QuadraticModel\.predict: "),
    "radius": (lambda: model().along(X, radius=SEVERAL), r"QuadraticModel\.along: radius must be a"),
    "points": (lambda: model().along(X, points={1}), r"QuadraticModel\.along: points must be an int"),
    "batched": (lambda: tg.vmap(model().along)(SEVERAL[:, :2]), r"QuadraticModel\.along: .*vmap"),
    "a subspace of text": (lambda: cv.subspace_overlap("a", A), r"subspace_overlap: a must be an arr"),
    "vectors": (lambda: cv.layer_shares(operator(), 3.0), r"layer_shares: vectors must be of shape"),
    "ragged vectors": (lambda: cv.layer_shares(operator(), [X, SEVERAL]), r"layer_shares: vectors"),
    "no operator": (lambda: cv.layer_shares(tg.tensor(0.5), X), r"layer_shares: Tensor has no tree"),
    "more arguments": (
        lambda: cv.is_convex_on(loss, X, X, region=cv.Ball(1.0)),
        r"is_convex_on: the function loss\(p\) was called with 2 arguments.*loss\(params, batch\)",
    ),
    "a trajectory": (lambda: cv.trajectory_directions(np.array(1j), 1), r"trajectory must be a seq"),
    "a gradient of text": (lambda: cv.step_size(A, gradient=["a", "b"]), r"step_size: the gradient"),
    # statistics, training, figures
    "the information's reduction": (
        lambda: cv.observed_information(loss, X, n=3, reduction=X),
        r"observed_information: reduction=float64\(2,\)",
    ),
    "a number in a batch": (
        lambda: cv.per_example_gradients(lambda p, b: (p * b[1]).sum(), X, (2.0, X)),
        r"per_example_gradients: the batch holds a number.*lambda params, batch",
    ),
    "quantities": (lambda: cv.Monitor(loss, quantities=None), r"Monitor: quantities must be a seq"),
    "one quantity": (lambda: cv.Monitor(loss, quantities="trace"), r"Monitor: quantities.*'trace'"),
    "a record": (lambda: cv.report(loss, X, monitor=["a"]), r"report: monitor must be a Monitor"),
    "scale": (lambda: cv.spectral_density(A).plot(scale=X), r"plot: scale=float64\(2,\) is not"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_by_function_and_argument(name: str) -> None:
    call, said = MISTAKES[name]
    with pytest.raises((TypeError, ValueError), match=said):
        call()


def test_half_precision_vectors_span_a_subspace() -> None:
    """LAPACK takes no halves; the angle of 45 degrees is known."""
    half = np.array([[1.0], [1.0]], np.float16)
    found = cv.subspace_overlap(half, np.array([[1.0], [0.0]]))
    np.testing.assert_allclose(found.overlap, 0.5, rtol=1e-6)


def test_a_list_of_arrays_is_a_tree_not_a_vector() -> None:
    """The gradient of sum(a²)/2 + sum(b²) is (a, 2b), and the curvature along it is known."""
    a, b = np.array([1.0, 2.0]), np.array([1.0, 0.0, 1.0])
    op = cv.HessianOperator(lambda p: (p[0] ** 2).sum() / 2 + (p[1] ** 2).sum(), [a, b])
    found = cv.gradient_alignment(op, gradient=[a, 2 * b], k=5)
    np.testing.assert_allclose(found.share, 1.0, rtol=1e-10)
    np.testing.assert_allclose(sorted(found.values), [1, 1, 2, 2, 2], rtol=1e-8)


def test_what_a_users_loss_raises_stays_the_users() -> None:
    def broken(p: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match=r"^'mine'$"):
        cv.quadratic_model(broken, X)
