"""An integrator as a loop that is recorded once: predators and prey, and what depends on what.

Lotka and Volterra's equations by 500 steps of Runge and Kutta, fitted to a measurement: the
gradient, Newton's steps by the Hessian, and the certainty of each parameter. A Python loop would
record 500 copies of a step; ``tg.scan`` records one.
"""

import numpy as np

import tinygrad_hess as tg

STEPS, H = 500, 0.02
START = np.array([10.0, 5.0])  # prey, hunters
TRUE = np.array([1.1, 0.4, 0.1, 0.4])  # births, hunting, growth of hunters, deaths


def slope(state, parameters):
    prey, hunters = state[0], state[1]
    birth, hunt, growth, death = (parameters[k] for k in range(4))
    return np.stack([prey * (birth - hunt * hunters), hunters * (growth * prey - death)])


def course(parameters):
    """States after each step, of shape (steps, 2)."""

    def step(state, _):
        a = slope(state, parameters)
        b = slope(state + H / 2 * a, parameters)
        c = slope(state + H / 2 * b, parameters)
        d = slope(state + H * c, parameters)
        state = state + H / 6 * (a + 2 * b + 2 * c + d)
        return state, state

    return tg.scan(step, START, length=STEPS)[1]


measured = course(TRUE)[::12]
measured = measured + 0.1 * np.random.default_rng(0).normal(size=measured.shape)


def loss(parameters):
    return 0.5 * ((course(parameters)[::12] - measured) ** 2).sum() / 0.1**2


parameters = TRUE * [1.02, 0.98, 1.02, 0.98]
value, hessian = tg.jit(tg.value_and_grad(loss)), tg.jit(tg.hessian(loss))
for iteration in range(7):
    error, gradient = value(parameters)
    print(f"{iteration}: loss {error:10.3f}, gradient {np.linalg.norm(gradient):.1e}")
    curvature, directions = np.linalg.eigh(hessian(parameters))
    parameters = parameters - directions @ (directions.T @ gradient / np.abs(curvature))

deviations = np.sqrt(np.diag(np.linalg.inv(hessian(parameters))))
for name, found, deviation, true in zip(
    ["birth", "hunt", "growth", "death"], parameters, deviations, TRUE, strict=True
):
    print(f"{name:>6} {found:.4f} +- {deviation:.4f}, in truth {true}")
assert np.all(np.abs(parameters - TRUE) < 4 * deviations)
