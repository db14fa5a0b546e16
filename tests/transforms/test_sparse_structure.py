"""Patterns of tapes that are like the last one are not found anew; those of others are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess.transforms.sparse import plan


@pytest.fixture
def detections(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each pattern that is found."""
    found: list[int] = []
    detect = plan.dependences
    monkeypatch.setattr(plan, "dependences", lambda *a: found.append(1) or detect(*a))
    return found


def rosenbrock(x: Any, scale: Any = 100.0) -> Any:
    return np.sum(scale * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def closed(x: Any, scale: float = 100.0) -> Any:
    """Its Hessian."""
    H = np.zeros((x.size, x.size))
    for i in range(x.size - 1):
        H[i, i] += 12 * scale * x[i] ** 2 - 4 * scale * x[i + 1] + 2
        H[i + 1, i + 1] += 2 * scale
        H[i, i + 1] = H[i + 1, i] = -4 * scale * x[i]
    return H


def test_other_points_and_data_have_the_pattern_of_the_first(detections: list[int]) -> None:
    rng = np.random.default_rng(0)
    hessian = tg.hessian(rosenbrock, sparse=True)
    for scale in (100.0, 3.0, 7.0):
        x = rng.normal(size=6)
        np.testing.assert_allclose(hessian(x, scale).toarray(), closed(x, scale), atol=1e-10)
    assert len(detections) == 1


def test_another_size_is_another_pattern(detections: list[int]) -> None:
    hessian = tg.hessian(rosenbrock, sparse=True)
    for n in (4, 7, 7, 4):
        x = np.linspace(-1, 1, n)
        np.testing.assert_allclose(hessian(x).toarray(), closed(x), atol=1e-10)
    assert len(detections) == 3


def test_another_index_is_another_pattern(detections: list[int]) -> None:
    hessian = tg.hessian(lambda x, i: np.sum(x[i] * x[0]), sparse=True)
    x = np.array([1.0, 2.0, 3.0, 4.0])
    for index in ([1, 2], [1, 2], [3, 2], [0, 0]):
        want = np.zeros((4, 4))
        for i in index:
            want[i, 0] += 1
            want[0, i] += 1
        np.testing.assert_array_equal(hessian(x, np.array(index)).toarray(), want)
    assert len(detections) == 3


def test_a_branch_on_values_is_another_pattern(detections: list[int]) -> None:
    def f(x: Any) -> Any:
        return np.sum(x[0] * x[1:]) if x[0] > 0 else np.sum(x[-1] * x[:-1] ** 2)

    hessian = tg.hessian(f, sparse=True)
    up = np.zeros((3, 3))
    up[0, 1:] = up[1:, 0] = 1
    x = np.array([-1.0, 2.0, 3.0])
    down = np.array([[6.0, 0, -2], [0, 6, 4], [-2, 4, 0]])
    for point, want in ((np.abs(x), up), (x, down), (x, down), (np.abs(x), up)):
        np.testing.assert_array_equal(hessian(point).toarray(), want)
    assert len(detections) == 3


def test_indices_that_are_computed_are_looked_at(detections: list[int]) -> None:
    jacobian = tg.jacobian(lambda x: x[np.argsort(x)] ** 2, sparse=True)
    for x in (np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])):
        want = np.zeros((3, 3))
        order = np.argsort(x)
        want[np.arange(3), order] = 2 * x[order]
        np.testing.assert_array_equal(jacobian(x).toarray(), want)


def test_another_constant_matrix_of_another_pattern() -> None:
    """Where a constant has zeros, the pattern has entries all the same: they hold zero."""
    jacobian = tg.jacobian(lambda x, A: A @ x, sparse=True)
    for A in (np.eye(3), np.ones((3, 3)), np.triu(np.ones((3, 3)))):
        np.testing.assert_array_equal(jacobian(np.ones(3), A).toarray(), A)


def test_two_outputs_and_inputs(detections: list[int]) -> None:
    jacobian = tg.jacobian(lambda x, y: (x * y, x[:1] - y[1:]), argnums=(0, 1), sparse=True)
    for _ in range(2):
        x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
        (a, b), (c, d) = jacobian(x, y)
        np.testing.assert_array_equal(a.toarray(), np.diag(y))
        np.testing.assert_array_equal(b.toarray(), np.diag(x))
        np.testing.assert_array_equal(c.toarray(), [[1.0, 0.0]])
        np.testing.assert_array_equal(d.toarray(), [[0.0, -1.0]])
    assert len(detections) == 1
