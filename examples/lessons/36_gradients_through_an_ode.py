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

START = 0.1


def euler(parameters, duration, steps):
    """All values, by equal steps; the loop is one node of the tape."""
    r, K = parameters
    h = duration / steps
    body = lambda y, _: (y + h * r * y * (1 - y / K), y)
    last, values = tg.scan(body, START + 0 * r, length=steps)
    return tg.numpy.append(values, last)


def exact(parameters, t):
    r, K = parameters
    return K / (1 + (K / START - 1) * np.exp(-r * t))


p = np.array([1.0, 2.0])

# %%
# Two errors
# ----------
# Of Euler's *program* the derivative is exact, as differences show. It differs from the derivative
# of the true solution as the program does from the solution: in proportion to the step.

end = lambda p, steps, duration=3.0: euler(p, duration, steps)[-1]
h = 1e-6
differences = [(end(p + h * e, 40) - end(p - h * e, 40)) / (2 * h) for e in np.eye(2)]
np.testing.assert_allclose(tg.grad(end)(p, 40), differences, rtol=1e-7)

true = tg.grad(exact)(p, 3.0)
counts = [32, 64, 128, 256, 512, 1024, 2048]
errors = np.array([np.linalg.norm(tg.grad(end)(p, n) - true) for n in counts])
orders = np.log2(errors[:-1] / errors[1:])
print("order of the error of the gradient:", orders.round(2))
assert abs(orders[-1] - 1) < 0.02

# %%
# "Automatic derivatives are exact" so means: exact for the program. If the step is too long for the
# program to follow the solution, the derivative is exactly wrong. With h r = 3 Euler's method is
# chaotic, and its slope is enormous; the solution's is practically zero.

wild, calm = tg.grad(end)(p, 20, 60.0)[0], tg.grad(exact)(p, 60.0)[0]
print(f"steps of 3: slope in r {wild:.1e}, in truth {calm:.0e}")
assert abs(wild) > 100 and abs(calm) < 1e-20

# %%
# A fit by Newton's method
# ------------------------
# Counts at 17 times with 5% noise. The Hessian, through the loop too, gives Newton's step, and the
# standard errors at the end.

rng, steps, sigma = np.random.default_rng(0), 1600, 0.05
t = np.linspace(0, 8, 17)
seen = exact(p, t) + sigma * rng.normal(size=17)
loss = lambda p: ((euler(p, 8.0, steps)[:: steps // 16] - seen) ** 2).sum() / (2 * sigma**2)
closed = lambda p: ((exact(p, t) - seen) ** 2).sum() / (2 * sigma**2)

found = tg.optim.minimize(loss, np.array([0.8, 1.6]), method="newton", tol=1e-5)
print(found.history)
fit, covariance = found.x, np.linalg.inv(tg.hessian(loss)(found.x))
sure = np.sqrt(np.diag(covariance))
print(f"r = {fit[0]:.3f} ± {sure[0]:.3f}, K = {fit[1]:.3f} ± {sure[1]:.3f}")
assert found.success and (abs(fit - p) < 3 * sure).all()
np.testing.assert_allclose(tg.hessian(loss)(fit), tg.hessian(closed)(fit), rtol=0.02)

fig, (left, right) = plt.subplots(1, 2)
fine, curve = np.linspace(0, 8, steps + 1), euler(fit, 8.0, steps)
J = tg.jacobian(lambda p: euler(p, 8.0, steps))(fit)
band = 1.96 * np.sqrt(np.einsum("ti,ij,tj->t", J, covariance, J))
shade = {"color": "C5", "alpha": 0.5, "label": "95% by the Hessian"}
left.fill_between(fine, curve - band, curve + band, **shade)
left.plot(fine, curve, "C0", label="fitted")
left.plot(t, seen, "ko", ms=4, label="counted")
left.set(title="Fitted through the solver, with its certainty", xlabel="time", ylabel="population")
left.legend()
right.loglog(3.0 / np.array(counts), errors, "C1o-")
right.set(title="The gradient is as exact as the solver:\nhalf the step, half the error")
right.set(xlabel="step of Euler's method", ylabel="error of the gradient")
plt.show()
