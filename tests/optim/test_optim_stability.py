"""What optimisers tell of themselves, and what the monitor makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn, optim
from tinygrad_hess.curvature import Monitor, contraction, explain_step, stability_threshold
from tinygrad_hess.curvature.training.preconditioners import preconditioner
from tinygrad_hess.optim.deterministic.minimization import METHODS

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


RULES = {name: getattr(optim, name) for name in dir(optim)}
OF_MODELS = {"KFAC", "NaturalGradient", "HessianFree"}


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, kind in RULES.items()
        if isinstance(kind, type) and issubclass(kind, optim.Optimizer) and name != "Optimizer"
    ],
)
def test_every_rule_has_a_threshold_or_a_reason_of_its_own(name: str) -> None:
    if name in OF_MODELS:
        opt = RULES[name](lambda w, x: w, nn.mse)
    else:
        opt = RULES[name](optim.SGD()) if name in ("SAM", "ASAM") else RULES[name]()
    if opt.dynamics is None:
        assert opt.unknown_stability != optim.Optimizer.unknown_stability
    else:
        assert 0 < stability_threshold(opt) < np.inf


@pytest.mark.parametrize("method", METHODS)
def test_deterministic_methods_are_watched(method: str) -> None:
    residuals = lambda w: np.sqrt(SCALE) * (w - 1)
    squares = lambda w, batch=None: (residuals(w) ** 2).sum() / 2
    monitor = Monitor(squares, optimizer=method, k=3, every=1, dtype=None, rtol=1e-8)
    follow = lambda r: monitor(r.nit, r.x, r.fun)
    f = residuals if METHODS[method].needs_residuals else squares
    found = optim.minimize(f, np.array([3.0, -1.0, 2.0]), method=method, callback=follow)
    assert [record["step"] for record in monitor.records] == list(range(1, found.nit + 1))
    for record, loss, norm in zip(
        monitor.records, found.history.loss[1:], found.history.gradient_norm[1:], strict=True
    ):
        assert record["threshold"] is None
        assert record["unknown_threshold"] == f"{method} chooses the length of each step anew"
        np.testing.assert_allclose(record["top_eigenvalues"]["values"], SCALE, rtol=1e-7)
        assert record["loss"] == loss
        assert record["gradient_norm"] == pytest.approx(norm, rel=1e-6, abs=1e-12)


def test_sam_of_radius_zero_has_the_threshold_of_its_optimiser() -> None:
    opt = optim.SAM(optim.SGD(lr=0.5, momentum=0.9), rho=0.0)
    assert stability_threshold(opt) == pytest.approx(7.6)


def test_a_rule_of_ones_own_is_watched() -> None:
    class Halving(optim.Optimizer):
        unknown_stability = "it never looks at the gradient"

        def __init__(self) -> None:
            super().__init__(None, 1.0)

        def _rule(self, p: Any, g: Any, moments: Any, numbers: Any, *observed: Any) -> Any:
            return p / 2, moments

    opt = Halving()
    found = optim.fit(quadratic, np.ones(3), None, opt, epochs=2)
    np.testing.assert_array_equal(found.params, 0.25)
    record = Monitor(quadratic, optimizer=opt, k=1).measure(0, np.ones(3))
    assert record["unknown_threshold"] == "it never looks at the gradient"
    assert tg.optim.SGD(lr=0.5).dynamics == ("sgd", 0.0)


# ---- steps that raise the loss ------------------------------------------------------------------


def quartic(w: Any, batch: Any = None) -> Any:
    return (SCALE * w**2).sum() / 2 + (w**4).sum() / 4 + w[0] * w[1]


def quartic_by_hand(w: Any) -> tuple[float, Any, Any]:
    H = np.diag(SCALE + 3 * w**2)
    H[0, 1] = H[1, 0] = 1.0
    g = SCALE * w + w**3 + np.array([w[1], w[0], 0.0])
    return float((SCALE * w**2).sum() / 2 + (w**4).sum() / 4 + w[0] * w[1]), g, H


@pytest.mark.parametrize("rate", [0.1, 0.5, -0.1])
def test_a_step_is_explained_by_slope_bend_and_eigenvectors(rate: float) -> None:
    w = np.array([1.0, -0.5, 2.0])
    value, g, H = quartic_by_hand(w)
    d = -rate * g
    found = explain_step(lambda w: quartic(w), w, w + d, k=2, rtol=1e-10)
    values, vectors = np.linalg.eigh(H)
    shares = (vectors.T @ d)[::-1][:2] ** 2 / (d @ d)
    np.testing.assert_allclose(found.value, value)
    np.testing.assert_allclose(found.actual, quartic_by_hand(w + d)[0] - value)
    np.testing.assert_allclose([found.slope, found.bend], [g @ d, d @ H @ d / 2])
    np.testing.assert_allclose(found.curvature, d @ H @ d / (d @ d))
    np.testing.assert_allclose(found.values, values[::-1][:2], rtol=1e-8)
    np.testing.assert_allclose(found.shares, shares, rtol=1e-5)
    np.testing.assert_allclose(
        found.bend_share, values[::-1][:2] @ shares * (d @ d) / (d @ H @ d), rtol=1e-6
    )
    words = {0.1: "fell", 0.5: "too long for the curvature", -0.1: "uphill"}
    assert words[rate] in found.reason and found.reason in repr(found)
    assert found.to_dict()["predicted"] == pytest.approx(g @ d + d @ H @ d / 2)


def test_a_rise_that_the_model_does_not_predict_is_told() -> None:
    """At 0 the curvature of x² - x + 20 x⁴ is 2; a step of 0.75 would be fine without the quartic."""
    found = explain_step(lambda x: (x**2 - x + 20 * x**4).sum(), np.zeros(1), np.array([0.75]))
    assert found.actual > 0 > found.predicted and "higher derivatives" in found.reason
    assert np.isnan(explain_step(lambda x: (x**2).sum(), np.ones(1), np.ones(1)).curvature)


def test_the_monitor_explains_rises_on_request() -> None:
    rate = 0.6  # above 2 / 4: the first coordinate oscillates and grows
    monitor = Monitor(quadratic, optimizer=rate, k=1, every=100, explain=3, rtol=1e-8)
    w = np.array([0.1, 1.0, 1.0])
    fitted = optim.fit(quadratic, w, None, optim.SGD(lr=rate), epochs=14, callback=monitor)
    rises = np.flatnonzero(np.diff(fitted.losses) > 0)
    assert [rise["step"] for rise in monitor.rises] == rises[:3].tolist()
    for rise in monitor.rises:
        at = w * (1 - rate * SCALE) ** rise["step"]
        step = -rate * SCALE * at
        assert rise["predicted"] == pytest.approx(rise["actual"], rel=1e-9)
        assert rise["actual"] == pytest.approx(np.diff(fitted.losses)[rise["step"]], rel=1e-9)
        assert rise["share"] == pytest.approx(step[0] ** 2 / (step @ step), rel=1e-5)
        assert "too long for the curvature" in rise["reason"]
    assert monitor.to_dict()["rises"] == monitor.rises
    none = Monitor(quadratic, optimizer=rate, k=1, every=100)
    optim.fit(quadratic, w, None, optim.SGD(lr=rate), epochs=14, callback=none)
    assert none.rises == []


def test_a_rise_that_cannot_be_explained_does_not_end_the_training() -> None:
    calls = iter(range(100))

    def failing(w: Any, batch: Any = None) -> Any:
        if next(calls) > 0:
            raise RuntimeError("no more")
        return quadratic(w)

    monitor = Monitor(failing, k=1, every=100, explain=1, quantities=("gradient_norm",))
    for step, value in enumerate([1.0, 2.0, 3.0]):
        monitor(step, np.ones(3) * value, value)
    assert len(monitor.rises) == 1 and "RuntimeError: no more" in monitor.rises[0]["failed"]
