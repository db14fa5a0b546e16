"""``ode.solve``: values, orders of convergence, and derivatives against closed forms and SciPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg

import tinygrad_hess as tg
from tinygrad_hess.core.tape import Tape

close = np.testing.assert_allclose

A = np.array([[-0.3, 1.1, 0.2], [-0.9, -0.1, 0.4], [0.1, -0.5, -0.2]])
Y0 = np.array([1.0, -0.5, 0.3])
TIMES = np.array([0.0, 0.4, 1.1, 1.5])
WEIGHTS = np.cos(np.arange(12.0)).reshape(4, 3)
TIGHT: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-10}
WAYS: list[dict[str, Any]] = [
    TIGHT,
    {"method": "rk4", "steps": 40},
    {**TIGHT, "gradient": "continuous"},
    {"method": "rk4", "steps": 40, "gradient": "continuous"},
]


def linear(t: Any, y: Any, a: Any) -> Any:
    return a @ y


def closed(y0: Any, ts: Any, a: Any) -> Any:
    return np.stack([scipy.linalg.expm(a * (t - ts[0])) @ y0 for t in ts])


def loss(way: dict[str, Any]) -> Callable[..., Any]:
    return lambda y0, ts, a: (WEIGHTS * tg.ode.solve(linear, y0, ts, a, **way)).sum()


def gradients(y0: Any, ts: Any, a: Any) -> tuple[Any, Any, Any]:
    """Of the loss in closed form."""
    spans = ts - ts[0]
    of_y0 = sum(scipy.linalg.expm(a.T * s) @ w for s, w in zip(spans, WEIGHTS))
    of_ts = np.sum(WEIGHTS * (closed(y0, ts, a) @ a.T), 1)
    of_ts[0] = -of_ts[1:].sum()  # an autonomous system: shifting all times changes nothing
    of_a = np.zeros((3, 3))
    for i in np.ndindex(3, 3):
        e = np.zeros((3, 3))
        e[i] = 1.0
        slopes = [scipy.linalg.expm_frechet(a * s, e * s, compute_expm=False) for s in spans]
        of_a[i] = sum(w @ s @ y0 for w, s in zip(WEIGHTS, slopes))
    return of_y0, of_ts, of_a


# ---- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, -1])
def test_a_linear_system_is_an_exponential(order: int) -> None:
    ts = TIMES[::order]
    close(tg.ode.solve(linear, Y0, ts, A, **TIGHT), closed(Y0, ts, A), atol=1e-8)


def test_logistic_growth() -> None:
    ts = np.linspace(0.0, 8.0, 30)
    found = tg.ode.solve(lambda t, y, r: r * y * (1 - y), 0.1, ts, 1.3, **TIGHT)
    close(found, 1 / (1 + 9 * np.exp(-1.3 * ts)), atol=1e-8)


def test_the_equation_may_depend_on_time() -> None:
    ts = np.array([0.5, 1.0, 2.5])
    f = lambda t, y, w: np.cos(w * t) * y
    end = lambda ts, w: tg.ode.solve(f, 2.0, ts, w, **TIGHT)[-1]
    exact = lambda a, b, w: 2 * np.exp((np.sin(w * b) - np.sin(w * a)) / w)
    value = exact(0.5, 2.5, 3.0)
    close(end(ts, 3.0), value, rtol=1e-8)
    slopes = value * np.array([-np.cos(1.5), 0.0, np.cos(7.5)])
    close(tg.grad(end)(ts, 3.0), slopes, atol=1e-6)
    h = 1e-100  # the complex step
    of_w = exact(0.5, 2.5, 3.0 + 1j * h).imag / h
    close(tg.grad(end, 1)(ts, 3.0), of_w, rtol=1e-7)


def van_der_pol(t: Any, y: Any, mu: Any) -> Any:
    return np.stack([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])


def test_scipy_at_tight_tolerances() -> None:
    ts = np.linspace(0.0, 12.0, 40)
    reference = scipy.integrate.solve_ivp(
        van_der_pol, (0, 12), [2.0, 0.0], "DOP853", ts, args=(3.0,), rtol=1e-12, atol=1e-12
    )
    found = tg.ode.solve(van_der_pol, np.array([2.0, 0.0]), ts, 3.0, rtol=1e-10, atol=1e-10)
    close(found, reference.y.T, atol=2e-8)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-7, 1e-10])
def test_the_error_follows_the_tolerance(tolerance: float) -> None:
    ts = np.linspace(0.0, 10.0, 23)
    swing = lambda t, y: np.stack([y[1], -y[0]])
    found = tg.ode.solve(swing, np.array([0.0, 1.0]), ts, rtol=tolerance, atol=tolerance, full=True)
    error = np.abs(found.ys - np.stack([np.sin(ts), np.cos(ts)], 1)).max()
    assert tolerance / 100 < error < 10 * tolerance
    assert found.evaluations == 2 + 6 * (found.accepted + found.rejected)


def test_dopri5_takes_the_steps_of_its_kind() -> None:
    """SciPy's RK45 is the same pair of formulae, with another control."""
    ts = np.array([0.0, 20.0])
    options = {"rtol": 1e-8, "atol": 1e-8}
    start = np.array([2.0, 0.0])
    theirs = scipy.integrate.solve_ivp(van_der_pol, ts, start, args=(3.0,), **options)
    ours = tg.ode.solve(van_der_pol, start, ts, 3.0, full=True, **options)
    assert 0.7 < ours.accepted / (len(theirs.t) - 1) < 1.4
    assert ours.rejected > 0


def test_one_step_of_dopri5_is_scipys() -> None:
    """At its end and, by the interpolant, within: the same formulae, to rounding."""
    start, h = np.array([2.0, 0.0]), 0.1
    f = lambda t, y: van_der_pol(t, y, 3.0)
    solver = scipy.integrate.RK45(f, 0.0, start, h, first_step=h, rtol=0.1, atol=0.1)
    solver.step()
    ts = np.array([0.0, 0.025, 0.07, h])
    found = tg.ode.solve(f, start, ts, rtol=0.1, atol=0.1, full=True)
    assert found.accepted == 1
    close(found.ys, solver.dense_output()(ts).T, rtol=1e-13, atol=1e-14)


# ---- order of convergence -----------------------------------------------------------------------


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("rk4", 4)])
def test_order_of_given_steps(method: str, order: int) -> None:
    f = lambda t, y: np.stack([y[1] + np.sin(3 * t), -np.sin(y[0])])
    start, ts = np.array([0.4, 1.0]), np.array([0.0, 1.3])
    exact = scipy.integrate.solve_ivp(f, ts, start, "DOP853", rtol=1e-13, atol=1e-13).y[:, -1]
    counts = (40, 80)
    errors = [
        np.abs(tg.ode.solve(f, start, ts, method=method, steps=n)[-1] - exact).max() for n in counts
    ]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


def test_order_of_dopri5_and_of_its_interpolant() -> None:
    """One step from 0 to h: local errors of order 6 at its end, and 5 within."""
    errors = []
    for h in (0.4, 0.2):
        ts = np.array([0.0, 0.3 * h, h])
        found = tg.ode.solve(linear, Y0, ts, A, rtol=1.0, atol=1.0, full=True)
        assert found.accepted == 1
        errors.append(np.abs(found.ys - closed(Y0, ts, A)).max(1)[1:])
    inner, end = np.log2(np.divide(*errors))
    assert end == pytest.approx(6, abs=0.3)
    assert inner == pytest.approx(5, abs=0.3)


# ---- derivatives --------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_first_derivatives_in_everything(way: dict[str, Any]) -> None:
    tolerance = 1e-6
    expected = gradients(Y0, TIMES, A)
    found = tg.grad(loss(way), (0, 1, 2))(Y0, TIMES, A)
    for a, b in zip(found, expected):
        close(a, b, atol=tolerance)
    directions = (Y0[::-1].copy(), np.array([0.3, -0.2, 0.1, 0.5]), A.T.copy())
    _, tangent = tg.jvp(loss(way), (Y0, TIMES, A), directions)
    close(tangent, sum((a * b).sum() for a, b in zip(expected, directions)), atol=tolerance)


@pytest.mark.parametrize("way", WAYS[:3], ids=str)
def test_second_derivatives(way: dict[str, Any]) -> None:
    v = A.T.copy()
    f = lambda a: loss(way)(Y0, TIMES, a)
    h = 1e-5
    ends = [gradients(Y0, TIMES, A + s * h * v)[2] for s in (1, -1)]
    expected = (ends[0] - ends[1]) / (2 * h)
    close(tg.hvp(f, A, v), expected, atol=1e-6)
    if "gradient" not in way:  # the others are compiled for too long
        close(tg.grad(lambda a: (tg.grad(f)(a) * v).sum())(A), expected, atol=1e-6)
        close(np.tensordot(tg.hessian(f)(A), v, 2), expected, atol=1e-6)


def test_discrete_gradients_are_those_of_the_numbers() -> None:
    """At a loose tolerance, of which SciPy takes the same steps, by differences to rounding."""
    solved = tg.ode.solve(decay, 1.0, [0.0, 3.0], 0.7, rtol=1e-2, full=True)
    exact = -3 * np.exp(-2.1)
    found = tg.grad(lambda k: tg.ode.solve(decay, 1.0, [0.0, 3.0], k, rtol=1e-2)[-1])(0.7)

    def by_stability_function(k: Any) -> Any:
        """A step multiplies the solution of a decay by a polynomial, the formula's own."""
        y = 1.0
        for h in np.diff(steps_of(0.7)):
            z = -k * h
            y = y * (1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24 + z**5 / 120 + z**6 / 600)
        return y

    h = 1e-100  # the complex step
    close(solved.ys[-1], by_stability_function(0.7), rtol=1e-14)
    close(found, by_stability_function(0.7 + 1j * h).imag / h, rtol=1e-12)
    assert 1e-6 < abs(found - exact) < 1e-2


def decay(t: Any, y: Any, k: Any) -> Any:
    return -k * y


def steps_of(k: float) -> Any:
    """Where the steps of a decay at a loose tolerance begin and end, as one learns from outside."""
    return tg.ode.solve(decay, 1.0, [0.0, 3.0], k, rtol=1e-2, full=True).steps


def test_third_derivative_of_a_decay() -> None:
    end = lambda k: tg.ode.solve(lambda t, y: -k * y, 1.0, [0.0, 2.0], **TIGHT)[-1]
    close(tg.grad(tg.grad(tg.grad(end)))(0.5), -8 * np.exp(-1.0), rtol=1e-7)


def test_trees_and_what_is_closed_over() -> None:
    def f(t: Any, y: Any, p: Any) -> Any:
        return {"at": y["speed"], "speed": -p["stiffness"] * y["at"]}

    def end(p: Any, speed: Any) -> Any:
        y0 = {"at": 0.0, "speed": speed}
        return tg.ode.solve(f, y0, [0.0, 1.0, np.pi], p, **TIGHT)["at"][-1]

    found, of_speed = tg.grad(end, (0, 1))({"stiffness": 1.0}, 1.0)
    close(found["stiffness"], -np.pi / 2, rtol=1e-7)
    close(of_speed, 0.0, atol=1e-7)
    closed_over = lambda k: tg.ode.solve(lambda t, y: -k * y, 1.0, [0.0, 1.0], **TIGHT)[-1]
    close(tg.grad(closed_over)(2.0), -np.exp(-2.0), rtol=1e-7)


def test_complex_and_float32() -> None:
    ts = [0.0, 1.0, 2.0]
    turned = tg.ode.solve(lambda t, y, w: 1j * w * y, 1 + 0j, ts, 1.0, **TIGHT)
    close(turned, np.exp(1j * np.arange(3)), atol=1e-7)
    real = lambda w: tg.ode.solve(lambda t, y: 1j * w * y, 1 + 0j, ts, **TIGHT)[-1].real
    close(tg.grad(real)(1.0), -2 * np.sin(2.0), rtol=1e-7)
    for way in ({}, {"method": "rk4", "steps": 20}):
        single = tg.ode.solve(lambda t, y: np.sin(t) * y, np.ones(2, np.float32), ts, **way)
        assert single.dtype == np.float32
        close(single[:, 0], np.exp(1 - np.cos(ts)), rtol=1e-4)


# ---- with other transforms ----------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS[:2], ids=str)
@pytest.mark.parametrize("inside", [False, True])
def test_vmap(way: dict[str, Any], inside: bool) -> None:
    f = lambda a: loss(way)(Y0, TIMES, a)
    if inside:  # what f closes over is mapped, too
        f = lambda a: (WEIGHTS * tg.ode.solve(lambda t, y: a @ y, Y0, TIMES, **way)).sum()
    batch = np.stack([A, 0.5 * A, -A])
    expected = np.stack([gradients(Y0, TIMES, a)[2] for a in batch])
    close(tg.vmap(tg.grad(f))(batch), expected, atol=1e-6)
    total = lambda batch: tg.vmap(f)(batch).sum()
    close(tg.grad(total)(batch), expected, atol=1e-6)
    close(tg.jit(tg.grad(total))(batch), expected, atol=1e-6)


def test_examples_may_differ_in_time_with_given_steps() -> None:
    ends = np.array([[0.0, 1.0], [0.0, 2.0]])
    f = lambda ts: tg.ode.solve(lambda t, y: y, 1.0, ts, method="rk4", steps=40)[-1]
    close(tg.vmap(f)(ends), np.exp([1.0, 2.0]), rtol=1e-5)
    with pytest.raises(tg.NonDifferentiableError, match=r"solve.*same times"):
        tg.vmap(lambda ts: tg.ode.solve(lambda t, y: y, 1.0, ts))(ends)


@pytest.mark.parametrize("way", WAYS[:3], ids=str)
def test_a_replay_chooses_its_own_steps(way: dict[str, Any]) -> None:
    f = tg.jit(tg.grad(loss(way), (0, 1, 2)))
    for scale in (1.0, 0.3, 3.0):
        for a, b in zip(f(Y0, TIMES, scale * A), gradients(Y0, TIMES, scale * A)):
            close(a, b, rtol=2e-7, atol=2e-6 * max(1, scale**4))


def test_products_with_a_hessian_in_a_replay() -> None:
    f = lambda a: loss(TIGHT)(Y0, TIMES, a)
    v = A.T.copy()
    product = tg.jit(lambda a: tg.hvp(f, a, v))
    for a in (A, 0.5 * A):
        h = 1e-5
        ends = [gradients(Y0, TIMES, a + s * h * v)[2] for s in (1, -1)]
        close(product(a), (ends[0] - ends[1]) / (2 * h), atol=1e-6)


def test_inside_a_scan() -> None:
    """An equation with a jump of its rate at each whole time."""

    def end(rates: Any) -> Any:
        def interval(y: Any, rate: Any) -> tuple[Any, None]:
            return tg.ode.solve(lambda t, y: -rate * y, y, [0.0, 1.0], **TIGHT)[-1], None

        return tg.scan(interval, 1.0, rates)[0]

    rates = np.array([0.3, 1.0, 0.1])
    close(end(rates), np.exp(-1.4), rtol=1e-8)
    close(tg.grad(end)(rates), np.full(3, -np.exp(-1.4)), rtol=1e-7)


def test_fit() -> None:
    ts = np.linspace(0.0, 2.0, 9)
    data = 3.0 * np.exp(-0.8 * ts)

    def error(p: Any, batch: Any) -> Any:
        ts, y = batch
        return ((tg.ode.solve(lambda t, y: -p["rate"] * y, p["start"], ts) - y) ** 2).mean()

    start = {"rate": np.array(0.3), "start": np.array(2.0)}
    fitted = tg.optim.fit(error, start, [(ts, data)], tg.optim.Adam(lr=0.1), epochs=150)
    close([fitted.params["rate"], fitted.params["start"]], [0.8, 3.0], rtol=1e-2)


def test_one_body_on_the_tape() -> None:
    calls = []

    def f(t: Any, y: Any) -> Any:
        calls.append(1)
        return -y

    y0 = tg.tensor(1.0, requires_grad=True)
    out = tg.ode.solve(f, y0, np.linspace(0, 1, 200), method="rk4")
    assert len(calls) == 4
    assert len(Tape([out]).nodes) < 8
    calls.clear()
    tg.ode.solve(f, y0, [0.0, 50.0])
    assert len(calls) < 20


# ---- errors -------------------------------------------------------------------------------------

solve = tg.ode.solve


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: solve(None, 1.0, TIMES), TypeError, "f must be a function"),
        (lambda: solve(lambda y: y, 1.0, TIMES), TypeError, r"\(y\) was called with 2"),
        (lambda: solve(lambda t, y: y[:1], Y0, TIMES), ValueError, r"\(1,\) as dy/dt, .*\(3,\)"),
        (lambda: solve(lambda t, y: y["a"], {"a": Y0}, TIMES), TypeError, "structure of y0"),
        (lambda: solve(lambda t, y: {"a": y["a"][:1]}, {"a": Y0}, TIMES), ValueError, r"dy\['a'\]/dt"),
        (lambda: solve(lambda t, y: 1j * y, Y0, TIMES), tg.NonDifferentiableError, "complex y0"),
        (lambda: solve(linear, Y0, [0.0, 1.0, 1.0], A), ValueError, "1 and 1 at positions 1 and 2"),
        (lambda: solve(linear, Y0, [0.0, 1.0, 0.5], A), ValueError, "1 and 0.5"),
        (lambda: solve(linear, Y0, [0.0, np.nan], A), ValueError, "finite"),
        (lambda: solve(linear, Y0, 1.0, A), ValueError, "vector of times"),
        (lambda: solve(linear, "a", TIMES), TypeError, "y0 must be an array of numbers"),
        (lambda: solve(linear, (), TIMES), ValueError, "without arrays"),
        (lambda: solve(linear, Y0, TIMES, A, method="rk5"), ValueError, "'dopri5'"),
        (lambda: solve(linear, Y0, TIMES, A, gradient="exact"), ValueError, "'continuous'"),
        (lambda: solve(linear, Y0, TIMES, A, steps=3), ValueError, "steps= is for"),
        (lambda: solve(linear, Y0, TIMES, A, method="rk4", rtol=0.1), ValueError, "rtol is for"),
        (lambda: solve(linear, Y0, TIMES, A, method="rk4", steps=0), ValueError, "steps must be"),
        (lambda: solve(linear, Y0, TIMES, A, rtol=1e-18), ValueError, "rtol must be"),
        (lambda: solve(linear, Y0, TIMES, A, atol=-1), ValueError, "atol must be"),
        (lambda: solve(lambda t, y: y, np.nan, TIMES), ValueError, "y0 is not finite"),
        (lambda: solve(lambda t, y: np.log(y), -1.0, TIMES), ValueError, "f at t=0.* not finite"),
        (lambda: solve(lambda t, y: -1e3 * y, 1.0, [0.0, 9.0], max_steps=99), RuntimeError,
         r"max_steps=99 .* t is 0\.\d+ of 9, the next step 0\.00"),
        (lambda: solve(lambda t, y: y * y, 1.0, [0.0, 2.0]), RuntimeError, "at t=1 the step"),
        (lambda: solve(lambda t, y: y if y > 0 else -y, 1.0, TIMES), tg.TracingError, "once"),
        (lambda: tg.jit(lambda y: solve(lambda t, y: y, y, TIMES, full=True))(1.0),
         tg.TracingError, "full=True"),
        (lambda: tg.jit(lambda y: solve(lambda t, y: y * y, y, TIMES))(2.0), RuntimeError, "t=0.5"),
        (lambda: solve(lambda t, y: 1j * y, 1j, TIMES, gradient="continuous"), TypeError, "real"),
        (lambda: tg.grad(lambda k: solve(lambda t, y: k * y, k, TIMES, gradient="continuous")[-1])(2.0),
         tg.NonDifferentiableError, "captured"),
    ],
)  # fmt: skip
def test_errors(call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=f"(?s)solve.*{words}"):
        call()


def test_one_time_is_the_start() -> None:
    close(solve(linear, Y0, [0.5], A), Y0[None])
    full = solve(linear, Y0, [0.5], A, full=True)
    assert (full.accepted, full.evaluations) == (0, 0)
