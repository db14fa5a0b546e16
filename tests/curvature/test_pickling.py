"""Operators, results and monitors are pickled and copied, or say what to write."""

import copy
import pickle
import sys
from typing import Any

import numpy as np
import pytest

from tinygrad_hess import curvature, nn

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 2))
MODEL = nn.MLP([3, 4, 2], seed=0)
V = np.linspace(-1, 1, 26)


def predict(model: Any, x: Any) -> Any:
    return model(x)


def loss(model: Any, batch: Any) -> Any:
    return nn.mse(model(batch[0]), batch[1])


def jacobian_inputs(model: Any, x: Any) -> Any:
    return model(x)


OPERATORS = {
    "Hessian": lambda: curvature.HessianOperator(loss, MODEL, (X, Y)),
    "Hessian of batches": lambda: curvature.HessianOperator(loss, MODEL, [(X, Y), (X, Y)]),
    "Gauss-Newton": lambda: curvature.GGNOperator(predict, nn.mse, MODEL, (X, Y)),
    "Jacobian": lambda: curvature.JacobianOperator(jacobian_inputs, MODEL, X),
    "Kronecker factors": lambda: curvature.KroneckerFactors(predict, nn.mse, MODEL, (X, Y)),
    "inverse": lambda: curvature.InverseOperator(
        curvature.GGNOperator(predict, nn.mse, MODEL, (X, Y)), damping=1.0
    ),
    "preconditioned": lambda: curvature.HessianOperator(loss, MODEL, (X, Y)).preconditioned(
        np.linspace(1, 2, 26)
    ),
}


@pytest.mark.parametrize("copied", [lambda x: pickle.loads(pickle.dumps(x)), copy.copy,
                                    copy.deepcopy], ids=["pickle", "copy", "deepcopy"])  # fmt: skip
@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name: str, used: bool, copied: Any) -> None:
    op = OPERATORS[name]()
    if used:
        op @ V
    again = copied(op)
    assert type(again) is type(op) and again.shape == op.shape
    np.testing.assert_allclose(again @ V, op @ V, rtol=1e-10, atol=1e-12)


def test_results_and_monitors() -> None:
    op = curvature.HessianOperator(loss, MODEL, (X, Y))
    for found in (
        curvature.trace(op),
        curvature.top_eigenpairs(op, 2),
        curvature.spectral_density(op),
        curvature.quadratic_model(op),
        curvature.report(op, budget=1.0),
        curvature.laplace(predict, nn.mse, MODEL, (X, Y)),
    ):
        again = pickle.loads(pickle.dumps(found))
        assert repr(again) == repr(found)
    monitor = curvature.Monitor(loss, (X, Y), every=1, k=1)
    monitor(0, MODEL)
    again = pickle.loads(pickle.dumps(monitor))
    again(1, MODEL)
    assert again.records.steps.tolist() == [0, 1]
    values = again.records.series("top_eigenvalues")
    np.testing.assert_allclose(values[0], values[1], rtol=1e-2)


def test_a_function_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    op = curvature.HessianOperator(lambda w: (w**2).sum(), np.ones(2))
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(pickle.PicklingError, match=r"define it with def .* or install cloudpickle"):
        pickle.dumps(op)
    np.testing.assert_array_equal(copy.deepcopy(op) @ np.ones(2), [2.0, 2.0])
