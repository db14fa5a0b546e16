"""Deterministic methods: what theory promises on sequences of errors, and how runs end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize

import tinygrad_hess as tg
from tinygrad_hess import optim
from tinygrad_hess.data import problems
from tinygrad_hess.optim.deterministic.line_searches import SEARCHES, Line, Stalled
from tinygrad_hess.optim.deterministic.minimization import METHODS
from tinygrad_hess.optim.deterministic.objective import Objective
from tinygrad_hess.optim.deterministic.quasi_newton import BFGS
from tinygrad_hess.optim.deterministic.secular import Model

OF_LOSSES = [name for name, kind in METHODS.items() if not kind.needs_residuals]
OF_RESIDUALS = [name for name, kind in METHODS.items() if kind.needs_residuals]
EXACT = {"line_search": "strong-wolfe", "c2": 1e-9}
"""A search that ends where the slope vanishes: on a quadratic, an exact one."""


def spd(eigenvalues: Any, seed: int = 0) -> Any:
    """A symmetric matrix with these eigenvalues."""
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(len(eigenvalues),) * 2))
    return (q * np.asarray(eigenvalues)) @ q.T


def quadratic(A: Any, b: Any) -> Any:
    return lambda x: x @ (A @ x) / 2 - b @ x


def smooth(x: Any) -> Any:
    """Strictly convex, with the minimum where x = tanh-free root: gradient x + sinh(x) - 1."""
    return (x**2).sum() / 2 + np.cosh(x).sum() - x.sum()


ROOT = scipy.optimize.brentq(lambda t: t + np.sinh(t) - 1, 0, 1, xtol=1e-16)


def iterates(f: Any, x0: Any, **kwargs: Any) -> tuple[Any, Any]:
    points = [np.asarray(x0)]
    found = optim.minimize(f, x0, callback=lambda r: points.append(np.asarray(r.x)), **kwargs)
    return found, np.stack(points)


# ---- rates --------------------------------------------------------------------------------------


def test_newton_solves_a_quadratic_in_one_step() -> None:
    A, b = spd([1, 5, 30, 200]), np.arange(1.0, 5)
    for method in ("newton", "saddle-free-newton"):
        found = optim.minimize(quadratic(A, b), np.ones(4), method=method, tol=1e-9)
        assert found.success and found.nit == 1
        np.testing.assert_allclose(found.x, np.linalg.solve(A, b), rtol=1e-11)
    J, y = np.random.default_rng(0).normal(size=(7, 4)), np.arange(7.0)
    found = optim.minimize(lambda x: J @ x - y, np.ones(4), method="gauss-newton", tol=1e-9)
    assert found.nit == 1
    np.testing.assert_allclose(found.x, np.linalg.lstsq(J, y)[0], rtol=1e-10)


@pytest.mark.parametrize("start", [np.array([-1.2, 1.0, 0.5]), np.full(10, -0.5)])
def test_fletcher_and_reeves_do_not_jam(start: Any) -> None:
    def rosenbrock(x: Any) -> Any:
        return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    found = optim.minimize(rosenbrock, start, method="cg", beta="fletcher-reeves", maxiter=500)
    assert found.success  # without restarts, 20,000 iterations were not enough
    np.testing.assert_allclose(found.x, 1.0, atol=1e-5)


@pytest.mark.parametrize("beta", ["fletcher-reeves", "polak-ribiere", "hager-zhang"])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_cg_solves_a_quadratic_in_as_many_steps_as_it_has_eigenvalues(beta: str, k: int) -> None:
    values = np.repeat([1.0, 3.0, 10.0, 20.0][:k], 3)
    A, b = spd(values), np.arange(1.0, 3 * k + 1)
    f = quadratic(A, b)
    found, points = iterates(
        f, np.zeros(3 * k), method="cg", beta=beta, tol=1e-6, maxiter=k, **EXACT
    )
    assert found.nit == k, found.message
    errors = np.linalg.norm(points - np.linalg.solve(A, b), axis=1)
    assert errors[k] < 1e-6 * errors[0]
    assert (errors[:k] > 1e-3 * errors[0]).all()  # and in no fewer


def test_the_inverse_of_bfgs_is_exact_after_n_exact_steps_on_a_quadratic() -> None:
    n = 5
    A, b = spd([1.0, 2, 5, 9, 14], 1), np.arange(1.0, n + 1)
    objective = Objective(quadratic(A, b), np.zeros(n), (), "test")
    method = BFGS(objective, **EXACT)  # type: ignore[arg-type]
    point = objective.at(objective.start)
    for i in range(n):
        assert np.abs(method.inverse @ A - np.eye(n)).max() > 1e-3, i
        point = method.step(point).point
    np.testing.assert_allclose(method.inverse, np.linalg.inv(A), atol=1e-6)


def test_sr1_learns_the_hessian_of_a_quadratic_in_n_steps_of_any_length() -> None:
    """Nocedal and Wright, theorem 6.1; the Hessian is indefinite."""
    from tinygrad_hess.optim.deterministic.objective import Point
    from tinygrad_hess.optim.deterministic.regions import SR1

    A = spd([-3.0, 1, 2, 7])
    objective = Objective(quadratic(A, np.zeros(4)), np.ones(4), (), "test")
    method = SR1(objective)
    method.started = True
    rng = np.random.default_rng(0)
    x = np.ones(4)
    for _ in range(4):
        y = x + rng.normal(size=4)
        method.observe(Point(x, 0.0, A @ x), Point(y, 0.0, A @ y))
        x = y
    np.testing.assert_allclose(method.hessian, A, atol=1e-9)


@pytest.mark.parametrize("method", ["newton", "saddle-free-newton", "trust-region", "cubic"])
def test_second_order_methods_converge_quadratically(method: str) -> None:
    found, points = iterates(smooth, np.linspace(-2, 3, 6), method=method, tol=1e-14, maxiter=40)
    errors = np.abs(points - ROOT).max(1)
    near = errors[(errors < 0.3) & (errors > 1e-15)]
    assert found.success and len(near) >= 2
    # e₊ <= C e², with C = |f'''| / 2 f'' = sinh / 2(1 + cosh) < 1/4 to leading order
    for e, after in zip(near, near[1:]):
        assert after <= 0.5 * e**2 + 1e-14, near
    assert errors[-1] < 1e-14


@pytest.mark.parametrize("method", ["bfgs", "l-bfgs", "sr1", "newton-cg", "cg"])
def test_others_converge_superlinearly_or_nearly(method: str) -> None:
    A = spd([1.0, 4, 9], 2)
    f = lambda x: quadratic(A, np.ones(3))(x) + (x**4).sum()
    minimum = optim.minimize(f, np.zeros(3), method="newton", tol=1e-14).x
    assert np.abs(A @ minimum - 1 + 4 * minimum**3).max() < 1e-13  # the gradient by hand
    _, points = iterates(f, np.ones(3), method=method, tol=1e-13, maxiter=60)
    errors = np.linalg.norm(points - minimum, axis=1)
    errors = errors[errors > 1e-12]
    ratios = errors[1:] / errors[:-1]
    if method in ("bfgs", "sr1", "newton-cg"):
        assert ratios[-1] < 0.1 and ratios[-1] < ratios[0]
    assert errors[-1] < 1e-7 * errors[0]


def test_gradient_descent_is_linear_at_the_rate_of_exact_searches() -> None:
    """f - f* falls by ((κ - 1)/(κ + 1))² a step at worst, and just so from the worst start."""
    A = np.diag([1.0, 9.0])
    found = optim.minimize(
        quadratic(A, np.zeros(2)), np.array([9.0, 1.0]), method="gradient-descent",
        tol=0.0, maxiter=12, **EXACT,
    )  # fmt: skip
    ratios = found.history.loss[1:] / found.history.loss[:-1]
    np.testing.assert_allclose(ratios, 0.8**2, rtol=1e-6)


def test_levenberg_marquardt_is_superlinear_without_residuals() -> None:
    """The damping vanishes as the loss falls as predicted, and Gauss-Newton's step is left."""
    t = np.linspace(0, 1, 9)
    truth = np.array([1.5, -0.7])
    residuals = lambda x: x[0] * np.exp(x[1] * t) - truth[0] * np.exp(truth[1] * t)
    _, points = iterates(
        residuals, np.zeros(2), method="levenberg-marquardt", tol=1e-14, radius=1.0
    )
    errors = np.linalg.norm(points - truth, axis=1)
    errors = errors[errors > 1e-13]
    ratios = errors[1:] / errors[:-1]
    assert len(ratios) >= 5
    assert ratios[-1] < 1e-2 and (np.diff(ratios[-4:]) < 0).all()


def test_gauss_newton_is_quadratic_without_residuals_and_linear_with() -> None:
    t = np.linspace(0, 1, 9)
    model = lambda x, y: x[0] * np.exp(x[1] * t) - y
    truth = np.array([1.5, -0.7])
    exact = np.asarray(model(truth, 0.0))
    _, points = iterates(
        lambda x: model(x, exact), np.array([1.0, 0.0]), method="gauss-newton", tol=1e-14
    )
    errors = np.linalg.norm(points - truth, axis=1)
    errors = errors[errors > 1e-14]
    for e, after in zip(errors[1:], errors[2:]):
        assert after <= 2 * e**2 + 1e-14
    noisy = exact + 0.3 * np.cos(9 * t)
    found, points = iterates(
        lambda x: model(x, noisy), np.array([1.0, 0.0]), method="gauss-newton", tol=1e-13
    )
    errors = np.linalg.norm(points - found.x, axis=1)
    ratios = errors[3:8] / errors[2:7]
    assert (ratios > 1e-3).all() and (ratios < 0.5).all()


# ---- saddles ------------------------------------------------------------------------------------


def saddle(x: Any) -> Any:
    """Minima at (0, ±1), a saddle at the origin."""
    return x[0] ** 2 / 2 + x[1] ** 4 / 4 - x[1] ** 2 / 2


def test_plain_newton_is_drawn_to_a_saddle_and_says_so() -> None:
    found = optim.minimize(saddle, np.array([0.3, 0.1]), method="newton", modify=False)
    assert np.abs(found.x).max() < 1e-6
    assert not found.success
    assert "no minimum" in found.message and "eigenvalue -1" in found.message


@pytest.mark.parametrize("method", ["bfgs", "l-bfgs", "cg", "sr1", "newton-cg"])
def test_first_order_methods_do_not_take_a_saddle_for_a_minimum(method: str) -> None:
    """They cannot leave it from the axis y = 0, where all gradients lie; but they see it."""
    found = optim.minimize(saddle, np.array([0.3, 0.0]), method=method)
    assert np.abs(found.x).max() < 1e-6
    assert not found.success and "no minimum" in found.message


def test_a_loss_without_second_derivatives_is_minimised_too() -> None:
    @tg.custom_vjp
    def square(x: Any) -> Any:
        return x**2

    square.defvjp(lambda x: (x**2, x), lambda x, g: (np.asarray(g) * 2 * np.asarray(x),))
    found = optim.minimize(lambda x: square(x - 3.0).sum(), np.zeros(2), method="bfgs", jit=False)
    assert found.success
    np.testing.assert_allclose(found.x, 3.0, atol=1e-6)


@pytest.mark.parametrize("method", ["newton", "saddle-free-newton", "trust-region", "cubic"])
def test_others_leave_its_neighbourhood(method: str) -> None:
    found = optim.minimize(saddle, np.array([0.3, 1e-3]), method=method)
    assert found.success
    np.testing.assert_allclose(found.x, [0, 1], atol=1e-6)


@pytest.mark.parametrize("method", ["trust-region", "cubic"])
def test_exact_models_leave_the_saddle_itself(method: str) -> None:
    found = optim.minimize(saddle, np.zeros(2), method=method)
    assert found.success and found.nit > 0
    np.testing.assert_allclose(np.abs(found.x), [0, 1], atol=1e-6)


def test_saddle_free_newton_leaves_in_a_krylov_space(monkeypatch: Any) -> None:
    monkeypatch.setattr(Objective, "structure", "products")
    start = np.r_[0.3, 1e-3 * np.ones(4)]
    f = lambda x: x[0] ** 2 + (x[1:] ** 4 / 4 - np.arange(1, 5) * x[1:] ** 2 / 2).sum()
    found = optim.minimize(f, start, method="saddle-free-newton")
    assert found.success and found.nprod > 0 and found.nhev == 1  # to check the end
    np.testing.assert_allclose(found.x, np.r_[0, np.sqrt(np.arange(1, 5))], atol=1e-6)


# ---- models of second order ---------------------------------------------------------------------


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("least", [-2.0, 0.5])
@pytest.mark.parametrize("radius", [0.1, 1.0, 50.0])
def test_the_step_within_a_radius_is_a_global_minimiser(
    hard: bool, least: float, radius: float
) -> None:
    """By its conditions, which are sufficient: Moré and Sorensen (1983), lemma 2.1."""
    values = np.array([least, 1.0, 4.0, 9.0])
    H, g = np.diag(values), np.array([0.0 if hard else 0.7, 1.0, -2.0, 0.5])
    s, decrease, _ = Model(H, g).within(radius)
    assert np.linalg.norm(s) <= radius * (1 + 1e-8)
    used = np.argmax(np.abs(s[1:])) + 1
    shift = -g[used] / s[used] - values[used]
    np.testing.assert_allclose((H + shift * np.eye(4)) @ s, -g, atol=1e-6)
    assert shift >= -1e-8 and shift + least >= -1e-6
    assert abs(shift * (radius - np.linalg.norm(s))) < 1e-6
    assert decrease == pytest.approx(-(g @ s + s @ H @ s / 2))


@pytest.mark.parametrize("g0", [0.0, 0.7])
@pytest.mark.parametrize("sigma", [0.01, 1.0, 100.0])
def test_the_cubic_step_is_a_global_minimiser(g0: float, sigma: float) -> None:
    """Cartis, Gould and Toint (2011), theorem 3.1."""
    H, g = np.diag([-2.0, 1.0, 4.0]), np.array([g0, 1.0, -2.0])
    s, decrease = Model(H, g).cubic(sigma)
    shift = sigma * np.linalg.norm(s)
    np.testing.assert_allclose((H + shift * np.eye(3)) @ s, -g, atol=1e-6)
    assert shift >= 2 - 1e-8
    value = g @ s + s @ H @ s / 2 + sigma / 3 * np.linalg.norm(s) ** 3
    assert decrease == pytest.approx(-value)


# ---- line searches ------------------------------------------------------------------------------


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("first", [1e-3, 1.0, 50.0])
def test_a_search_meets_its_conditions(search: str, first: float) -> None:
    """On the functions of Moré and Thuente (1994) that are smooth, equations 5.1 and 5.2."""
    for f in (
        lambda x: (-x / (x**2 + 2)).sum(),
        lambda x: ((x + 0.004) ** 5 - 2 * (x + 0.004) ** 4).sum(),
    ):
        objective = Objective(f, np.zeros(1), (), "test")
        origin = objective.at(np.zeros(1))
        slope = float(origin.gradient[0])
        found = SEARCHES[search]()(Line(objective, origin, np.ones(1)), first)
        assert found.point.loss < origin.loss
        if search == "armijo":
            assert found.point.loss <= origin.loss + 1e-4 * found.t * slope
        elif search == "strong-wolfe":
            assert found.point.loss <= origin.loss + 1e-4 * found.t * slope
            assert abs(found.slope) <= 0.9 * abs(slope)
        else:
            wolfe = found.point.loss <= origin.loss + 0.1 * found.t * slope
            approximate = found.slope <= -0.8 * slope
            assert (wolfe or approximate) and found.slope >= 0.9 * slope


@pytest.mark.parametrize("search", SEARCHES)
def test_a_search_stays_where_the_loss_is_defined(search: str) -> None:
    objective = Objective(lambda x: -np.log(1 - x).sum() - 3 * x.sum(), np.zeros(1), (), "test")
    line = Line(objective, objective.at(np.zeros(1)), np.ones(1))
    found = SEARCHES[search]()(line, 10.0)
    assert 0 < found.t < 1 and np.isfinite(found.point.loss)


@pytest.mark.parametrize("search", ["strong-wolfe", "hager-zhang"])
def test_a_loss_without_a_minimum_ends_a_search(search: str) -> None:
    objective = Objective(lambda x: -x.sum(), np.zeros(1), (), "test")
    line = Line(objective, objective.at(np.zeros(1)), np.ones(1))
    with pytest.raises(Stalled, match="without end"):
        SEARCHES[search]()(line, 1.0)


# ---- runs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", OF_LOSSES)
def test_every_method_minimises_a_pytree_with_arguments(method: str) -> None:
    def f(p: Any, scale: float, shift: Any) -> Any:
        return scale * ((p["a"] - shift) ** 2).sum() + (p["b"][0] - 2) ** 4 + p["b"][0] ** 2

    start = {"a": np.zeros((2, 3)), "b": [np.float32(0.5)]}
    shift = np.arange(6.0).reshape(2, 3)
    found = optim.minimize(f, start, (2.0, shift), method.upper(), tol=1e-5)
    assert found.success, found.message
    np.testing.assert_allclose(found.x["a"], shift, atol=1e-4)
    root = scipy.optimize.brentq(lambda t: 4 * (t - 2) ** 3 + 2 * t, 0, 2)
    assert found.x["b"][0] == pytest.approx(root, abs=1e-4)
    assert found.x["b"][0].dtype == np.float32
    assert found.method == method
    h = found.history
    assert len(h) == found.nit + 1 == len(h.step)
    assert h.loss[-1] == found.fun and (np.diff(h.time) >= 0).all()
    assert h.gradients[-1] <= found.njev
    assert np.isnan(h.step[0]) and (h.step[1:] > 0).all()


@pytest.mark.parametrize("method", OF_RESIDUALS)
@pytest.mark.parametrize("name", ["bard", "kowalik_osborne", "meyer", "box", "brown_dennis"])
def test_residuals_to_the_published_minimum(method: str, name: str) -> None:
    p = problems.named(name)
    found = optim.minimize(p.residuals, p.start, method=method)
    assert p.is_minimum(2 * found.fun)


@pytest.mark.parametrize("jit", [True, False])
def test_replay_changes_nothing_that_matters(jit: bool) -> None:
    p = problems.named("wood")
    found = optim.minimize(p.loss, p.start, method="newton", jit=jit, tol=1e-10)
    np.testing.assert_allclose(found.x, np.ones(4), atol=1e-9)


def test_a_function_that_looks_at_values_is_minimised_too() -> None:
    def huber(x: Any) -> Any:
        r = np.abs(x - 3.0).sum()
        return r**2 / 2 if r < 1 else r - 0.5

    found = optim.minimize(huber, 40.0, method="bfgs")
    assert found.success and float(found.x) == pytest.approx(3, abs=1e-5)


@pytest.mark.parametrize("method", ["newton", "trust-region", "newton-cg", "cubic", "l-bfgs"])
def test_many_variables_by_the_structure_of_the_hessian(method: str) -> None:
    p = problems.named("liarwhd")
    found = optim.minimize(p.loss, p.start[:400], method=method)
    assert found.success
    np.testing.assert_allclose(found.x, 1, atol=1e-5)
    if method in ("newton", "trust-region"):
        assert found.nhev > 0 and found.nprod == 0  # an arrow, factorised
    elif method != "l-bfgs":
        assert found.nprod > 0 and found.nhev == 0


@pytest.mark.parametrize("method", OF_RESIDUALS)
def test_sparse_jacobians(method: str) -> None:
    p = problems.named("broyden_tridiagonal_5000")
    found = optim.minimize(p.residuals, p.start[:600], method=method)
    assert found.success and found.fun < 1e-12


def test_a_large_dense_hessian_is_taken_by_products(monkeypatch: Any) -> None:
    monkeypatch.setattr("tinygrad_hess.optim.deterministic.objective.DENSE", 10)
    monkeypatch.setattr("tinygrad_hess.optim.deterministic.objective.DENSE_AT_MOST", 20)
    monkeypatch.setattr("tinygrad_hess.optim.deterministic.regions.DENSE", 10)
    n = 30
    f = lambda x: ((x - 1) ** 2).sum() + (x.sum() - n) ** 4 / n**3
    for method in ("newton", "trust-region", "cubic", "saddle-free-newton"):
        found = optim.minimize(f, np.zeros(n), method=method)
        assert found.success and found.nhev == 0 and found.nprod > 0
        np.testing.assert_allclose(found.x, 1, atol=1e-5)


# ---- how they end -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", OF_LOSSES)
def test_unbounded_below_is_no_success_and_ends(method: str) -> None:
    found = optim.minimize(
        lambda x: -(x**2).sum() - x.sum(), np.ones(2), method=method, maxiter=200
    )
    assert not found.success
    assert found.message


@pytest.mark.parametrize("method", ["gradient-descent", "trust-region"])
def test_iterates_that_diverge_are_told(method: str) -> None:
    found = optim.minimize(lambda x: x.sum(), np.ones(2), method=method)
    assert not found.success and found.status == 5 and found.nit < 300
    assert "diverge" in found.message and "bounded below" in found.message


@pytest.mark.parametrize("method", OF_LOSSES)
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.abs(x).sum(),
        lambda x: np.max(np.abs(x - 1.0)),
        lambda x: np.maximum(x - 1, 0).sum() + 0.1 * np.maximum(-x, 0).sum(),
        lambda x: -(x**4).sum(),
        lambda x: 1e200 * (x**2).sum(),
    ],
    ids=["abs", "max", "hinges", "no minimum", "huge"],
)
def test_no_run_ends_in_an_error_or_a_warning(f: Any, method: str) -> None:
    """And what is called a success is one: no method may stop above the least value by more."""
    found = optim.minimize(f, np.array([1.5, -0.3]), method=method, maxiter=100)
    assert found.message and found.nit <= 100
    assert found.fun <= f(np.array([1.5, -0.3]))
    if found.success:
        assert found.fun < 1e-9


@pytest.mark.parametrize("method", OF_LOSSES)
def test_a_variable_without_influence_stays(method: str) -> None:
    found = optim.minimize(
        lambda x: (x[0] - 1) ** 2 + 0 * x[1], np.array([3.0, 5.0]), method=method
    )
    assert found.success and found.x[1] == 5.0
    assert found.x[0] == pytest.approx(1, abs=1e-6)


def test_ctrl_c_gives_what_was_found() -> None:
    p = problems.named("rosenbrock")
    seen: list[Any] = []

    def stop(found: Any) -> None:
        seen.append(found.x)
        if len(seen) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        optim.minimize(p.loss, p.start, callback=stop)
    found = caught.value.result  # type: ignore[attr-defined]
    assert found.nit == 4 and not found.success and "Ctrl-C" in found.message
    np.testing.assert_array_equal(found.x, seen[-1])
    assert "error.result is the result of the 4 iterations" in caught.value.__notes__[0]


def test_limits_and_callbacks() -> None:
    p = problems.named("rosenbrock")
    found = optim.minimize(p.loss, p.start, method="bfgs", maxiter=3)
    assert not found.success and found.nit == 3 and "maxiter=3" in found.message
    seen: list[float] = []
    found = optim.minimize(p.loss, p.start, callback=lambda r: seen.append(r.fun) or len(seen) == 4)
    assert found.nit == 4 and not found.success and "callback" in found.message
    assert seen == [*found.history.loss[1:]]


def test_a_minimum_within_rounding_is_a_success() -> None:
    """The gradient cannot get below 1e-6 here: rounding of the loss is 1e-4, of its slope 1e-2."""
    f = lambda x: 1e12 + 1e6 * ((x - 1) ** 2).sum() * (1e6 + x.sum())
    found = optim.minimize(f, np.zeros(3), method="newton", tol=1e-9)
    assert found.success
    np.testing.assert_allclose(found.x, 1, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optim.minimize(smooth, np.ones(2), method="bgfs"), "method='bgfs' is not 'gr"),
        (lambda: optim.minimize(3, np.ones(2)), "f must be a function, got 3"),
        (lambda: optim.minimize(smooth, np.ones(2, int)), "x0 must hold real floating.*int64"),
        (lambda: optim.minimize(smooth, np.array([1.0, np.nan])), "x0 holds NaN"),
        (lambda: optim.minimize(smooth, np.full(2, 1e4)), "at x0 the loss is inf"),
        (lambda: optim.minimize(lambda x: x, np.ones(2)), "minimize: f must return a real scalar"),
        (lambda: optim.minimize(lambda x: None, np.ones(2)), "but returned nothing"),
        (lambda: optim.minimize(smooth, np.ma.array([1.0, 2.0])), "MaskedArray would lose"),
        (lambda: optim.minimize(smooth, np.ones(2), memory=3), "has no option 'memory'. It has ra"),
        (lambda: optim.minimize(smooth, np.ones(2), method="cg", beta="x"), "beta='x' is not"),
        (
            lambda: optim.minimize(smooth, np.ones(2), method="bfgs", c2=1.5),
            r"c2 must be in \(0, 1",
        ),
        (
            lambda: optim.minimize(smooth, np.ones(2), method="bfgs", line_search="armijo", c2=0.5),
            "no c2",
        ),
        (lambda: optim.minimize(smooth, np.ones(2), tol=-1.0), "tol must be at least 0"),
        (lambda: optim.minimize(lambda x, a: x.sum(), np.ones(2)), "was called with 1 argument"),
    ],
)
def test_errors_name_what_was_given(call: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_a_constant_has_its_minimum_everywhere() -> None:
    assert optim.minimize(lambda x: 3.0, np.ones(2)).nit == 0


def test_plot() -> None:
    pytest.importorskip("matplotlib")
    found = optim.minimize(smooth, np.ones(3), method="bfgs")
    axes = found.plot()
    labels = [line.get_label() for line in axes.get_lines()]
    assert labels == ["norm of the gradient", "loss above its least"]
    assert axes.get_yscale() == "log"
    with pytest.raises(TypeError, match="plot: ax must be axes"):
        found.plot(3)
    assert "iterations, loss" in repr(found.history)


# ---- standard problems --------------------------------------------------------------------------

FOUND_BY = {
    "newton": {"freudenstein_roth", "trigonometric"},
    "bfgs": {"freudenstein_roth", "biggs_exp6", "trigonometric", "broyden_banded"},
    "levenberg-marquardt": {"freudenstein_roth"},
}
"""Problems whose known minimum a method does not find from the standard start: it ends in another
local minimum, or says why it stopped."""


@pytest.mark.slow
@pytest.mark.parametrize("method", FOUND_BY)
@pytest.mark.parametrize("p", problems.more_garbow_hillstrom(), ids=lambda p: p.name)
def test_standard_problems(method: str, p: Any) -> None:
    of_residuals = METHODS[method].needs_residuals
    f = p.residuals if of_residuals else p.loss
    found = optim.minimize(f, p.start, method=method, tol=1e-8)
    value = found.fun * (2 if of_residuals else 1)
    assert p.is_minimum(value) == (p.name not in FOUND_BY[method]), found.message
    if found.success:  # nothing is called a minimum that is not: gradient and Hessian by NumPy
        gradient = tg.grad(p.loss)(found.x)
        H = tg.hessian(p.loss)(found.x)
        values = np.linalg.eigvalsh(H)
        assert values[0] >= -1e-7 * np.abs(values).max()
        newton = np.linalg.lstsq(H, gradient, rcond=1e-14)[0]
        assert gradient @ newton <= 1e-7 * max(abs(value), 1e-3)
