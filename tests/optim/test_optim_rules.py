"""Every rule against its paper's recursion, written out in plain NumPy, over a hundred steps."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optree
import pytest

import tinygrad_hess as tg
from tinygrad_hess import optim

STEPS = 100
SHAPES = {"bias": (5,), "kernel": (3, 2, 2), "matrix": (4, 3), "scalar": ()}

Tree = dict[str, Any]
Rule = Callable[..., Iterator[Any]]


# ---- the recursions: coroutines that are sent a gradient (and more), and give the parameters ----


def adagrad(p: Any, lr: float, eps: float = 1e-10, initial: float = 0.0) -> Iterator[Any]:
    s = np.full_like(p, initial)
    while True:
        (g,) = yield p
        s = s + g**2
        p = p - lr * g / (np.sqrt(s) + eps)


def rmsprop(
    p: Any, lr: float, decay: float = 0.99, momentum: float = 0.0, centered: bool = False
) -> Iterator[Any]:
    s = m = v = 0 * p
    while True:
        (g,) = yield p
        s = decay * s + (1 - decay) * g**2
        m = decay * m + (1 - decay) * g
        v = momentum * v + g / (np.sqrt(s - m**2 if centered else s) + 1e-8)
        p = p - lr * v


def adadelta(p: Any, lr: float, rho: float, eps: float) -> Iterator[Any]:
    s = u = 0 * p
    while True:
        (g,) = yield p
        s = rho * s + (1 - rho) * g**2
        step = np.sqrt(u + eps) / np.sqrt(s + eps) * g
        u = rho * u + (1 - rho) * step**2
        p = p - lr * step


def nadam(
    p: Any, lr: float, b1: float = 0.9, b2: float = 0.999, psi: float = 4e-3
) -> Iterator[Any]:
    m = v = 0 * p
    mu = lambda t: b1 * (1 - 0.5 * 0.96 ** (t * psi))
    t, product = 0, 1.0
    while True:
        (g,) = yield p
        t, product = t + 1, product * mu(t + 1)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        ahead = mu(t + 1) * m / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product)
        p = p - lr * ahead / (np.sqrt(v / (1 - b2**t)) + 1e-8)


def lion(p: Any, lr: float, weight_decay: float = 0.0) -> Iterator[Any]:
    m = 0 * p
    while True:
        (g,) = yield p
        p = p - lr * (np.sign(0.9 * m + 0.1 * g) + weight_decay * p)
        m = 0.99 * m + 0.01 * g


def adam(p: Any, lr: float, b1: float, b2: float) -> Iterator[Any]:
    m = v = 0 * p
    t = 0
    while True:
        (g,) = yield p
        t += 1
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        p = p - lr * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + 1e-8)


def muon(p: Any, lr: float, momentum: float = 0.95, nesterov: bool = True) -> Iterator[Any]:
    if p.ndim < 2:
        yield from adam(p, 0.015 * lr, 0.9, 0.999)
    m = 0 * p
    while True:
        (g,) = yield p
        m = momentum * m + (1 - momentum) * g
        d = (1 - momentum) * g + momentum * m if nesterov else m
        X = d.reshape(len(d), -1)
        n, k = X.shape if p.ndim == 2 else X.shape[::-1]  # inputs, outputs
        X = X / np.linalg.norm(X)
        for _ in range(5):  # on singular values: the polynomial of the paper
            U, s, Vt = np.linalg.svd(X, full_matrices=False)
            X = U @ np.diag(3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5) @ Vt
        p = p - lr * max(1.0, k / n) ** 0.5 * X.reshape(p.shape)


def unfolded(g: Any, axis: int) -> Any:
    return np.moveaxis(g, axis, 0).reshape(g.shape[axis], -1)


def times(M: Any, g: Any, axis: int) -> Any:
    return np.moveaxis(np.apply_along_axis(lambda x: M @ x, axis, g), axis, axis)


def shampoo(
    p: Any, lr: float, eps: float = 1e-4, beta: float = 1.0, momentum: float = 0.0
) -> Iterator[Any]:
    shape = p.shape or (1,)
    H = [eps * np.eye(n) for n in shape]
    v = 0 * p
    while True:
        (g,) = yield p
        g = np.reshape(g, shape)
        direction = g
        for axis in range(len(shape)):
            G = unfolded(g, axis)
            H[axis] = beta * H[axis] + (1 if beta == 1 else 1 - beta) * G @ G.T
            U, s, _ = np.linalg.svd(H[axis])
            root = U @ np.diag(s ** (-1 / (2 * len(shape)))) @ U.T
            direction = times(root, direction, axis)
        v = momentum * v + direction.reshape(p.shape)
        p = p - lr * v


def soap(p: Any, lr: float, b1: float = 0.95, b2: float = 0.95, every: int = 10) -> Iterator[Any]:
    if p.ndim < 2:
        yield from adam(p, lr, b1, b2)
    axes = range(p.ndim)
    (g,) = yield p
    L = [0.05 * unfolded(g, a) @ unfolded(g, a).T for a in axes]
    Q = [np.linalg.eigh(M)[1][:, ::-1] for M in L]
    m = v = 0 * p
    n = 0
    while True:
        (g,) = yield p
        n += 1
        m = b1 * m + (1 - b1) * g
        rotated, step = g, m
        for a in axes:
            rotated, step = times(Q[a].T, rotated, a), times(Q[a].T, step, a)
        v = b2 * v + (1 - b2) * rotated**2
        step = step / (1 - b1**n) / (np.sqrt(v / (1 - b2**n)) + 1e-8)
        for a in axes:
            step = times(Q[a], step, a)
        p = p - lr * step
        L = [0.95 * M + 0.05 * unfolded(g, a) @ unfolded(g, a).T for a, M in enumerate(L)]
        if n % every == 0:
            Q = [np.linalg.qr(M @ q)[0] for M, q in zip(L, Q, strict=True)]


def adasecant(p: Any, lr: float, rho: float = 0.95, eps: float = 1e-7) -> Iterator[Any]:
    zero = 0 * p
    E = dict.fromkeys(("num", "den", "a", "aa", "d", "dd", "ad"), zero)
    mean, square, tilde, last, tau = zero, zero, zero, zero, 2.2 + zero
    t = 0
    while True:
        (g,) = yield p
        t += 1
        g = g / (np.sqrt((g**2).sum()) + eps)
        before, mean, square = mean, rho * mean + (1 - rho) * g, rho * square + (1 - rho) * g**2
        a = g - last
        seen = {"num": ((tilde - g) * (tilde - before)) ** 2,
                "den": ((tilde - before) * (g - before)) ** 2, "a": a, "aa": a**2}  # fmt: skip
        E |= {k: (1 - 1 / tau) * E[k] + x / tau for k, x in seen.items()}
        gamma = np.minimum(np.sqrt(E["num"]) / (np.sqrt(E["den"]) + eps), 1.8)
        tilde = (g + gamma * mean) / (1 + gamma)
        dd, d = (E["dd"], E["d"]) if t > 1 else (g**2, g)
        step = -(np.sqrt(dd + eps) / np.sqrt(E["aa"] + eps) - E["ad"] / (E["aa"] + eps)) * tilde
        seen = {"d": step, "dd": step**2, "ad": step * a}
        E |= {k: (1 - 1 / tau) * E[k] + x / tau for k, x in seen.items()}
        deviation = lambda m, s: np.sqrt(np.maximum(s - m**2, 0))
        far = (abs(g - mean) > 2 * deviation(mean, square)) | (
            abs(a - E["a"]) > 2 * deviation(E["a"], E["aa"])
        )
        tau = np.clip(np.where(far, 2.2, (1 - d**2 / (dd + eps)) * tau + 1), 1.5, 1e8)
        last, p = g, p + lr * step


def adahessian(p: Any, lr: float, power: float = 1.0) -> Iterator[Any]:
    m = v = 0 * p
    t = 0
    while True:
        g, d = yield p
        t += 1
        if p.ndim > 2:
            d = np.mean(abs(d), axis=tuple(range(2, p.ndim)), keepdims=True)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * d**2
        p = p - lr * m / (1 - 0.9**t) / ((v / (1 - 0.999**t)) ** (power / 2) + 1e-8)


def sophia(p: Any, lr: float, gamma: float, every: int, weight_decay: float) -> Iterator[Any]:
    m = h = 0 * p
    t = 0
    while True:
        g, d = yield p
        m = 0.96 * m + 0.04 * g
        if t % every == 0:
            h = 0.99 * h + 0.01 * d
        t += 1
        p = p - lr * weight_decay * p
        p = p - lr * np.clip(m / np.maximum(gamma * h, 1e-12), -1, 1)


def diagonal_newton(p: Any, lr: float, decay: float, damping: float) -> Iterator[Any]:
    h, t = 0 * p, 0
    while True:
        g, d = yield p
        h, t = decay * h + (1 - decay) * d, t + 1
        p = p - lr / (abs(h) / (1 - decay**t) + damping) * g


def vsgd(p: Any, slow_start: int, caution: float) -> Iterator[Any]:
    seen = []
    for _ in range(slow_start):
        seen.append((yield p))
    mean = np.mean([g for g, _ in seen], axis=0)
    v = caution * np.mean([g**2 for g, _ in seen], axis=0)
    h = caution * np.mean([abs(d) for _, d in seen], axis=0)
    tau = np.full_like(p, slow_start)
    while True:
        g, d = yield p
        mean = (1 - 1 / tau) * mean + g / tau
        v = (1 - 1 / tau) * v + g**2 / tau
        h = (1 - 1 / tau) * h + abs(d) / tau
        tau = (1 - mean**2 / v) * tau + 1
        p = p - mean**2 / (h * v + 1e-12) * g


BY_GRADIENT: list[tuple[Any, Any, dict[str, Any]]] = [
    (optim.AdaGrad, adagrad, {"lr": 0.1}),
    (optim.AdaGrad, adagrad, {"lr": 0.1, "initial": 0.3, "eps": 0.1}),
    (optim.RMSProp, rmsprop, {"lr": 0.01}),
    (optim.RMSProp, rmsprop, {"lr": 0.01, "decay": 0.9, "momentum": 0.8, "centered": True}),
    (optim.Adadelta, adadelta, {"lr": 0.9, "rho": 0.8, "eps": 1e-3}),
    (optim.NAdam, nadam, {"lr": 0.01}),
    (optim.Lion, lion, {"lr": 0.01, "weight_decay": 0.1}),
    (optim.Muon, muon, {"lr": 0.1}),
    (optim.Muon, muon, {"lr": 0.1, "momentum": 0.5, "nesterov": False}),
    (optim.Shampoo, shampoo, {"lr": 0.1}),
    (optim.Shampoo, shampoo, {"lr": 0.1, "beta": 0.9, "momentum": 0.5, "eps": 1e-2}),
    (optim.SOAP, soap, {"lr": 0.01}),
    (optim.SOAP, soap, {"lr": 0.01, "every": 3}),
    (optim.AdaSecant, adasecant, {"lr": 0.1}),
]
BY_DIAGONAL: list[tuple[Any, Any, dict[str, Any]]] = [
    (optim.AdaHessian, adahessian, {"lr": 0.01}),
    (optim.AdaHessian, adahessian, {"lr": 0.01, "power": 0.5}),
    (optim.Sophia, sophia, {"lr": 0.01, "gamma": 0.5, "every": 7, "weight_decay": 0.1}),
    (optim.DiagonalNewton, diagonal_newton, {"lr": 0.02, "decay": 0.9, "damping": 0.3}),
    (optim.VSGD, vsgd, {"slow_start": 5, "caution": 2.0}),
]
IDS = lambda case: case.__name__ if isinstance(case, type) else ""


def start() -> Tree:
    rng = np.random.default_rng(1)
    return {k: np.asarray(rng.normal(size=shape)) for k, shape in SHAPES.items()}


def trajectories(formula: Rule, params: Tree, settings: dict[str, Any]) -> dict[str, Any]:
    runs = {k: formula(p, **settings) for k, p in params.items()}
    for run in runs.values():
        next(run)
    return runs


def close(found: Tree, expected: Tree) -> None:
    for k in SHAPES:
        np.testing.assert_allclose(found[k], expected[k], rtol=1e-10, atol=1e-10, err_msg=k)


# ---- rules of the gradient ----------------------------------------------------------------------


@pytest.mark.parametrize(("make", "formula", "settings"), BY_GRADIENT, ids=IDS)
def test_rules_of_the_gradient_follow_their_papers(
    make: Any, formula: Rule, settings: dict[str, Any]
) -> None:
    rng, params = np.random.default_rng(2), start()
    runs = trajectories(formula, params, settings)
    opt = make(**settings)
    state = opt.init(params)
    tensors = {k: tg.tensor(p, requires_grad=True) for k, p in params.items()}
    bound = make(list(tensors.values()), **settings)
    for _ in range(STEPS):
        grads = {k: np.asarray(rng.normal(size=shape)) + 0.3 for k, shape in SHAPES.items()}
        expected = {k: run.send((grads[k],)) for k, run in runs.items()}
        params, state = opt.update(params, grads, state)
        for k, tensor in tensors.items():
            tensor.grad = tg.tensor(grads[k])
        bound.step()
    close(params, expected)
    close({k: tensor.numpy() for k, tensor in tensors.items()}, expected)
    assert state.step == STEPS


# ---- rules that observe the loss: a quartic whose gradient and Hessian are known by hand --------

WEIGHTS = {k: np.random.default_rng(3).normal(size=shape) for k, shape in SHAPES.items()}


def quartic(params: Tree, level: Any) -> Any:
    """½ (Σ w·p - level)² + Σ (p⁴ / 4 + p²): coupled, not quadratic, and convex."""
    total = sum((WEIGHTS[k] * params[k]).sum() for k in SHAPES) - level
    return total**2 / 2 + sum((params[k] ** 4 / 4 + params[k] ** 2).sum() for k in SHAPES)


def gradient(params: Tree, level: float) -> Tree:
    total = sum((WEIGHTS[k] * params[k]).sum() for k in SHAPES) - level
    return {k: total * WEIGHTS[k] + params[k] ** 3 + 2 * params[k] for k in SHAPES}


def product(params: Tree, v: Tree) -> Tree:
    along = sum((WEIGHTS[k] * v[k]).sum() for k in SHAPES)
    return {k: along * WEIGHTS[k] + (3 * params[k] ** 2 + 2) * v[k] for k in SHAPES}


def signs(seed: int, step: int) -> Tree:
    rng = np.random.default_rng((seed, step))
    return {k: 2.0 * rng.integers(0, 2, shape) - 1 for k, shape in SHAPES.items()}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(("make", "formula", "settings"), BY_DIAGONAL, ids=IDS)
def test_rules_of_the_diagonal_follow_their_papers(
    make: Any, formula: Rule, settings: dict[str, Any], jit: bool
) -> None:
    steps = STEPS if jit else 15
    params, levels = start(), np.random.default_rng(4).normal(size=steps)
    expected, runs = start(), trajectories(formula, start(), settings)
    opt = make(**settings, seed=7)
    step, state = opt.stepper(quartic, jit=jit), opt.init(params)
    for t, level in enumerate(levels):
        z = signs(7, t)
        g, Hz = gradient(expected, level), product(expected, z)
        expected = {k: run.send((g[k], z[k] * Hz[k])) for k, run in runs.items()}
        _, params, state = step(params, state, level)
    close(params, expected)


@pytest.mark.parametrize(("make", "formula", "settings"), BY_DIAGONAL, ids=IDS)
def test_rules_of_the_diagonal_take_another_one_and_run_on_tensors(
    make: Any, formula: Rule, settings: dict[str, Any]
) -> None:
    params = start()
    runs = trajectories(formula, params, settings)
    opt = make(**settings)
    state = opt.init(params)
    diagonal = {k: np.full(shape, 20.0) for k, shape in SHAPES.items()}
    for t in range(20):
        g = gradient(params, 1.0)
        given = [diagonal] if t % settings.get("every", 1) == 0 else []
        expected = {k: run.send((g[k], diagonal[k])) for k, run in runs.items()}
        params, state = opt.update(params, g, state, *given)
    close(params, expected)
    with pytest.raises((TypeError, ValueError), match=r"opt\.(update|step)\("):
        make([tg.tensor(np.ones(2), requires_grad=True)], **settings).step()

    tensors = [tg.tensor(p, requires_grad=True) for p in start().values()]
    bound = make(tensors, **settings, seed=7)
    functional = make(**settings, seed=7)
    of_list = lambda leaves, level: quartic(dict(zip(SHAPES, leaves, strict=True)), level)
    arrays = list(start().values())
    step, state = functional.stepper(of_list), functional.init(arrays)
    for level in np.linspace(-1, 1, 12):
        assert bound.step(of_list, level) == pytest.approx(float(step(arrays, state, level)[0]))
        _, arrays, state = step(arrays, state, level)
    for tensor, array in zip(tensors, arrays, strict=True):
        np.testing.assert_allclose(tensor.numpy(), array, rtol=1e-12)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_steps_by_the_gradient_uphill(adaptive: bool, jit: bool) -> None:
    make: Any = optim.ASAM if adaptive else optim.SAM
    opt = make(optim.SGD(lr=0.02, momentum=0.5, weight_decay=0.1), rho=0.3)
    params, expected = start(), start()
    step, state = opt.stepper(quartic, jit=jit), opt.init(params)
    velocity = dict.fromkeys(SHAPES, 0.0)
    for level in np.random.default_rng(5).normal(size=STEPS if jit else 15):
        T = {k: abs(p) + 0.01 if adaptive else 1 + 0 * p for k, p in expected.items()}
        g = gradient(expected, level)
        norm = np.sqrt(sum((T[k] ** 2 * g[k] ** 2).sum() for k in SHAPES))
        uphill = {k: p + 0.3 * T[k] ** 2 * g[k] / norm for k, p in expected.items()}
        g = gradient(uphill, level)
        velocity = {k: 0.5 * velocity[k] + g[k] + 0.1 * expected[k] for k in SHAPES}
        expected = {k: p - 0.02 * velocity[k] for k, p in expected.items()}
        _, params, state = step(params, state, level)
    close(params, expected)


IN_OTHER_FILES = {
    "SGD": "test_optim.py", "Adam": "test_optim.py", "AdamW": "test_optim.py",
    "NaturalGradient": "test_optim_curvature.py", "KFAC": "test_optim_curvature.py",
    "HessianFree": "test_optim_curvature.py",
}  # fmt: skip
"""Where the rules are compared with a formula that are not here."""


def test_every_rule_is_compared_with_a_formula() -> None:
    here = {case[0].__name__ for case in (*BY_GRADIENT, *BY_DIAGONAL)} | {"SAM", "ASAM"}
    kinds = {name: getattr(optim, name) for name in dir(optim)}
    rules = {k for k, v in kinds.items() if isinstance(v, type) and issubclass(v, optim.Optimizer)}
    assert rules - {"Optimizer"} == here | IN_OTHER_FILES.keys()
    for name, file in IN_OTHER_FILES.items():
        assert f"optim.{name}" in (Path(__file__).parent / file).read_text(encoding="utf-8")


# ---- what holds for all -------------------------------------------------------------------------

EVERY: list[Callable[..., Any]] = [
    lambda **k: optim.SGD(momentum=0.9, **k), optim.Adam, optim.AdamW,
    *(lambda make=make, **k: make(**k)
      for make in dict.fromkeys(c[0] for c in (*BY_GRADIENT, *BY_DIAGONAL))),
    lambda **k: optim.SAM(optim.Adam(**k)), lambda **k: optim.ASAM(optim.SGD(**k)),
]  # fmt: skip
NAMES = [repr(make()).split("(", 1)[0] for make in EVERY]


@pytest.mark.parametrize("make", EVERY, ids=NAMES)
def test_fit_a_written_loop_and_single_precision(make: Callable[..., Any]) -> None:
    batches = [np.float64(level) for level in np.random.default_rng(6).normal(size=4)]
    opt = make()
    fitted = optim.fit(quartic, start(), batches, opt)
    plainly = optim.fit(quartic, start(), batches, opt, jit=False)
    close(fitted.params, plainly.params)
    assert fitted.losses.shape == (4,) and fitted.state.step == 4
    single = optree.tree_map(np.float32, start())
    step, state = opt.stepper(quartic, jit=False), opt.init(single)
    kept = optree.tree_map(np.copy, single)
    _, moved, after = step(single, state, np.float32(1.0))
    assert {np.asarray(x).dtype for x in optree.tree_leaves((moved, after.slots))} == {
        np.dtype(np.float32)
    }
    for a, b in zip(optree.tree_leaves(single), optree.tree_leaves(kept), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("make", EVERY, ids=NAMES)
def test_states_are_resumed(make: Callable[..., Any]) -> None:
    """Six steps, and three with three after them from the state alone."""
    run = lambda params, **more: optim.fit(
        quartic, params, np.float64(0.5), make(), jit=False, **more
    )
    whole, half = run(start(), epochs=6), run(start(), epochs=3)
    rest = run(half.params, epochs=3, state=half.state)
    close(rest.params, whole.params)


@pytest.mark.parametrize("make", EVERY, ids=NAMES)
def test_leaves_that_a_group_holds_still_stay(make: Callable[..., Any]) -> None:
    groups = {"mat": {"lr": 0.0}, "bias|kernel": {"weight_decay": 0.5}}
    opt = make(groups=groups)
    found = optim.fit(quartic, start(), np.float64(0.5), opt, epochs=14, jit=False).params
    np.testing.assert_array_equal(found["matrix"], start()["matrix"])
    assert all((np.asarray(found[k]) != start()[k]).any() for k in ("bias", "kernel", "scalar"))


@pytest.mark.parametrize("make", EVERY, ids=NAMES)
def test_updates_inside_vmap_say_what_to_write_and_that_works(make: Callable[..., Any]) -> None:
    rng, opt = np.random.default_rng(8), make()
    p, g, d = rng.normal(size=(3, 2, 4, 3))  # two examples
    more = [abs(d)] if "diagonal" in opt.observes else []

    def updated(p: Any, g: Any, *more: Any) -> Any:
        state = opt.init(p)
        for _ in range(3):
            p, state = opt.update(p, g, state, *more)
        return p

    advice = "leading axis" if opt.elementwise else "in a loop"
    for mapped in (tg.vmap(updated), tg.jit(tg.vmap(updated))):
        with pytest.raises(tg.NonDifferentiableError, match=f"updates are not mapped.*{advice}"):
            mapped(p, g, *more)
    if opt.elementwise:
        one_by_one = [updated(p[i], g[i], *[d[i] for d in more]) for i in range(2)]
        np.testing.assert_allclose(updated(p, g, *more), one_by_one, rtol=1e-12)


# ---- groups and clipping ------------------------------------------------------------------------


def test_groups_override_rate_and_decay_by_name() -> None:
    groups = {"bias$": {"weight_decay": 0.0}, r"layers\[0\]": {"lr": lambda t: 0.1 * (t + 1)}}
    model = {"layers": [{"w": np.ones(2), "bias": np.ones(2)}, {"w": np.ones(2)}]}
    grads = optree.tree_map(np.zeros_like, model)
    opt = optim.SGD(lr=0.5, weight_decay=1.0, groups=groups)
    params, state = opt.update(model, grads, opt.init(model))
    params, state = opt.update(params, grads, state)
    expected = {"bias": 1.0, "w": 0.9 * 0.8}  # the first pattern that matches decides
    for name, value in expected.items():
        np.testing.assert_allclose(params["layers"][0][name], value)
    np.testing.assert_allclose(params["layers"][1]["w"], 0.25)


def test_groups_of_a_module_define_by_run_and_in_jit() -> None:
    groups = {"bias": {"lr": 0.0}}
    x, y = np.ones((3, 2)), np.zeros((3, 1))
    loss = lambda model, x, y: ((model(x) - y) ** 2).mean()
    model = tg.nn.MLP([2, 3, 1], seed=0)
    arrays = model.arrays()
    bound = optim.Adam(model, lr=0.1, groups=groups)
    opt = optim.Adam(lr=0.1, groups=groups)
    step, state = opt.stepper(loss), opt.init(arrays)
    for _ in range(3):
        loss(model, x, y).backward()
        bound.step()
        bound.zero_grad()
        _, arrays, state = step(arrays, state, x, y)
    for p, q in zip(optree.tree_leaves(model), optree.tree_leaves(arrays), strict=True):
        np.testing.assert_allclose(p.numpy(), q, rtol=1e-12)
    first = tg.nn.MLP([2, 3, 1], seed=0).layers[0]
    np.testing.assert_array_equal(model.layers[0].bias.numpy(), first.bias)
    assert (model.layers[0].weight.numpy() != first.weight).all()


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"w": {"momentum": 0.5}}, "is not 'lr' or 'weight_decay'"),
        ({"(": {"lr": 0.5}}, "is no pattern"),
        ({"w": {"lr": -1.0}}, r"groups\['w'\]: lr must be at least 0"),
        ([("w", {})], "groups must be a mapping"),
        ({"w": 0.5}, "must be a mapping"),
    ],
)
def test_wrong_groups_are_refused(groups: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        optim.SGD(groups=groups)


def test_a_pattern_that_matches_nothing_is_an_error() -> None:
    opt = optim.SGD(groups={"bais": {"lr": 0.0}})
    params = {"bias": np.ones(2)}
    with pytest.raises(ValueError, match=r"no parameter matches 'bais'; there are bias"):
        opt.update(params, params, opt.init(params))


def test_gradients_are_clipped_together() -> None:
    params = {"a": np.zeros(1), "b": np.zeros(1)}
    grads = {"a": np.array([3.0]), "b": np.array([4.0])}
    opt = optim.SGD(lr=1.0, max_norm=1.0)
    found, _ = opt.update(params, grads, opt.init(params))
    np.testing.assert_allclose([found["a"][0], found["b"][0]], [-0.6, -0.8])
    tensors = [tg.tensor([0.0], requires_grad=True) for _ in range(2)]
    bound = optim.SGD(tensors, lr=1.0, max_norm=1.0)
    for tensor, g in zip(tensors, grads.values(), strict=True):
        tensor.grad = tg.tensor(g)
    bound.step()
    np.testing.assert_allclose([t.numpy()[0] for t in tensors], [-0.6, -0.8])
    jitted = opt.stepper(lambda p: 3 * p["a"].sum() + 4 * p["b"].sum())
    np.testing.assert_allclose(jitted(params, opt.init(params))[1]["b"], -0.8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.SAM(0.1), "optimizer must be an optimiser"),
        (lambda: optim.SAM(optim.Sophia()), "gradients alone, got Sophia"),
        (lambda: optim.ASAM(optim.SGD(), rho=-1), "rho must be at least 0"),
        (lambda: optim.RMSProp(decay=1.0), r"decay must be in \[0, 1\)"),
        (lambda: optim.Muon(iterations=0), "iterations must be an integer of at least 1"),
        (lambda: optim.SOAP(every=0), "every must be an integer of at least 1"),
        (lambda: optim.VSGD(slow_start=0), "slow_start must be an integer of at least 1"),
        (lambda: optim.Sophia(gamma=0), "gamma must be positive"),
        (lambda: optim.SGD(max_norm=0), "max_norm must be positive"),
        (lambda: optim.AdaHessian(seed=-1), "seed must be an integer of at least 0"),
    ],
)
def test_settings_are_checked(make: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        make()


@pytest.mark.parametrize("make", EVERY, ids=NAMES)
def test_optimisers_are_copied_with_their_settings(make: Callable[..., Any]) -> None:
    opt = make(groups={"bias": {"lr": 0.0}}, max_norm=1.0)
    optim.fit(quartic, start(), np.float64(0.5), opt, jit=False)
    other = pickle.loads(pickle.dumps(opt))
    assert repr(other) == repr(opt)
    for one in (opt, other):
        found = optim.fit(quartic, start(), np.float64(0.5), one, epochs=2, jit=False).params
        np.testing.assert_array_equal(found["bias"], start()["bias"])


def test_a_step_can_be_part_of_a_jitted_function() -> None:
    opt = optim.SAM(optim.Adam(lr=0.1), rho=0.1)
    step = opt.stepper(quartic, jit=False)

    @tg.jit
    def twice(params: Tree, state: Any, level: Any) -> Any:
        return step(*step(params, state, level)[1:], level)

    params = start()
    state = opt.init(params)
    for _ in range(3):
        expected = step(*step(params, state, 0.5)[1:], 0.5)
        value, params, state = twice(params, state, 0.5)
        np.testing.assert_allclose(value, expected[0], rtol=1e-12)
        close(params, expected[1])


def test_frozen_arrays_are_left_alone() -> None:
    model = tg.nn.MLP([3, 4, 2], seed=0)
    tg.nn.freeze(model, "layers[0]")
    x, y = np.ones((5, 3)), np.zeros((5, 2))
    loss = lambda model, batch: ((model(batch[0]) - batch[1]) ** 2).mean()
    for opt in (optim.AdamW(lr=0.1, weight_decay=1.0), optim.SOAP(), optim.AdaHessian()):
        found = optim.fit(loss, model, (x, y), opt, epochs=3).params
        for name in ("weight", "bias"):
            before, after = (np.asarray(m.layers[0].__dict__[name]) for m in (model, found))
            np.testing.assert_array_equal(before, after)
        assert (np.asarray(found.layers[1].weight) != np.asarray(model.layers[1].weight)).any()
