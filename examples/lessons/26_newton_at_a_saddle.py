r"""
Newton's method at a saddle
===========================

Newton's step goes to where the quadratic model has gradient zero. Near a saddle that is the saddle:
along a direction of negative curvature the step goes *uphill*. Dividing by the absolute values of
the eigenvalues keeps the speed, and goes down.

Dauphin, Pascanu, Gulcehre, Cho, Ganguli and Bengio (2014), Identifying and attacking the saddle
point problem in high-dimensional non-convex optimization.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def well(v):
    """A double well: minima at x = -1 and 1, a saddle between."""
    x, y = v
    return x**4 / 4 - x**2 / 2 + y**2 / 2


def newton(v):
    return v - np.linalg.solve(tg.hessian(well)(v), tg.grad(well)(v))


def saddle_free(v):
    values, V = np.linalg.eigh(tg.hessian(well)(v))
    return v - V @ ((V.T @ tg.grad(well)(v)) / abs(values))


def descent(v):
    return v - 0.3 * tg.grad(well)(v)


def follow(rule, start, steps):
    path = [np.array(start)]
    for _ in range(steps):
        path.append(rule(path[-1]))
    return np.array(path)


tracks = {
    "Newton": follow(newton, [0.3, 0.8], 12),
    "Newton with |λ|": follow(saddle_free, [0.3, 0.8], 12),
    "gradient descent": follow(descent, [0.3, 0.8], 60),
}
for name, track in tracks.items():
    print(f"{name:<17} ends at ({track[-1][0]:+.6f}, {track[-1][1]:+.6f})")
np.testing.assert_allclose(tracks["Newton"][-1], [0, 0], atol=1e-12)
np.testing.assert_allclose(tracks["Newton with |λ|"][-1], [1, 0], atol=1e-12)
np.testing.assert_allclose(tracks["gradient descent"][-1], [1, 0], atol=1e-6)

# %%
# Along an eigenvector with λ < 0 Newton's step has the sign of the slope, not the opposite one.

start = np.array([0.3, 0.0])
values, slope = np.linalg.eigvalsh(tg.hessian(well)(start)), tg.grad(well)(start)
assert values[0] < 0 and (newton(start) - start) @ slope > 0
assert well(newton(start)) > well(start) > well(saddle_free(start))

# %%
# Where it goes from everywhere
# -----------------------------
# On the axis Newton's step is :math:`2x^3/(3x^2 - 1)`. It leads to the saddle from every
# :math:`|x| < 1/\sqrt5`; from ±1/√5 it goes to and fro for ever, and where the curvature
# :math:`3x^2 - 1` is zero there is no step at all.

x = np.linspace(-1.5, 1.5, 600)
ends = x.copy()
for _ in range(60):
    ends = 2 * ends**3 / (3 * ends**2 - 1)
assert (abs(ends[abs(x) < 1 / np.sqrt(5)]) < 1e-9).all()
assert (abs(ends[abs(x) > 1 / np.sqrt(3)]) > 0.99).all()
cycle = follow(newton, [1 / np.sqrt(5), 0.0], 2)
np.testing.assert_allclose(cycle[:, 0] * np.sqrt(5), [1, -1, 1])

# %%
# "Gradient descent stops at saddles" is not what happens: a saddle is unstable for it. From all
# starts but those with x = 0 exactly it gets away, after a time that grows as log 1/\|x\|.

waits = [np.argmax(follow(descent, [x, 0.5], 200)[:, 0] > 0.5) for x in 10.0 ** -np.arange(1, 9)]
print("steps to get away, from x = 0.1, 0.01, ...:", *waits)
np.testing.assert_allclose(np.diff(waits), np.log(10) / np.log(1.3), atol=1)
assert follow(descent, [0.0, 0.5], 200)[-1][0] == 0

fig, (left, right) = plt.subplots(1, 2, width_ratios=(1.2, 1))
X, Y = np.meshgrid(np.linspace(-1.6, 1.6, 121), np.linspace(-1, 1, 81))
left.contour(X, Y, well((X, Y)), levels=np.linspace(-0.24, 0.8, 14), linewidths=0.8)
for (name, track), style in zip(tracks.items(), ("C1o-", "C2s-", "C0^-")):
    left.plot(*track.T, style, ms=4, lw=1.3, label=name)
left.plot([-1, 0, 1], [0, 0, 0], "kx")
left.text(0, -0.2, "saddle", ha="center")
left.set(title="Newton's method goes to the saddle", xlabel="x", ylabel="y")
left.legend(loc="lower left", fontsize=8, frameon=True)
right.plot(x, ends, "C1.", ms=3, label="Newton")
right.plot(x, np.sign(x), "C0--", lw=1.2, label="gradient descent")
right.set(title="Where each ends, by where it starts", xlabel="x at the start")
right.set(ylabel="x at the end", ylim=(-1.2, 1.9))
right.legend(loc="upper left")
plt.show()
