"""Parameters of an equation from measurements: predators and prey by a solver with its own steps.

Lotka and Volterra's equations by Dormand and Prince's method, which chooses its steps. The gradient
goes through the steps that were taken; so does a Hessian-vector product, by which Newton's method
solves for its steps and the last line tells how well each parameter is known. The figure shows the
fit, and how far the course would move along the direction of which the measurements say least.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

import tinygrad_hess as tg

NAMES = ("births", "hunting", "growth", "deaths")
TRUE = np.array([1.1, 0.4, 0.1, 0.4])
START, NOISE = np.array([10.0, 5.0]), 0.3
TIMES = np.linspace(0.0, 12.0, 25)


def slope(t, y, p):
    prey, hunters = y[0], y[1]
    births, hunting, growth, deaths = (p[k] for k in range(4))
    return np.stack([prey * (births - hunting * hunters), hunters * (growth * prey - deaths)])


def course(p, times=TIMES):
    return tg.ode.solve(slope, START, times, p, rtol=1e-7)


data = course(TRUE) + NOISE * np.random.default_rng(0).normal(size=(len(TIMES), 2))


def loss(p):
    return 0.5 * (((course(p) - data) / NOISE) ** 2).sum()


value = tg.jit(tg.value_and_grad(loss))
product = tg.jit(lambda p, v: tg.hvp(loss, p, v))
p = TRUE * [1.03, 0.97, 1.03, 0.97]
for iteration in range(8):
    error, gradient = value(p)
    print(f"{iteration}: loss {error:9.3f}, gradient {np.linalg.norm(gradient):.1e}")
    hessian = LinearOperator((4, 4), matvec=lambda v, p=p: product(p, v), dtype=float)
    p = p - cg(hessian, gradient, rtol=1e-6)[0]

solved = tg.ode.solve(slope, START, TIMES, p, rtol=1e-7, full=True)
print(f"{solved.accepted} steps accepted, {solved.rejected} rejected, {solved.evaluations} slopes")
stiffness, directions = np.linalg.eigh(tg.hessian(loss)(p))
deviations = np.sqrt((directions**2 / stiffness).sum(1))
for name, found, deviation, true in zip(NAMES, p, deviations, TRUE, strict=True):
    print(f"{name:>8} {found:.4f} +- {deviation:.4f}, in truth {true}")
assert np.all(np.abs(p - TRUE) < 4 * deviations)

times = np.linspace(0.0, 18.0, 200)  # beyond the measurements, where it matters
for k, name in enumerate(("prey", "hunters")):
    (line,) = plt.plot(times, course(p, times)[:, k], label=name)
    plt.plot(TIMES, data[:, k], "o", ms=4, color=line.get_color())
    sides = [course(p + s * 2 * directions[:, 0] / np.sqrt(stiffness[0]), times) for s in (1, -1)]
    plt.fill_between(times, sides[0][:, k], sides[1][:, k], color=line.get_color(), alpha=0.3)
plt.xlabel("time"), plt.ylabel("number"), plt.legend()
plt.savefig("ode_gradients.png", dpi=120)
print("wrote ode_gradients.png")
