r"""
Gradient descent is Euler's method
==================================

A marble in syrup follows :math:`\dot x = -\nabla f(x)`, the *gradient flow*. Euler's method with
step α replaces the curve by straight pieces, and each piece is a step of gradient descent. What is
known of Euler's method is so known of gradient descent: its error, and where it is unstable.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def rosenbrock(v):
    return (1 - v[0]) ** 2 + 5 * (v[1] - v[0] ** 2) ** 2


gradient = tg.jit(tg.grad(rosenbrock))
start, duration = np.array([-1.2, 1.2]), 1.0


def flow(field, x, times):
    """To an accuracy of 1e-10, by a method of eighth order; shape (times, 2)."""
    settings = {"method": "DOP853", "rtol": 1e-10, "atol": 1e-12, "t_eval": times}
    return solve_ivp(field, (0, times[-1]), x, **settings).y.T


def descend(x, rate, steps):
    path = [x]
    for _ in range(steps):
        path.append(path[-1] - rate * gradient(path[-1]))
    return np.array(path)


# %%
# On a quadratic the flow is known: :math:`x(t) = e^{-Ht} x(0)`, and each eigen-direction decays as
# :math:`e^{-\lambda t}`, whose first-order expansion is the factor :math:`1 - \alpha\lambda` of
# descent.

H = np.array([[3.0, 1.0], [1.0, 1.0]])
bowl = flow(lambda t, x: -tg.grad(lambda x: x @ H @ x / 2)(x), start, [1.0])
np.testing.assert_allclose(bowl[0], expm(-H) @ start, atol=1e-9)

# %%
# The error
# ---------
# Half the rate and twice the steps: half the error. Most of it is known (Barrett and Dherin 2021):
# descent follows the flow of another function much more closely, :math:`f + \frac\alpha4 \|\nabla
# f\|^2`, which prefers flat regions. Its field needs a Hessian-vector product.

downhill = lambda t, x: -gradient(x)
product = tg.jit(lambda x, v: tg.hvp(rosenbrock, x, v))
rates = 0.02 / 2.0 ** np.arange(5)
end = flow(downhill, start, [duration])[0]
errors, to_modified = [], []
for rate in rates:
    reached = descend(start, rate, round(duration / rate))[-1]
    modified = lambda t, x: -gradient(x) - rate / 2 * product(x, gradient(x))
    errors.append(np.linalg.norm(reached - end))
    to_modified.append(np.linalg.norm(reached - flow(modified, start, [duration])[0]))
order, of_modified = (np.log2(found[-2] / found[-1]) for found in (errors, to_modified))
print(f"distance to the flow ~ rate^{order:.2f}, to the modified flow ~ rate^{of_modified:.2f}")
assert abs(order - 1) < 0.1 and abs(of_modified - 2) < 0.15
assert (np.array(to_modified) < errors).all()

# %%
# "Small rates only make it slower, large ones only less exact" misses the third: past 2/λ Euler's
# method is *unstable*. The flow itself never is: along it f falls always, since :math:`\dot f =
# -\|\nabla f\|^2`.

high = np.linalg.eigvalsh(tg.hessian(rosenbrock)(np.ones(2)))[-1]
near = np.ones(2) + np.array([1e-6, 0])
stays, leaves = descend(near, 1.9 / high, 200)[-1], descend(near, 2.1 / high, 60)[-1]
assert np.linalg.norm(stays - 1) < 1e-5 and np.linalg.norm(leaves - 1) > 1e-4
curve = flow(downhill, start, np.linspace(0, 12, 150))
assert (np.diff(rosenbrock(curve.T)) < 0).all()

fig, (left, right) = plt.subplots(1, 2)
X, Y = np.meshgrid(np.linspace(-1.7, 1.3, 121), np.linspace(-0.4, 2.2, 81))
left.contour(X, Y, rosenbrock((X, Y)), levels=np.geomspace(0.1, 60, 12), linewidths=0.7)
left.plot(*curve.T, "C0", label="gradient flow")
for rate, colour in ((0.02, "C2"), (0.055, "C1")):
    path = descend(start, rate, round(12 / rate))
    left.plot(*path.T, f"{colour}o-", ms=3, lw=1, label=f"descent, rate {rate}")
left.set(title="A small rate follows the flow, one past 2/λ bounces")
left.set(xlabel="x", ylabel="y", ylim=(-0.4, 2.2))
left.legend(fontsize=8, loc="upper center", frameon=True)
right.loglog(rates, errors, "C1o-", label="from the flow of f")
right.loglog(rates, to_modified, "C0s-", label="from the flow of f + α/4 |∇f|²")
right.set(title="It follows another function more closely", xlabel="rate α")
right.set_ylabel("distance at time 1")
right.set_xticks(rates, [f"{rate:g}" for rate in rates])
right.minorticks_off()
right.legend()
plt.show()
