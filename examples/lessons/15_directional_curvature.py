r"""
The curvature along a direction
===============================

Along a unit vector u the second derivative is :math:`u^T H u`: a weighted mean of the eigenvalues,
:math:`\sum_i \lambda_i (u \cdot v_i)^2`, whose weights add to 1. So no direction curves more than
the largest eigenvalue, or less than the smallest.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import HessianOperator

plt.style.use("tinygrad_hess.viz.figures")


def f(v):
    x, y = v
    return np.cos(x) * np.exp(y) + x * y**2


point = np.array([0.4, 0.3])
H = tg.hessian(f)(point)
values, vectors = np.linalg.eigh(H)

angles = np.linspace(0, 2 * np.pi, 361)
u = np.stack([np.cos(angles), np.sin(angles)], axis=1)
weights = (u @ vectors) ** 2
np.testing.assert_allclose(weights.sum(axis=1), 1)
mean = weights @ values

# %%
# Measured by walking along u, with no Hessian: a second difference of f.

h = 1e-4
measured = (f((point + h * u).T) - 2 * f(point) + f((point - h * u).T)) / h**2
np.testing.assert_allclose(measured, mean, atol=1e-6)
assert values[0] - 1e-12 <= mean.min() and mean.max() <= values[1] + 1e-12
np.testing.assert_allclose([mean.min(), mean.max()], values, atol=1e-3)

# %%
# By two derivatives of one number, exactly, and by a Hessian-vector product:

k = 77
along = lambda t: f(point + t * u[k])
np.testing.assert_allclose(tg.grad(tg.grad(along))(0.0), mean[k])
np.testing.assert_allclose(u[k] @ tg.hvp(f, point, u[k]), mean[k])

# %%
# "The diagonal of the Hessian is positive, so the function curves up everywhere" is wrong: the
# diagonal has the curvatures along the *axes* alone.

positive_diagonal = np.array([[1.0, 2.0], [2.0, 1.0]])
diagonal_direction = np.array([1.0, -1.0]) / np.sqrt(2)
np.testing.assert_allclose(diagonal_direction @ positive_diagonal @ diagonal_direction, -1)

# %%
# In many dimensions
# ------------------
# The mean over all directions is trace / n, and a random direction is nearly always close to it: of
# a net with a few large eigenvalues and many near zero, random directions show almost nothing.

moons = tg.data.moons(100, seed=0)
net = tg.nn.MLP([2, 16, 16, 1], seed=0)
loss = lambda net, x, y: tg.nn.binary_cross_entropy_with_logits(net(x)[:, 0], y)
operator = HessianOperator(loss, net, moons.x, moons.y.astype(float))
dense = operator @ np.eye(operator.shape[0])
spectrum = np.linalg.eigvalsh(dense)
directions = np.random.default_rng(0).normal(size=(2000, len(dense)))
directions /= np.linalg.norm(directions, axis=1, keepdims=True)
seen = (directions @ dense * directions).sum(axis=1)
print(f"eigenvalues {spectrum[0]:.3f} to {spectrum[-1]:.3f}, {len(dense)} parameters")
print(f"curvature of 2,000 random directions {seen.min():.4f} to {seen.max():.4f}")
standard_error = seen.std() / np.sqrt(len(seen))
assert abs(seen.mean() - np.trace(dense) / len(dense)) < 4 * standard_error
assert seen.max() < 0.1 * spectrum[-1]

fig = plt.figure(figsize=(8.8, 3.8))
polar = fig.add_subplot(1, 2, 1, projection="polar")
for sign, colour, style, name in ((1, "C0", "-", "up"), (-1, "C1", "--", "down")):
    shown = np.where(sign * mean > 0, abs(mean), np.nan)
    polar.plot(angles, shown, colour + style, label=f"curves {name}")
for value, vector in zip(values, vectors.T):
    angle = np.arctan2(vector[1], vector[0])
    polar.plot([angle, angle + np.pi], [abs(value)] * 2, "k:", lw=1.2)
polar.set_title("|curvature| by direction: extreme along the\neigenvectors (dotted)", loc="center")
polar.tick_params(labelsize=7)
polar.set_rticks([1, 2])
polar.legend(loc="lower left", bbox_to_anchor=(-0.32, -0.1), fontsize=8)
polar.set_xlabel("direction")
right = fig.add_subplot(1, 2, 2)
right.hist(seen, 40, color="C0", label="2,000 random directions")
for value, name in ((spectrum[0], "smallest"), (spectrum[-1], "largest")):
    right.axvline(value, color="C1", ls="--")
    right.annotate(
        f"{name}\neigenvalue", (value, 150), (4, 0), textcoords="offset points", color="C1"
    )
right.axvline(seen.mean(), color="k", lw=0.8)
right.set(title="In a net, random directions miss\nthe largest curvature", xlabel="curvature")
right.set(ylabel="directions", xlim=(None, 1.6 * spectrum[-1]))
right.legend(
    loc="center left", bbox_to_anchor=(0.36, 0.6), fontsize=8, labels=["2,000 random\ndirections"]
)
plt.show()
