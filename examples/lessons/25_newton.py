r"""
Newton's method: one step on a quadratic
========================================

Newton's step :math:`d = -H^{-1} g` goes to where the quadratic model has gradient zero. On a
quadratic that is the minimum, whatever the condition number. Elsewhere it has to be repeated; once
near, the number of right digits doubles with each step.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def newton(f, x):
    return x - np.linalg.solve(tg.hessian(f)(x), tg.grad(f)(x))


for kappa in (1.0, 1e3, 1e6):
    A, b = np.diag([kappa, 1.0]), np.array([3.0, -1.0])
    reached = newton(lambda x: x @ A @ x / 2 - b @ x, np.array([5.0, 7.0]))
    np.testing.assert_allclose(reached, [3 / kappa, -1], rtol=1e-9)

# %%
# The step does not change when the variables are scaled or mixed, x = S z: Newton's method sees no
# condition number. The step of gradient descent does change.


def f(x):
    return np.exp(x[0] + 3 * x[1] - 0.1) + np.exp(x[0] - 3 * x[1] - 0.1) + np.exp(-x[0] - 0.1)


S, x = np.array([[10.0, 3.0], [0.0, 0.1]]), np.array([-0.5, 0.2])
z, mixed = np.linalg.solve(S, x), lambda z: f(S @ z)
np.testing.assert_allclose(S @ newton(mixed, z), newton(f, x))
assert not np.allclose(S @ (z - tg.grad(mixed)(z)), x - tg.grad(f)(x))

# %%
# Repeated
# --------
# Near a minimum whose Hessian has an inverse, each step squares the error.


def rosenbrock(v):
    return (1 - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2


path = [np.array([-1.2, 1.0])]
for _ in range(7):
    path.append(newton(rosenbrock, path[-1]))
errors = np.linalg.norm(np.array(path) - 1, axis=1)
print("distance to the minimum:", *(f"{e:.0e}" for e in errors))
assert 1e-8 < errors[5] < 0.1 and errors[6] < 40 * errors[5] ** 2
assert errors[6] < 1e-10

# %%
# At a minimum without an inverse, as of x⁴, it is slow: two thirds of the error are left each time.

x = 1.0
for _ in range(10):
    x = newton(lambda x: (x**4).sum(), np.array([x]))[0]
np.testing.assert_allclose(x, (2 / 3) ** 10)

# %%
# Too far away
# ------------
# "On a convex function Newton's method converges" is wrong without a condition on the start, or a
# line search. The minimum of log cosh x is at 0; from 1.0 it converges, from 1.1 each step
# overshoots further.

cosh = lambda x: np.log(np.cosh(x[0]))
near, far = [1.0], [1.1]
for track in (near, far):
    for _ in range(5):
        track.append(newton(cosh, np.array(track[-1:]))[0])
print("from 1.0:", *(f"{x:.2g}" for x in near), " from 1.1:", *(f"{x:.3g}" for x in far))
assert abs(near[-1]) < 1e-9 and abs(far[-1]) > 5
assert (np.diff(np.abs(far)) > 0).all()

fig, (left, right) = plt.subplots(1, 2)
left.semilogy(errors, "C0o-")
left.set(title="Once near, the digits double with each step\n(Rosenbrock's function)")
left.set(xlabel="Newton step", ylabel="distance to the minimum")
right.plot(near[:5], "C0o-", label="from 1.0")
right.plot(far[:5], "C1s--", label="from 1.1")
right.axhline(0, color="C3", ls=":", label="minimum")
right.set(title="Too far away it overshoots further each time\n(log cosh x)")
right.set(xlabel="Newton step", ylabel="x", xticks=range(5))
right.legend(loc="upper left")
plt.show()
