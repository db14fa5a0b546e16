"""Differential equations and integrals against closed forms, SciPy, and differences of SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
from differencing import differences

import tinygrad_hess as tg
from tinygrad_hess.core.errors import NonDifferentiableError
from tinygrad_hess.scipy import integrate
from tinygrad_hess.scipy.integrate import systems

TIGHT: dict[str, Any] = {"rtol": 1e-11, "atol": 1e-11}
A = np.array([[-0.3, 1.1, 0.2], [-0.9, -0.1, 0.4], [0.1, -0.5, -0.2]])
Y0 = np.array([1.0, -0.5, 0.3])
TIMES = np.array([0.0, 0.4, 1.1, 1.5])


def linear(y: Any, t: Any, a: Any) -> Any:
    return a @ y


def lotka_volterra(t: Any, y: Any, rates: Any) -> Any:
    """In SciPy's style, a list of numbers."""
    prey, predator = y
    return [
        rates["birth"] * prey - rates["kill"] * prey * predator,
        rates["feed"] * prey * predator - rates["death"] * predator,
    ]


RATES = {"birth": 1.1, "kill": 0.4, "feed": 0.1, "death": np.float64(0.4)}
WEIGHTS = np.cos(np.arange(12.0)).reshape(4, 3)


@pytest.fixture(params=["sensitivities", "adjoint"])
def reverse(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """By which equation cotangents are found."""
    if request.param == "adjoint":
        monkeypatch.setattr(systems, "FEW", 0)
    return str(request.param)


def closed(y0: Any, t: Any, a: Any) -> Any:
    return np.stack([scipy.linalg.expm(a * (s - t[0])) @ y0 for s in t])


# ---- linear systems, whose solutions are exponentials -------------------------------------------


def test_odeint_gives_scipys_values() -> None:
    for tfirst in (False, True):
        f = (lambda t, y, a: a @ y) if tfirst else linear
        got, want = (
            g.odeint(f, Y0, TIMES, (A,), tfirst=tfirst) for g in (integrate, scipy.integrate)
        )
        np.testing.assert_array_equal(got, want)
    assert type(got) is np.ndarray


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.usefixtures("reverse")
def test_first_derivatives_in_everything(order: int) -> None:
    times = TIMES[::order]
    f = lambda y0, t, a: (WEIGHTS * integrate.odeint(linear, y0, t, (a,), **TIGHT)).sum()
    found = tg.grad(f, (0, 1, 2))(Y0, times, A)
    solved = closed(Y0, times, A)
    of_y0 = sum(
        scipy.linalg.expm(A.T * (s - times[0])) @ w for s, w in zip(times, WEIGHTS, strict=True)
    )
    np.testing.assert_allclose(found[0], of_y0, atol=1e-9)
    of_t = np.sum(WEIGHTS * (solved @ A.T), 1)
    of_t[0] = -of_t[1:].sum()  # an autonomous system: shifting all times changes nothing
    np.testing.assert_allclose(found[1], of_t, atol=1e-9)
    of_a = np.zeros((3, 3))
    for i in np.ndindex(3, 3):
        e = np.zeros((3, 3))
        e[i] = 1.0
        slopes = [
            scipy.linalg.expm_frechet(A * (s - times[0]), e * (s - times[0]), compute_expm=False)
            for s in times
        ]
        of_a[i] = sum(w @ s @ Y0 for w, s in zip(WEIGHTS, slopes, strict=True))
    np.testing.assert_allclose(found[2], of_a, atol=1e-9)
    directions = (Y0[::-1].copy(), np.array([0.3, -0.2, 0.1, 0.5]), A.T.copy())
    t = tg.jvp(f, (Y0, times, A), directions)[1]
    inner = sum(np.sum(c * d) for c, d in zip(found, directions, strict=True))
    np.testing.assert_allclose(t, inner, atol=1e-9)


@pytest.mark.usefixtures("reverse")
def test_second_derivatives_in_everything() -> None:
    """Against our own derivatives of the matrix exponential, which are tested by themselves."""

    def loss(solve: Any) -> Any:
        return lambda y0, t, a: (np.sin(solve(y0, t, a)) * WEIGHTS[:3]).sum()

    def exactly(y0: Any, t: Any, a: Any) -> Any:
        from tinygrad_hess.scipy.linalg import expm

        return np.stack([expm(a * (t[i] - t[0])) @ y0 for i in range(3)])

    ours = lambda y0, t, a: integrate.odeint(linear, y0, t, (a,), **TIGHT)
    x = (Y0, TIMES[:3], A)
    v = (np.array([0.5, 1.0, -1.0]), np.array([0.2, -0.3, 0.4]), np.sin(A + np.eye(3)))

    def reverse(f: Any) -> Any:
        return tg.grad(loss(f), (0, 1, 2))

    want = tg.jvp(reverse(exactly), x, v)[1]
    over_reverse = tg.jvp(reverse(ours), x, v)[1]
    reverse_twice = tg.grad(
        lambda *x: sum((c * d).sum() for c, d in zip(reverse(ours)(*x), v, strict=True)), (0, 1, 2)
    )(*x)
    over_forward = tg.grad(lambda *x: tg.jvp(loss(ours), x, v)[1], (0, 1, 2))(*x)
    forward_twice = tg.jvp(lambda *x: tg.jvp(loss(ours), x, v)[1], x, v)[1]
    for found in (over_reverse, reverse_twice, over_forward):
        for a, b in zip(found, want, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-8)
    quadratic = sum(np.sum(c * d) for c, d in zip(want, v, strict=True))
    np.testing.assert_allclose(forward_twice, quadratic, atol=1e-8)


def test_third_derivative_of_a_decay() -> None:
    f = lambda k: integrate.odeint(lambda y, t, k: -k * y, 2.0, [0.0, 1.5], (k,), **TIGHT)[-1, 0]
    third = tg.grad(tg.grad(tg.grad(f)))(0.7)
    np.testing.assert_allclose(third, -2 * 1.5**3 * np.exp(-0.7 * 1.5), rtol=1e-8)


# ---- solve_ivp ----------------------------------------------------------------------------------


METHODS = ["RK45", "LSODA"] + [
    pytest.param(m, marks=pytest.mark.slow) for m in ("RK23", "DOP853", "Radau", "BDF")
]


@pytest.mark.parametrize("method", METHODS)
def test_solve_ivp_gives_scipys_values_and_right_derivatives(method: str) -> None:
    """The tolerances of the derivatives are those of the values."""
    span, y0, t_eval = (0.0, 3.0), np.array([2.0, 1.0]), np.linspace(0.5, 2.5, 3)
    how = {"method": method, "rtol": 1e-6, "atol": 1e-8}
    got, want = (
        g.solve_ivp(lotka_volterra, span, y0, t_eval=t_eval, args=(RATES,), **how)
        for g in (integrate, scipy.integrate)
    )
    np.testing.assert_array_equal(got.y, want.y)
    np.testing.assert_array_equal(got.t, want.t)
    assert got.success and got.status == 0
    loss = lambda y0, rates: (
        integrate.solve_ivp(lotka_volterra, span, y0, t_eval=t_eval, args=(rates,), **how).y[0] ** 2
    ).sum()
    found = tg.grad(loss, (0, 1))(y0, RATES)
    assert list(found[1]) == list(RATES)
    names = list(RATES)

    def reference(y0: Any, rates: Any) -> Any:
        rates = dict(zip(names, rates, strict=True))
        solved = scipy.integrate.solve_ivp(
            lotka_volterra, span, y0, "DOP853", t_eval, args=(rates,), rtol=1e-12, atol=1e-12
        )
        return np.sum(solved.y[0] ** 2)

    values = np.array([float(r) for r in RATES.values()])
    for i in range(2):
        e = np.eye(2)[i] * 0.1
        want = differences(reference, (y0, values), (e, 0 * values)) * 10
        np.testing.assert_allclose(found[0][i], want, rtol=2e-4)
    for i, name in enumerate(names):
        e = np.eye(4)[i] * 0.1
        want = differences(reference, (y0, values), (0 * y0, e)) * 10
        np.testing.assert_allclose(found[1][name], want, rtol=2e-4)


def test_the_solvers_own_times() -> None:
    y0 = np.array([2.0, 1.0])
    got, want = (
        g.solve_ivp(lotka_volterra, (0, 3), y0, args=(RATES,)) for g in (integrate, scipy.integrate)
    )
    np.testing.assert_array_equal(got.t, want.t)
    np.testing.assert_allclose(got.y, want.y, rtol=1e-14)
    end = lambda span: integrate.solve_ivp(lambda t, y: -2 * y, span, [1.0], **TIGHT).y[0, -1]
    found = tg.grad(end)(np.array([0.0, 1.0]))
    np.testing.assert_allclose(found, np.array([2, -2]) * np.exp(-2), rtol=1e-8)


def test_a_time_dependent_right_hand_side() -> None:
    """y' = cos(ω t): y(T) = sin(ω T) / ω from 0."""

    def f(t: Any, y: Any, w: Any) -> Any:
        return np.cos(w * t) + 0 * y

    def end(times: Any, w: Any) -> Any:
        return integrate.solve_ivp(f, times, [0.0], args=(w,), method="DOP853", **TIGHT).y[0, -1]

    span, w = np.array([0.2, 2.0]), 1.3
    exact = lambda t, w: (np.sin(w * t[1]) - np.sin(w * t[0])) / w
    for derive in (tg.grad, lambda f, i: tg.jacobian(tg.grad(f, i), i)):
        for i in (0, 1):
            want = derive(exact, i)(span, w)
            np.testing.assert_allclose(derive(end, i)(span, w), want, atol=1e-8)


@pytest.mark.usefixtures("reverse")
def test_a_dissipative_equation_is_not_integrated_backward() -> None:
    """Backward in time its solutions grow by e^200, so that their errors would drown the rest."""
    f = lambda k: integrate.solve_ivp(
        lambda t, y, k: -k * (y - np.cos(t)), (0, 2), [0.0], "LSODA", [2.0], args=(k,), **TIGHT
    ).y[0, 0]
    k, step = 100.0, 1e-4
    exact = lambda k: (k * k * np.cos(2) + k * np.sin(2)) / (k * k + 1)  # e^-200 away
    want = (exact(k + step) - exact(k - step)) / (2 * step)
    np.testing.assert_allclose(tg.grad(f)(k), want, rtol=1e-5)


def test_the_adjoint_does_not_ask_for_times_outside() -> None:
    """The right-hand side of y' = √t has no value before 0."""
    seen = []

    def f(y: Any, t: Any, k: Any) -> Any:
        if not isinstance(t, tg.Tensor):
            seen.append(float(t))
        return k * np.sqrt(t) + 0 * y

    end = lambda k: integrate.odeint(f, [0.0], [0.0, 1.0, 2.0], (k,))[-1, 0]
    np.testing.assert_allclose(tg.grad(end)(3.0), 2 / 3 * 2**1.5, rtol=1e-6)
    assert min(seen) >= 0


@pytest.mark.usefixtures("reverse")
def test_repeated_times_and_one_time() -> None:
    times = np.array([0.0, 0.5, 0.5, 1.0])
    solve = lambda y0, t: integrate.odeint(lambda y, t: -y, y0, t, **TIGHT)
    y0, g = np.array([2.0]), np.array([[1.0], [10.0], [100.0], [1000.0]])
    of_y0, of_t = tg.vjp(solve, y0, times)[1](g)
    np.testing.assert_allclose(of_y0, [np.exp(-times) @ g[:, 0]], rtol=1e-9)
    slopes = -2 * np.exp(-times) * g[:, 0]
    np.testing.assert_allclose(of_t, [-slopes[1:].sum(), *slopes[1:]], rtol=1e-9)
    assert solve(y0, times[:1]).tolist() == [[2.0]]
    assert tg.grad(lambda y0: solve(y0, times[:1]).sum())(y0) == 1.0
    steps = lambda y0: integrate.solve_ivp(lambda t, y: -y, (1, 1), y0, t_eval=[1.0]).y
    np.testing.assert_array_equal(tg.jacobian(steps)(y0).ravel(), [1.0])


@pytest.mark.usefixtures("reverse")
def test_cotangents_of_any_size_are_as_accurate() -> None:
    """The absolute tolerance is relative to the largest cotangent or tangent."""
    solve = lambda k: integrate.odeint(lambda y, t, k: -k * y, 1.0, [0.0, 1.0], (k,))[-1, 0]
    _, pull = tg.vjp(solve, 1.0)
    for size in (1e-12, 1.0, 1e12):
        np.testing.assert_allclose(pull(size)[0], -size * np.exp(-1), rtol=1e-6)
        t = tg.jvp(solve, (1.0,), (size,))[1]
        np.testing.assert_allclose(t, -size * np.exp(-1), rtol=1e-6)
    assert pull(0.0)[0] == 0


# ---- with the other transforms ------------------------------------------------------------------


def energy(y0: Any, a: Any) -> Any:
    return (integrate.odeint(linear, y0, TIMES, (a,), **TIGHT) ** 2).sum()


DERIVED = {
    "value": lambda y0, a: [energy(y0, a)],
    "gradient": lambda y0, a: list(tg.grad(energy, (0, 1))(y0, a)),
    "hvp": lambda y0, a: [tg.hvp(energy, y0, Y0, a)],
}


@pytest.mark.parametrize("name", ["value", "gradient", pytest.param("hvp", marks=pytest.mark.slow)])
def test_a_batch_is_a_loop(name: str) -> None:
    f = DERIVED[name]
    y0s, many = np.stack([Y0, Y0 + 1]), np.stack([A, A.T])
    for axes in ((0, None), (None, 0), (0, 0)):
        given = [y0s if axes[0] == 0 else Y0, many if axes[1] == 0 else A]
        got = tg.vmap(f, axes)(*given)
        for i in range(2):
            one = f(*(x[i] if axis == 0 else x for x, axis in zip(given, axes, strict=True)))
            for p, q in zip(got, one, strict=True):
                np.testing.assert_allclose(p[i], q, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", DERIVED)
def test_a_replay_solves_anew(name: str) -> None:
    f = DERIVED[name]
    fast = tg.jit(f)
    for y0 in (Y0, 3 * Y0):
        for p, q in zip(fast(y0, A), f(y0, A), strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-8, atol=1e-9)


def test_a_replay_of_a_batch() -> None:
    many = np.stack([A, A.T])
    f = tg.vmap(tg.grad(energy, 1), (None, 0))
    np.testing.assert_allclose(tg.jit(f)(Y0, many), f(Y0, many), rtol=1e-8, atol=1e-9)


def test_a_neural_equation() -> None:
    """Weights as a dictionary, a batch of states as a matrix; against differences."""
    rng = np.random.default_rng(0)
    weights = {
        "w1": rng.normal(size=(2, 4)) / 2, "b1": np.zeros(4), "w2": rng.normal(size=(4, 2)) / 2
    }  # fmt: skip
    states = rng.normal(size=(3, 2))

    def net(y: Any, t: Any, w: Any) -> Any:
        return np.tanh(y @ w["w1"] + w["b1"]) @ w["w2"]

    def loss(w: Any) -> Any:
        return (integrate.odeint(net, states, [0.0, 0.4, 1.0], (w,), **TIGHT)[1:] ** 2).sum()

    v = {k: np.cos(np.arange(x.size)).reshape(x.shape) for k, x in weights.items()}
    along = lambda s: {k: x + s * v[k] for k, x in weights.items()}
    found = tg.grad(loss)(weights)
    slope = differences(lambda s: loss(along(s)), (np.float64(0.0),), (1.0,), step=1e-2)
    np.testing.assert_allclose(sum((found[k] * v[k]).sum() for k in v), slope, rtol=1e-7)
    product = tg.hvp(loss, weights, v)
    ends = [tg.grad(loss)(along(s)) for s in (1e-3, -1e-3)]
    for k in weights:
        np.testing.assert_allclose(
            product[k], (ends[0][k] - ends[1][k]) / 2e-3, rtol=1e-4, atol=1e-5
        )


def test_a_right_hand_side_may_look_at_values() -> None:
    """Such a one cannot be replayed; it is called as it is, in derivatives and under jit too."""

    def f(t: float, y: Any, k: Any) -> Any:
        return -k * y if t < 0.5 else [0.0 * y[0] + k]

    end = lambda k: integrate.solve_ivp(f, (0, 1), [1.0], args=(k,), max_step=0.05, **TIGHT).y[
        0, -1
    ]
    at = lambda k: integrate.solve_ivp(
        f, (0, 1), [1.0], t_eval=[0.5, 1.0], args=(k,), max_step=0.05, **TIGHT
    ).y[0, -1]
    want = -0.5 * np.exp(-0.35) + 0.5
    np.testing.assert_allclose(tg.grad(end)(0.7), want, atol=3e-2)
    np.testing.assert_allclose(tg.jit(tg.grad(at))(0.7), want, atol=3e-2)


@pytest.mark.parametrize(("times", "starts"), [(2, 2), (100, 2)])
def test_a_gradient_starts_the_solver_once_more(
    times: int, starts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, solver = [], scipy.integrate.odeint
    monkeypatch.setattr(
        scipy.integrate, "odeint", lambda *a, **k: calls.append(len(a[1])) or solver(*a, **k)
    )
    t = np.linspace(0.0, 2.0, times)
    f = lambda k: integrate.odeint(lambda y, t, k: -k * y, 1.0, t, (k,), **TIGHT).sum()
    np.testing.assert_allclose(tg.grad(f)(0.7), (-t * np.exp(-0.7 * t)).sum(), rtol=1e-8)
    assert calls == [1, 3] and len(calls) == starts  # y; then y and its derivatives by y0 and k


def test_shapes_and_types() -> None:
    state = np.arange(4.0, dtype=np.float32).reshape(2, 2)
    f = lambda y, t, k: -k * y
    out, pull = tg.vjp(lambda y, k: integrate.odeint(f, y, TIMES, (k,)), state, np.float32(0.5))
    assert out.shape == (4, 2, 2) and out.dtype == np.float32
    assert [c.dtype for c in pull(out)] == [np.float32, np.float32]
    np.testing.assert_allclose(out[-1], state * np.exp(-0.75), rtol=1e-6)
    flow = integrate.solve_ivp(lambda t, y: -y, (0, 1), state, t_eval=[0.5, 1.0])
    assert flow.y.shape == (2, 2, 2)
    tensors = integrate.odeint(f, tg.tensor([1.0, 2.0]), TIMES, (0.5,))
    assert isinstance(tensors, tg.Tensor)
    x = tg.tensor(2.0, requires_grad=True)
    integrate.odeint(f, [x, 1.0], [0.0, 1.0], (x / 4,))[-1, 0].backward()
    np.testing.assert_allclose(x.grad.item(), np.exp(-0.5) * (1 - 2 / 4), rtol=1e-6)
    assert integrate.odeint(lambda y, t, n: -y * n["times"], 1, [0, 1], ({"times": 2},)).shape == (
        2,
        1,
    )


def test_what_is_not_supported_is_refused_by_name() -> None:
    f = lambda y, t: -y
    w = tg.tensor(2.0, requires_grad=True)
    y0 = np.ones(1)
    for call, error, words in (
        (lambda: integrate.odeint(lambda y, t: -w * y, y0, [0, 1]), NonDifferentiableError, "in args"),
        (
            lambda: tg.grad(lambda k: integrate.odeint(lambda y, t: -k * y, y0, [0, 1]).sum())(1.0),
            NonDifferentiableError,
            "in args",
        ),
        (
            lambda: tg.vmap(lambda k: integrate.odeint(lambda y, t: -k * y, y0, [0, 1]))(np.ones(2)),
            NonDifferentiableError,
            "mapped by vmap",
        ),
        (lambda: integrate.odeint(f, y0, [0, 1], Dfun=f), TypeError, "Dfun is not supported"),
        (lambda: integrate.odeint(f, y0, [0, 2, 1]), ValueError, "in order"),
        (lambda: integrate.odeint(f, y0, [0, np.nan]), ValueError, "finite"),
        (lambda: integrate.odeint(f, y0, 1.0), ValueError, "vector of real times"),
        (lambda: integrate.odeint(f, np.ones(0), [0, 1]), ValueError, "empty"),
        (lambda: integrate.odeint(f, y0 + 1j, [0, 1]), NonDifferentiableError, "complex"),
        (lambda: integrate.odeint(f, y0, [0, 1], (1j * y0,)), NonDifferentiableError, "complex"),
        (lambda: integrate.odeint(lambda y, t: np.ones(2), y0, [0, 1]), ValueError, "1 elements"),
        (lambda: integrate.odeint(f, y0, [0, 1], atol=np.ones(2)), ValueError, "atol"),
        (lambda: integrate.odeint(f, y0, [0, 1e4], mxstep=3), RuntimeError, "could not be integrated"),
        (lambda: integrate.solve_ivp(f, (0, 1), y0, events=f), TypeError, "events is not"),
        (lambda: integrate.solve_ivp(f, (0, 1), y0, dense_output=True), TypeError, "t_eval"),
        (lambda: integrate.solve_ivp(f, (0, 1, 2), y0), ValueError, "t_span"),
        (lambda: integrate.solve_ivp(f, (0, 1), y0, t_eval=[2.0]), ValueError, "in order"),
        (
            lambda: integrate.solve_ivp(lambda t, y: y**2, (0, 2), y0),
            RuntimeError,
            "could not be integrated",
        ),
        (
            lambda: tg.jit(lambda y: integrate.solve_ivp(f, (0, 1), y).y)(y0),
            NonDifferentiableError,
            "t_eval",
        ),
    ):  # fmt: skip
        with np.errstate(all="ignore"), pytest.raises(error, match=words):
            call()


# ---- integrals of functions ---------------------------------------------------------------------


def test_quad_against_closed_forms() -> None:
    """∫ e^(-k x) from a to b and to infinity."""
    f = lambda a, b, k: integrate.quad(lambda x, k: np.exp(-k * x), a, b, (k,))[0]
    exact = lambda a, b, k: (np.exp(-k * a) - np.exp(-k * b)) / k
    for args in ((0.2, 1.5, 0.7), (1.5, 0.2, 0.7)):
        for i in range(3):
            np.testing.assert_allclose(tg.grad(f, i)(*args), tg.grad(exact, i)(*args), rtol=1e-9)
            for j in range(3):
                got, want = (tg.grad(tg.grad(g, i), j)(*args) for g in (f, exact))
                np.testing.assert_allclose(got, want, rtol=1e-8)
    tail = lambda a, k: f(a, np.inf, k)
    np.testing.assert_allclose(tg.grad(tail, (0, 1))(0.0, 2.0), [-1, -0.25], rtol=1e-8)
    np.testing.assert_allclose(tg.grad(tg.grad(tail, 1), 1)(0.0, 2.0), 0.25, rtol=1e-8)
    whole = lambda s: integrate.quad(lambda x, s: np.exp(-x * x / s), -np.inf, np.inf, (s,))[0]
    np.testing.assert_allclose(tg.grad(whole)(2.0), 0.5 * np.sqrt(np.pi / 2), rtol=1e-8)


def test_quad_gives_scipys_values() -> None:
    f = lambda x, k: np.sqrt(abs(x - k))
    for how in ({}, {"points": [0.3]}, {"epsabs": 1e-3, "epsrel": 1e-3, "limit": 10}):
        got, want = (g.quad(f, 0, 1, (0.3,), **how) for g in (integrate, scipy.integrate))
        assert got == want
    x = np.float32(0.5)
    assert integrate.quad(lambda t, k: k * t, 0, 1, (x,))[0].dtype == np.float32


def test_quad_of_vectors_vmap_and_jit() -> None:
    """∫ |w · (1, x, x²)|² = wᵀ H w with the Hilbert matrix H."""
    hilbert = scipy.linalg.hilbert(3)
    f = lambda w: integrate.quad(lambda x, w: (w[0] + w[1] * x + w[2] * x * x) ** 2, 0, 1, (w,))[0]
    w = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(tg.grad(f)(w), 2 * hilbert @ w, rtol=1e-9)
    np.testing.assert_allclose(tg.hessian(f)(w), 2 * hilbert, rtol=1e-9)
    np.testing.assert_allclose(tg.jit(tg.grad(f))(w), 2 * hilbert @ w, rtol=1e-9)
    ws = np.stack([w, 2 * w, w - 1])
    np.testing.assert_allclose(tg.vmap(tg.grad(f))(ws), 2 * ws @ hilbert, rtol=1e-9)
    np.testing.assert_allclose(tg.jvp(f, (w,), (w,))[1], 2 * w @ hilbert @ w, rtol=1e-9)


def test_quad_refuses() -> None:
    w = tg.tensor(2.0, requires_grad=True)
    for call, error, words in (
        (lambda: integrate.quad(lambda x: w * x, 0, 1), NonDifferentiableError, "in args"),
        (lambda: integrate.quad(lambda x: x, 0, 1, weight="cos"), TypeError, "weight"),
        (lambda: integrate.quad(lambda x: x, np.zeros(2), 1), ValueError, "limit"),
        (lambda: integrate.quad(lambda x: np.ones(2), 0, 1), ValueError, "1 elements"),
        (lambda: integrate.fixed_quad(np.sin, 0, np.inf), ValueError, "finite"),
    ):
        with pytest.raises(error, match=words):
            call()


def test_fixed_quad() -> None:
    f = lambda x, k: np.stack([np.sin(k * x), x**3])
    for n in (1, 5, 8):
        got, want = (g.fixed_quad(f, 0.2, 1.5, (0.7,), n)[0] for g in (integrate, scipy.integrate))
        np.testing.assert_allclose(got, want, rtol=1e-14)
    one = lambda a, b, k: integrate.fixed_quad(lambda x: np.sin(k * x), a, b, n=12)[0]
    exact = lambda a, b, k: (np.cos(k * a) - np.cos(k * b)) / k
    for i in range(3):
        want = tg.grad(exact, i)(0.2, 1.5, 0.7)
        np.testing.assert_allclose(tg.grad(one, i)(0.2, 1.5, 0.7), want, rtol=1e-11)


# ---- integrals of samples -----------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8])
@pytest.mark.parametrize("name", ["trapezoid", "simpson", "cumulative_trapezoid"])
def test_samples(name: str, n: int) -> None:
    f, theirs = getattr(integrate, name), getattr(scipy.integrate, name)
    rng = np.random.default_rng(n)
    y, x = rng.normal(size=(2, n, 3)), np.cumsum(rng.uniform(0.2, 1, n))
    full = np.broadcast_to(x[:, np.newaxis], y.shape) * np.array([1.0, 2.0, 3.0])
    for how in ({"dx": 0.7}, {"x": x}, {"x": full}):
        np.testing.assert_allclose(f(y, axis=1, **how), theirs(y, axis=1, **how), atol=1e-13)
    line = y[0, :, 0]
    np.testing.assert_allclose(f(line, x=x), theirs(line, x=x), atol=1e-13)
    total = lambda y, x: np.cos(np.arange(n)[-1]) * f(y, x=x).sum()
    directions = (rng.normal(size=n), 0.1 * rng.normal(size=n))
    want = differences(lambda y, x: theirs(y, x=x).sum(), (line, x), directions)
    got = tg.jvp(lambda y, x: f(y, x=x).sum(), (line, x), directions)[1]
    np.testing.assert_allclose(got, want, atol=1e-8)
    tg.check_grads(total, (line, x), order=2, rtol=1e-5, atol=1e-6)


def test_samples_at_one_place_and_wrong_ones() -> None:
    x = np.array([0.0, 1.0, 1.0, 2.0, 2.0])
    y = np.array([1.0, 2.0, 3.0, 5.0, 8.0])
    with np.errstate(all="ignore"):
        want = scipy.integrate.simpson(y, x=x)
    np.testing.assert_allclose(integrate.simpson(y, x=x), want)
    assert np.isfinite(tg.grad(lambda x: integrate.simpson(y, x=x))(x)).all()
    got = integrate.cumulative_trapezoid(y, x, initial=0)
    np.testing.assert_allclose(got, scipy.integrate.cumulative_trapezoid(y, x, initial=0))
    for call, words in (
        (lambda: integrate.simpson(2.0), "scalar"),
        (lambda: integrate.simpson(y, x=x[:3]), "3 points"),
        (lambda: integrate.simpson(np.ones((2, 2, 2)), x=np.ones((2, 2))), "must be a vector"),
        (lambda: integrate.cumulative_trapezoid(y, initial=1), "initial=1"),
        (lambda: integrate.cumulative_trapezoid(y[:0]), "no points"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
