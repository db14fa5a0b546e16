r"""
The chain rule, and the total derivative
========================================

Of a composition, :math:`\frac{d}{dx} f(g(x)) = f'(g(x))\,g'(x)`. With several paths from the input
to the output the paths add:

.. math:: \frac{d}{dt} f(x(t), y(t)) = \frac{\partial f}{\partial x}\frac{dx}{dt}
   + \frac{\partial f}{\partial y}\frac{dy}{dt}.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")

t = np.linspace(0, 2 * np.pi, 121)
slope = tg.vmap(tg.grad(lambda x: np.sin(x**2)))(t)
np.testing.assert_allclose(slope, np.cos(t**2) * 2 * t, atol=1e-12)

# %%
# The outer derivative is taken at g(x). Taken at x, it is another function.

at_x = np.cos(t) * 2 * t
assert abs(at_x - slope).max() > 1

# %%
# Two paths
# ---------
# A height f over the plane, and a walk along an ellipse.


def f(x, y):
    return x**2 + x * y + 2 * y**2


def walk(t):
    return 2 * np.cos(t), np.sin(t)


x, y = walk(t)
by_x = (2 * x + y) * -2 * np.sin(t)  # partial derivative in x, times the speed of x
by_y = (x + 4 * y) * np.cos(t)
total = tg.vmap(tg.grad(lambda t: f(*walk(t))))(t)
np.testing.assert_allclose(total, by_x + by_y, atol=1e-13)

# the height on the ellipse in closed form: 3 + cos 2t + sin 2t
np.testing.assert_allclose(f(x, y), 3 + np.cos(2 * t) + np.sin(2 * t), atol=1e-14)
np.testing.assert_allclose(total, 2 * np.cos(2 * t) - 2 * np.sin(2 * t), atol=1e-13)

# %%
# Where the time stands in the formula too
# ----------------------------------------
# For a height that itself sinks with time, f(t, x(t), y(t)), the *partial* derivative in t holds x
# and y fixed; the *total* derivative lets them follow. Both are called "the derivative in t".


def sinking(t, x, y):
    return f(x, y) - t**2 / 4


partial = tg.vmap(tg.grad(sinking))(t, x, y)
whole = tg.vmap(tg.grad(lambda t: sinking(t, *walk(t))))(t)
np.testing.assert_allclose(partial, -t / 2)
np.testing.assert_allclose(whole, -t / 2 + by_x + by_y, atol=1e-13)
print(f"partial and total derivative differ by up to {abs(whole - partial).max():.2f}")
assert abs(whole - partial).max() > 2

# %%
# The same as a product of Jacobians: 1 x 2 times 2 x 1.

outer = np.array(tg.jacobian(f, argnums=(0, 1))(x[7], y[7]))
inner = np.array(tg.jacobian(walk)(t[7]))
np.testing.assert_allclose(outer @ inner, total[7])

fig, (left, right) = plt.subplots(1, 2)
X, Y = np.meshgrid(np.linspace(-2.4, 2.4, 81), np.linspace(-1.6, 1.6, 61))
lines = left.contour(X, Y, f(X, Y), levels=np.arange(0.5, 8, 1), linewidths=0.9)
left.clabel(lines, fontsize=7)
left.plot(x, y, "C1")
left.plot(x[0], y[0], "o", color="C1")
left.annotate("t = 0", (x[0], y[0]), (-38, 10), textcoords="offset points", color="C1")
left.set(title="A walk over the contours of f", xlabel="x", ylabel="y", aspect="equal")
right.plot(t, by_x, "C0--", label="through x")
right.plot(t, by_y, "C2-.", label="through y")
right.plot(t, total, "C1", label="total")
right.set(title="The slopes through x and y add to the total", xlabel="t", ylabel="df/dt")
right.set_ylim(-6.4, 4.2)
right.legend(ncols=3, loc="lower center")
plt.show()
