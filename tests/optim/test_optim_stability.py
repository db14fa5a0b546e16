"""What optimisers tell of themselves, and what the monitor makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn, optim
from tinygrad_hess.curvature import Monitor, contraction, stability_threshold
from tinygrad_hess.curvature.training.preconditioners import preconditioner

SCALE = np.array([4.0, 1.0, 0.25])


def quadratic(w: Any, batch: Any = None) -> Any:
    return (SCALE * w**2).sum() / 2


def trained(opt: Any, steps: int = 5) -> tuple[Any, Any, list[Any]]:
    """A point after some steps, the state there, and the gradients on the way."""
    w, step = np.array([1.0, -1.0, 2.0]), opt.stepper(lambda w: quadratic(w))
    state, seen = opt.init(w), []
    for _ in range(steps):
        seen.append(SCALE * w)
        _, w, state = step(w, state)
    return w, state, seen


def mean_square(seen: Any, decay: float) -> Any:
    total = np.zeros(3)
    for g in seen:
        total = decay * total + (1 - decay) * g**2
    return total


DIAGONALS: list[tuple[Any, tuple[str, float], Callable[[Any], Any]]] = [
    (optim.AdaGrad(lr=0.1), ("sgd", 0), lambda s: np.sqrt(np.sum(np.square(s), 0)) + 1e-10),
    (optim.RMSProp(lr=0.1), ("sgd", 0), lambda s: np.sqrt(mean_square(s, 0.99)) + 1e-8),
    (optim.RMSProp(lr=0.01, momentum=0.9), ("momentum", 0.9),
     lambda s: np.sqrt(mean_square(s, 0.99)) + 1e-8),
    (optim.Adam(lr=0.1), ("adam", 0.9),
     lambda s: (1 - 0.9**5) * (np.sqrt(mean_square(s, 0.999) / (1 - 0.999**5)) + 1e-8)),
    # z ⊙ H z is the diagonal itself here
    (optim.AdaHessian(lr=0.1), ("adam", 0.9), lambda s: (1 - 0.9**5) * (SCALE + 1e-8)),
    (optim.DiagonalNewton(lr=0.1, damping=0.2), ("sgd", 0), lambda s: SCALE + 0.2),
]  # fmt: skip


@pytest.mark.parametrize(("opt", "dynamics", "diagonal"), DIAGONALS, ids=lambda x: repr(x)[:12])
def test_preconditioners_and_thresholds_of_what_divides_by_a_diagonal(
    opt: Any, dynamics: tuple[str, float], diagonal: Callable[[Any], Any]
) -> None:
    w, state, seen = trained(opt)
    D = diagonal(seen)
    found = preconditioner(opt, w, state)
    np.testing.assert_allclose(found, D, rtol=1e-10)
    assert tuple(opt.dynamics) == dynamics
    monitor = Monitor(quadratic, optimizer=opt, k=3, dtype=None, rtol=1e-8,
                      quantities=("top_eigenvalues",))  # fmt: skip
    record = monitor.measure(5, w, state=state)
    np.testing.assert_allclose(
        record["top_eigenvalues"]["values"], np.sort(SCALE / D)[::-1], rtol=1e-6
    )
    assert record["threshold"] == pytest.approx(stability_threshold(opt.rate(5), *dynamics))
    before = monitor.measure(0, w, state=opt.init(w))
    assert before["threshold"] is None and "not known yet" in before["unknown_threshold"]


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("method", ["adam", "nadam"])
def test_thresholds_are_where_the_recursion_turns_unstable(method: str, beta: float) -> None:
    """m' = βm + (1 - β)λx; x' = x - η m', or for NAdam x - η (β m' + (1 - β) λ x)."""
    eta, edge = 0.3, stability_threshold(0.3, method, beta)
    for factor, stable in ((0.999, True), (1.001, False)):
        lam = factor * edge
        m = np.array([(1 - beta) * lam, beta])  # m' from x and m
        ahead = m if method == "adam" else beta * m + np.array([(1 - beta) * lam, 0])
        step = np.array([np.array([1.0, 0.0]) - eta * ahead, m])
        assert (abs(np.linalg.eigvals(step)).max() < 1) == stable
        left = contraction([lam], eta, 3000, method, beta)[0]
        assert (abs(left) < 0.3) == stable
    power = np.linalg.matrix_power(step, 7) @ [1.0, 0.0]
    np.testing.assert_allclose(contraction([lam], eta, 7, method, beta), power[0], rtol=1e-9)


def test_nadam_is_stable_up_to_its_threshold() -> None:
    """On a quadratic whose gradient is so small beside eps that D is constant."""
    for factor, falls in ((0.97, True), (1.03, False)):
        opt = optim.NAdam(lr=0.1, eps=1.0, betas=(0.9, 0.0), momentum_decay=1e3)
        edge = stability_threshold(0.1, *opt.dynamics)
        w = np.array([1e-12])
        state = opt.init(w)
        for _ in range(400):
            w, state = opt.update(w, factor * edge * w, state)
        assert (abs(w[0]) < 1e-13) == falls


UNKNOWN: list[tuple[Any, str]] = [
    (optim.Lion(), "one length"),
    (optim.Sophia(), "clipped"),
    (optim.AdaSecant(), "changes of the gradient"),
    (optim.SAM(optim.SGD()), "norm of the gradient"),
    (optim.Muon(), "orthogonal"),
    (optim.Shampoo(), "no diagonal"),
    (optim.SOAP(), "no diagonal"),
    (optim.NaturalGradient(lambda w, x: w, nn.mse), "no diagonal"),
    (optim.HessianFree(lambda w, x: w, nn.mse), "damped"),
    (optim.KFAC(lambda w, x: w, nn.mse), "no diagonal"),
    (optim.SGD(groups={".": {"lr": 0.5}}), "rates of their own"),
]


@pytest.mark.parametrize(("opt", "reason"), UNKNOWN, ids=lambda x: repr(x)[:12])
def test_the_monitor_says_why_there_is_no_threshold(opt: Any, reason: str) -> None:
    monitor = Monitor(quadratic, optimizer=opt, k=1, quantities=("gradient_norm",))
    record = monitor.measure(0, np.ones(3))
    assert record["threshold"] is None and reason in record["unknown_threshold"]
    if opt.dynamics is None:
        with pytest.raises(TypeError, match=reason):
            stability_threshold(opt)


def test_sam_of_radius_zero_has_the_threshold_of_its_optimiser() -> None:
    opt = optim.SAM(optim.SGD(lr=0.5, momentum=0.9), rho=0.0)
    assert stability_threshold(opt) == pytest.approx(7.6)


def test_a_rule_of_ones_own_is_watched() -> None:
    class Halving(optim.Optimizer):
        unknown_stability = "it never looks at the gradient"

        def __init__(self) -> None:
            super().__init__(None, 1.0)

        def _rule(self, p: Any, g: Any, moments: Any, rate: float, count: int, *o: Any) -> Any:
            return p / 2

    opt = Halving()
    found = optim.fit(quadratic, np.ones(3), None, opt, epochs=2)
    np.testing.assert_array_equal(found.params, 0.25)
    record = Monitor(quadratic, optimizer=opt, k=1).measure(0, np.ones(3))
    assert record["unknown_threshold"] == "it never looks at the gradient"
    assert tg.optim.SGD(lr=0.5).dynamics == ("sgd", 0.0)
