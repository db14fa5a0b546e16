r"""
Gradients through the solution of an ODE
========================================

Euler's method is a loop of ordinary operations, so derivatives pass through it: how does the end
depend on the parameters? Here a population grows by :math:`\dot y = r\,y\,(1 - y/K)`; its solution
has a closed form to compare with, and r and K are fitted to noisy counts.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")

Y0, DURATION = 0.1, 8.0


def euler(parameters, steps):
    """All values, by ``steps`` steps; the loop is one node of the tape."""
    r, K = parameters
    h = DURATION / steps
    body = lambda y, _: (y + h * r * y * (1 - y / K), y)
    last, values = tg.scan(body, Y0 + 0 * r, length=steps)
    return tg.numpy.append(values, last)


def exact(parameters, t):
    r, K = parameters
    return K / (1 + (K / Y0 - 1) * np.exp(-r * t))


p = np.array([1.0, 2.0])

# %%
# Two errors
# ----------
# Of Euler's *program* the derivative is exact, as differences show. It differs from the derivative
# of the true solution as the program does from the solution: in proportion to the step.

end = lambda p, steps: euler(p, steps)[-1]
coarse = tg.grad(lambda p: end(p, 40))(p)
h = 1e-6
differences = [(end(p + h * e, 40) - end(p - h * e, 40)) / (2 * h) for e in np.eye(2)]
np.testing.assert_allclose(coarse, differences, rtol=1e-7)

true = tg.grad(lambda p: exact(p, 3.0))(p)
DURATION = 3.0
counts = 2 ** np.arange(5, 12)
errors = np.array([np.linalg.norm(tg.grad(lambda p: end(p, int(n)))(p) - true) for n in counts])
orders = np.log2(errors[:-1] / errors[1:])
print("order of the error of the gradient:", orders.round(2))
assert abs(orders[-1] - 1) < 0.02

# %%
# "Automatic derivatives are exact" so means: exact for the program. If the step is too long for the
# program to follow the solution, the derivative is exactly wrong. With h r = 3 Euler's method is
# chaotic, and its slope is enormous; the solution's is practically zero.

DURATION = 60.0
wild = tg.grad(lambda p: end(p, 20))(np.array([1.0, 2.0]))
assert abs(wild[0]) > 100 and abs(tg.grad(lambda p: exact(p, 60.0))(p)[0]) < 1e-20
print(f"steps of 3: slope in r {wild[0]:.1e}, in truth 0")
DURATION = 8.0

# %%
# A fit by Newton's method
# ------------------------
# Counts at 17 times with 5% noise. The Hessian, through the loop too, gives Newton's step, and the
# standard errors at the end.

rng, steps = np.random.default_rng(0), 1600
t = np.linspace(0, DURATION, 17)
sigma = 0.05
seen = exact(p, t) + sigma * rng.normal(size=17)


def loss(p):
    return ((euler(p, steps)[:: steps // 16] - seen) ** 2).sum() / (2 * sigma**2)


gradient, hessian = tg.grad(loss), tg.hessian(loss)
fit = np.array([0.8, 1.6])
for step in range(8):
    g, H = gradient(fit), hessian(fit)
    values, V = np.linalg.eigh(H)
    change = -V @ ((V.T @ g) / abs(values))
    rate = 1.0
    while loss(fit + rate * change) > loss(fit) and rate > 1e-3:
        rate /= 2
    print(f"step {step}: r = {fit[0]:.5f}, K = {fit[1]:.5f}, |g| = {np.linalg.norm(g):.1e}")
    fit = fit + rate * change
    if np.linalg.norm(g) < 1e-6:
        break
assert np.linalg.norm(gradient(fit)) < 1e-6
errors_of_fit = np.sqrt(np.diag(np.linalg.inv(hessian(fit))))
print(f"r = {fit[0]:.3f} ± {errors_of_fit[0]:.3f}, K = {fit[1]:.3f} ± {errors_of_fit[1]:.3f}")
assert (abs(fit - p) < 3 * errors_of_fit).all()
closed = lambda p: ((exact(p, t) - seen) ** 2).sum() / (2 * sigma**2)
np.testing.assert_allclose(hessian(fit), tg.hessian(closed)(fit), rtol=0.02)

fig, (left, right) = plt.subplots(1, 2)
fine = np.linspace(0, DURATION, steps + 1)
J = tg.jacobian(lambda p: euler(p, steps))(fit)
band = 1.96 * np.sqrt(np.einsum("ti,ij,tj->t", J, np.linalg.inv(hessian(fit)), J))
curve = euler(fit, steps)
left.fill_between(
    fine, curve - band, curve + band, color="C5", alpha=0.5, label="95% by the Hessian"
)
left.plot(fine, curve, "C0", label="fitted")
left.plot(t, seen, "ko", ms=4, label="counted")
left.set(title="Fitted through the solver, with its certainty", xlabel="time", ylabel="population")
left.legend()
right.loglog(3.0 / counts, errors, "C1o-")
right.set(
    title="The gradient is as exact as the solver:\nhalf the step, half the error",
    xlabel="step of Euler's method",
)
right.set_ylabel("error of the gradient")
plt.show()
