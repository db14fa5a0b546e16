r"""
The Hessian is the Jacobian of the gradient
===========================================

The gradient of a function of n numbers is itself a function, with n outputs. Its Jacobian is the
Hessian: entry (i, j) says how the slope in i changes along j. It is symmetric, if the second
derivatives are continuous.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def f(v):
    x, y, z = v
    return np.exp(x) * np.sin(y) + x * z**2


v = np.array([0.3, -0.8, 1.2])
x, y, z = v
expected = np.array([
    [np.exp(x) * np.sin(y), np.exp(x) * np.cos(y), 2 * z],
    [np.exp(x) * np.cos(y), -np.exp(x) * np.sin(y), 0],
    [2 * z, 0, 2 * x],
])  # fmt: skip
H = tg.hessian(f)(v)
np.testing.assert_allclose(H, expected, atol=1e-15)
np.testing.assert_allclose(tg.jacobian(tg.grad(f))(v), expected, atol=1e-15)
np.testing.assert_array_equal(H, H.T)

# %%
# A product with the Hessian needs no Hessian: it is the derivative of the gradient along a
# direction.

direction = np.array([1.0, 2.0, -1.0])
np.testing.assert_allclose(tg.hvp(f, v, direction), expected @ direction)

# %%
# The condition
# -------------
# Of Peano's function :math:`xy\frac{x^2 - y^2}{x^2 + y^2}`, 0 at the origin, the gradient exists
# everywhere and is continuous. At the origin the two mixed derivatives are -1 and +1: the order of
# differentiation matters there, since the second derivatives jump.


def peano(v):
    x, y = v
    return x * y * (x**2 - y**2) / (x**2 + y**2)


away = tg.hessian(peano)(np.array([0.4, 0.3]))
np.testing.assert_allclose(away, away.T)
s = np.linspace(-1, 1, 40)  # without 0
zero = np.zeros_like(s)
slope = tg.vmap(tg.grad(peano))
x_slope_on_y_axis = slope(np.stack([zero, s], axis=1))[:, 0]
y_slope_on_x_axis = slope(np.stack([s, zero], axis=1))[:, 1]
np.testing.assert_allclose(x_slope_on_y_axis, -s)  # so its change along y is -1
np.testing.assert_allclose(y_slope_on_x_axis, s)  # and this one's along x is +1

# %%
# Functions with several outputs
# ------------------------------
# Each output has a Hessian of its own; together they are a tensor of order three, symmetric in its
# last two indices. The second-order term of output k is :math:`\frac12 d^T H_k d`.


def polar(v):
    r, angle = v
    return np.stack([r * np.cos(angle), r * np.sin(angle)])


r, angle = 2.0, 0.6
T = tg.hessian(polar)(np.array([r, angle]))
assert T.shape == (2, 2, 2)
c, s_ = np.cos(angle), np.sin(angle)
np.testing.assert_allclose(T, [[[0, -s_], [-s_, -r * c]], [[0, c], [c, -r * s_]]], atol=1e-15)
d = 1e-3 * np.array([0.8, -0.5])
start, J = polar(np.array([r, angle])), tg.jacobian(polar)(np.array([r, angle]))
rest = polar(np.array([r, angle]) + d) - start - J @ d
np.testing.assert_allclose(rest, np.einsum("kij,i,j->k", T, d, d) / 2, atol=1e-9)

fig, (left, right) = plt.subplots(1, 2, width_ratios=(1, 1.2))
image = left.imshow(H, cmap="PuOr", vmin=-4, vmax=4)
for (i, j), value in np.ndenumerate(H):
    left.text(j, i, f"{value:+.2f}", ha="center", va="center")
left.set(title="How each slope changes along each input:\na symmetric table")
left.set(xticks=range(3), xticklabels="xyz", yticks=range(3), yticklabels="xyz")
left.set(xlabel="moved", ylabel="slope in")
left.grid(False)
fig.colorbar(image, ax=left, label="second derivative", shrink=0.8)
right.plot(s, x_slope_on_y_axis, "C0", label="slope in x, on the y axis")
right.plot(s, y_slope_on_x_axis, "C1--", label="slope in y, on the x axis")
right.set(title="Peano's function: at 0 the mixed\nderivatives are −1 and +1")
right.set(xlabel="position on the axis", ylabel="slope across it")
right.legend(loc="lower center", bbox_to_anchor=(0.5, 0))
plt.show()
