"""SciPy's methods with exact derivatives: known solutions, and what each method is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize

import tinygrad_hess as tg
from tinygrad_hess import optim
from tinygrad_hess.core.errors import NonDifferentiableError
from tinygrad_hess.data import problems
from tinygrad_hess.optim.deterministic.objective import Objective
from tinygrad_hess.optim.deterministic.scipy_methods import METHODS


def bowl(p: Any, shift: float) -> Any:
    return ((p["a"] - shift) ** 2).sum() + (p["b"] - 1.0) ** 4 + (p["b"] - 1.0) ** 2


START = {"a": np.zeros(3), "b": np.array(3.0)}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", METHODS)
def test_every_method_on_a_pytree(method: str) -> None:
    found = optim.scipy_minimize(bowl, START, (2.0,), method)
    np.testing.assert_allclose(found.x["a"], 2.0, atol=1e-2)
    assert found.x["b"] == pytest.approx(1.0, abs=1e-2)
    assert found.x["b"].shape == ()


def test_derivatives_are_exact_and_given_where_they_are_taken(monkeypatch: Any) -> None:
    given: dict[str, Any] = {}

    def spy(fun: Any, x0: Any, **kwargs: Any) -> Any:
        given.update(kwargs, fun=fun)
        return scipy.optimize.OptimizeResult(x=x0)

    monkeypatch.setattr(scipy.optimize, "minimize", spy)
    x = np.array([0.3, -0.2, 0.5, 2.0])
    H = np.diag([2.0, 2, 2, 2 + 12 * (x[3] - 1) ** 2])
    g = np.r_[2 * (x[:3] - 2), 4 * (x[3] - 1) ** 3 + 2 * (x[3] - 1)]
    optim.scipy_minimize(bowl, START, (2.0,), "trust-exact")
    np.testing.assert_allclose(given["fun"](x)[1], g)
    np.testing.assert_allclose(given["hess"](x), H)
    optim.scipy_minimize(bowl, START, (2.0,), "Newton-CG")
    np.testing.assert_allclose(given["hessp"](x, np.arange(4.0)), H @ np.arange(4.0))
    optim.scipy_minimize(bowl, START, (2.0,), "Nelder-Mead")
    assert np.shape(given["fun"](x)) == ()
    p = problems.named("arwhead")
    optim.scipy_minimize(p.loss, p.start[:400], method="trust-constr")
    assert given["hess"](np.ones(400)).nnz <= 3 * 400  # a sparse matrix


def test_bounds_of_trees_and_numbers() -> None:
    found = optim.scipy_minimize(bowl, START, (2.0,), bounds=(None, 1.5))
    np.testing.assert_allclose(found.x["a"], 1.5)
    limits = {"a": np.array([0.0, 0.5, 9.0]), "b": np.inf}
    found = optim.scipy_minimize(bowl, START, (2.0,), "L-BFGS-B", bounds=(-np.inf, limits))
    np.testing.assert_allclose(found.x["a"], [0.0, 0.5, 2.0], atol=1e-5)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr", "COBYLA"])
def test_constraints(method: str) -> None:
    """The point of an ellipse nearest to (2, 0): a Lagrange condition by hand."""
    f = lambda p, c: (p["x"] - c) ** 2 + p["y"] ** 2
    ellipse = (lambda p, c: p["x"] ** 2 / 4 + p["y"] ** 2, 1.0, 1.0)
    start = {"x": np.array(1.0), "y": np.array(0.5)}
    found = optim.scipy_minimize(f, start, (1.0,), method, constraints=[ellipse])
    assert found.x["x"] == pytest.approx(4 / 3, abs=1e-3)
    assert found.x["y"] == pytest.approx(np.sqrt(1 - 4 / 9), abs=1e-3)


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares(method: str) -> None:
    p = problems.named("bard")
    found = optim.least_squares(p.residuals, p.start, method=method, xtol=1e-12)
    assert p.is_minimum(2 * found.cost)
    if method != "lm":
        line = lambda w, y: {"r": w["a"] * np.arange(4.0) + w["b"] - y}
        start = {"a": np.array(0.5), "b": np.array(0.5)}
        bounds = ({"a": 0.0, "b": 0.0}, {"a": 1.5, "b": np.inf})
        found = optim.least_squares(line, start, (2 * np.arange(4.0),), method, bounds=bounds)
        assert found.x["a"] == pytest.approx(1.5) and found.x["b"] == pytest.approx(0.75)


def test_least_squares_with_a_sparse_jacobian() -> None:
    p = problems.named("broyden_tridiagonal_5000")
    found = optim.least_squares(p.residuals, p.start[:500], ftol=1e-12)
    assert found.cost < 1e-10 and found.jac.nnz <= 3 * 500


def test_root_methods() -> None:
    p = problems.named("broyden_tridiagonal")
    for method in ("hybr", "lm", "krylov", "df-sane"):
        found = optim.root(p.residuals, p.start, method=method, tol=1e-9)
        assert np.abs(p.residuals(found.x)).max() < 1e-7, method


@pytest.mark.parametrize("transform", [tg.grad, tg.vmap, tg.jit])
@pytest.mark.parametrize("of", [0, 1], ids=["x0", "args"])
def test_solutions_without_derivatives_say_whose_have_them(transform: Any, of: int) -> None:
    def minimum(theta: Any) -> Any:
        x0, args = (theta, (1.0,)) if not of else (np.zeros(2), (theta,))
        return optim.scipy_minimize(lambda x, t: ((x - t) ** 2).sum(), x0, args).x.sum()

    def fit(theta: Any) -> Any:
        x0, args = (theta, (1.0,)) if not of else (np.zeros(2), (theta,))
        return optim.least_squares(lambda x, t: x - t, x0, args).x.sum()

    point = np.ones((3, 2)) if transform is tg.vmap else np.ones(2)
    for function in (minimum, fit):
        if transform is tg.grad and not of:  # a solution does not depend on where it began
            np.testing.assert_array_equal(tg.grad(lambda x: function(x) + x[0])(point), [1.0, 0.0])
            assert function(tg.tensor([1.0, 2.0], requires_grad=True)) == pytest.approx(2.0)
            continue
        with pytest.raises(NonDifferentiableError, match=r"no derivatives.*Write optim.minimize"):
            transform(function)(point)


def test_errors() -> None:
    with pytest.raises(ValueError, match="scipy_minimize: method='newton' is not 'nelder-mead'"):
        optim.scipy_minimize(bowl, START, (1.0,), "newton")
    with pytest.raises(TypeError, match=r"bounds must be a pair \(lower, upper\)"):
        optim.scipy_minimize(bowl, START, (1.0,), bounds=3)
    with pytest.raises(ValueError, match="bounds must have the structure of x0"):
        optim.scipy_minimize(bowl, START, (1.0,), bounds=({"a": 0.0, "c": 1.0}, None))
    with pytest.raises(TypeError, match=r"a constraint must be \(g, lower, upper\)"):
        optim.scipy_minimize(bowl, START, (1.0,), constraints=[bowl])
    assert Objective(bowl, START, (1.0,), "test").size == 4
