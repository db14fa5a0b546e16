r"""
The derivative with respect to another function
===============================================

How fast does :math:`x^6` change when :math:`x^2` changes? Both move with x, so

.. math:: \frac{df}{dg} = \frac{f'(x)}{g'(x)},
   \qquad \frac{d\,x^6}{d\,x^2} = \frac{6x^5}{2x} = 3x^4.

The derivative of an inverse function is the case f = x: :math:`dx/dy = 1/(dy/dx)`.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def with_respect_to(f, g):
    """df/dg as a function of x."""
    return tg.vmap(lambda x: tg.grad(f)(x) / tg.grad(g)(x))


x = np.linspace(0.2, 1.3, 45)
f, g = lambda x: x**6, lambda x: x**2
ratio = with_respect_to(f, g)(x)
np.testing.assert_allclose(ratio, 3 * x**4)

# %%
# With u = x^2 the function is u^3, whose slope in u is 3 u^2: the same.

np.testing.assert_allclose(tg.vmap(tg.grad(lambda u: u**3))(x**2), ratio)

# %%
# The condition: g' is not zero. At x = 0 the ratio is 0/0, although the answer, 3 u^2 = 0, exists.

with np.errstate(invalid="ignore"):
    assert np.isnan(with_respect_to(f, g)(np.zeros(1)))

# %%
# Inverse functions
# -----------------
# The inverse of sinh x + x has no formula; its slope needs none. Checked by differences of an
# inverse found by bisection.


def y_of(x):
    return np.sinh(x) + x


def x_of(y, steps=60):
    low, high = np.full_like(y, -5.0), np.full_like(y, 5.0)
    for _ in range(steps):
        middle = (low + high) / 2
        below = y_of(middle) < y
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


points = np.linspace(-2, 2, 41)
y = y_of(points)
slope = tg.vmap(tg.grad(y_of))(points)
measured = (x_of(y + 1e-5) - x_of(y - 1e-5)) / 2e-5
np.testing.assert_allclose(1 / slope, measured, rtol=1e-8)

# %%
# The reciprocal holds for first derivatives only. Of second derivatives
# :math:`x''(y) = -y''(x)/y'(x)^3`, and not 1/y''.

bend = tg.vmap(tg.grad(tg.grad(y_of)))(points)
h = 1e-3
measured_bend = (x_of(y + h) - 2 * x_of(y) + x_of(y - h)) / h**2
np.testing.assert_allclose(-bend / slope**3, measured_bend, atol=1e-6)
assert abs(1 / bend[bend != 0] - measured_bend[bend != 0]).min() > 0.2

fig, (left, right) = plt.subplots(1, 2)
left.plot(x**2, x**6, "C3")
for at in (0.7, 1.0, 1.2):
    run = np.array([-0.2, 0.2])
    left.plot(at**2 + run, at**6 + 3 * at**4 * run, "C0")
    left.annotate(
        f"3x⁴ = {3 * at**4:.2f}", (at**2, at**6), (-74, 2), textcoords="offset points", color="C0"
    )
left.set(title="d x⁶ / d x² is a slope over the axis x²", xlabel="x²", ylabel="x⁶")
right.plot(points, y, "C0", label="y = sinh x + x")
right.plot(y, points, "C1", label="its inverse")
right.plot([-4, 4], [-4, 4], color="C3", lw=0.8, ls=":")
at, k = points[30], tg.grad(y_of)(points[30])
run = np.array([-0.8, 0.8])
right.plot(at + run, y_of(at) + k * run, "k", lw=1)
right.plot(y_of(at) + k * run, at + run, "k", lw=1)
right.annotate(f"slope {k:.2f}", (at, y_of(at)), (-62, 6), textcoords="offset points")
right.annotate(f"slope 1/{k:.2f}", (y_of(at), at), (2, -18), textcoords="offset points")
right.set(title="Mirrored at the diagonal, slopes invert", xlabel="x", ylabel="y")
right.set(xlim=(-4, 4.6), ylim=(-4, 4.6), aspect="equal")
right.legend(loc="lower right")
plt.show()
