r"""
Newton's method: one step on a quadratic, and the wrong way at a saddle
=======================================================================

Newton's step :math:`d = -H^{-1} g` goes to where the quadratic model has gradient zero. On a
quadratic that is the minimum, whatever the condition number. At a saddle it is the saddle.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def newton(f, x):
    return x - np.linalg.solve(tg.hessian(f)(x), tg.grad(f)(x))


A, b = np.diag([1000.0, 1.0]), np.array([3.0, -1.0])
np.testing.assert_allclose(
    newton(lambda x: x @ A @ x / 2 - b @ x, np.array([5.0, 7.0])), b / [1000, 1]
)

# %%
# Elsewhere it has to be repeated. Near a minimum with a regular Hessian each step squares the
# error: the number of right digits doubles.


def rosenbrock(v):
    return (1 - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2


x, path = np.array([-1.2, 1.0]), []
for _ in range(8):
    path.append(x)
    x = newton(rosenbrock, x)
path = np.array(path)
errors = np.linalg.norm(path - 1, axis=1)
print("distance to the minimum:", *(f"{e:.0e}" for e in errors))
late = (errors < 0.1) & (errors > 1e-8)
assert (errors[1:][late[:-1]] < 40 * errors[:-1][late[:-1]] ** 2).all()
assert errors[6] < 1e-10

# %%
# At a saddle
# -----------
# A double well, :math:`x^4/4 - x^2/2 + y^2/2`, has minima at x = ±1 and a saddle between. From a
# start near the saddle Newton's method goes to the saddle; gradient descent leaves it. Dividing by
# the *absolute values* of the eigenvalues keeps the speed, and goes downhill (Dauphin et al. 2014).


def well(v):
    x, y = v
    return x**4 / 4 - x**2 / 2 + y**2 / 2


def saddle_free(f, x):
    values, V = np.linalg.eigh(tg.hessian(f)(x))
    return x - V @ ((V.T @ tg.grad(f)(x)) / abs(values))


start = np.array([0.3, 0.8])
tracks = {}
rules = {
    "Newton": newton,
    "with |λ|": saddle_free,
    "gradient descent": lambda f, x: x - 0.3 * tg.grad(f)(x),
}
for name, rule in rules.items():
    tracks[name] = [start]
    for _ in range(60 if name == "gradient descent" else 12):
        tracks[name].append(rule(well, tracks[name][-1]))
    tracks[name] = np.array(tracks[name])
np.testing.assert_allclose(tracks["Newton"][-1], [0, 0], atol=1e-12)
np.testing.assert_allclose(tracks["with |λ|"][-1], [1, 0], atol=1e-12)
np.testing.assert_allclose(tracks["gradient descent"][-1], [1, 0], atol=1e-6)

# %%
# Too far away
# ------------
# "On a convex function Newton's method converges" is wrong without a condition on the start, or a
# line search. The minimum of log cosh x is at 0; from 1.0 it converges, from 1.1 each step
# overshoots further.

cosh = lambda x: np.log(np.cosh(x[0]))
near, far = [np.array([1.0])], [np.array([1.1])]
for _ in range(5):
    near.append(newton(cosh, near[-1]))
    far.append(newton(cosh, far[-1]))
print("from 1.0:", *(f"{x[0]:.2g}" for x in near), " from 1.1:", *(f"{x[0]:.3g}" for x in far))
assert abs(near[-1][0]) < 1e-9 and abs(far[-1][0]) > 5
assert (np.diff(np.abs(np.ravel(far))) > 0).all()

fig, (left, right) = plt.subplots(1, 2)
X, Y = np.meshgrid(np.linspace(-1.6, 1.6, 121), np.linspace(-1, 1, 81))
left.contour(X, Y, well((X, Y)), levels=np.linspace(-0.24, 0.8, 14), linewidths=0.8)
for k, (name, track) in enumerate(tracks.items()):
    left.plot(*track.T, f"C{(1, 2, 0)[k]}{'os^'[k]}-", ms=4, lw=1.3, label=name)
left.plot([-1, 0, 1], [0, 0, 0], "kx")
left.text(0, -0.24, "saddle", ha="center")
left.set(title="Newton's method goes to the saddle", xlabel="x", ylabel="y")
left.legend(loc="lower left", fontsize=8, frameon=True)
right.semilogy(errors, "C1o-")
right.set(
    title="Once near, the digits double with each step\n(Rosenbrock's function)",
    xlabel="Newton step",
)
right.set_ylabel("distance to the minimum")
plt.show()
