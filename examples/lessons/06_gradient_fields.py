r"""
Partial derivatives and gradient fields
=======================================

A partial derivative is the slope along one axis, the others held fixed. The gradient collects them;
it points where the function climbs most steeply, at right angles to the contours.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def f(p):
    x, y = p[..., 0], p[..., 1]
    return np.exp(-((x - 1) ** 2) - y**2) - np.exp(-((x + 1) ** 2) - y**2)


grid = np.linspace(-2.5, 2.5, 61)
points = np.stack(np.meshgrid(grid, grid), axis=-1)
gradient = tg.grad(lambda p: f(p).sum())(points)  # of all points at once: they do not interact

x, y = np.moveaxis(points, -1, 0)
hill, dale = np.exp(-((x - 1) ** 2) - y**2), np.exp(-((x + 1) ** 2) - y**2)
by_x, by_y = -2 * (x - 1) * hill + 2 * (x + 1) * dale, -2 * y * (hill - dale)
np.testing.assert_allclose(gradient, np.stack([by_x, by_y], axis=-1), atol=1e-15)

# %%
# Along a direction u of length 1 the slope is g · u. Of all directions that of the gradient has the
# largest slope, its length; at right angles to it the slope is zero: the direction of the contour.

p, g = np.array([0.3, 0.8]), tg.grad(f)(np.array([0.3, 0.8]))
angles = np.linspace(0, 2 * np.pi, 361)
u = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
h = 1e-5
slopes = (f(p + h * u) - f(p - h * u)) / (2 * h)  # measured, in each direction
np.testing.assert_allclose(slopes, u @ g, atol=1e-9)
steepest = u[slopes.argmax()]
assert steepest @ g / np.linalg.norm(g) > np.cos(np.deg2rad(0.51))
np.testing.assert_allclose(slopes.max(), np.linalg.norm(g), rtol=1e-4)

# %%
# "The partial derivatives exist, so the function is differentiable" is wrong: of
# :math:`xy/(x^2+y^2)`, and 0 at the origin, both are zero there, since it is zero on both axes. On
# the diagonal it is 1/2 as near to the origin as one likes: it is not even continuous. The
# statement needs *continuous* partial derivatives.


def jumpy(x, y):
    return x * y / (x**2 + y**2)


step = 10.0 ** -np.arange(1, 9)
assert (jumpy(step, 0) == 0).all() and (jumpy(0, step) == 0).all()
np.testing.assert_allclose(jumpy(step, step), 0.5)
near = tg.vmap(tg.grad(jumpy))(0 * step, step)  # at (0, y) it is 1/y: not continuous
np.testing.assert_allclose(near, 1 / step)

fig = plt.figure(figsize=(8.8, 4.0))
surface = fig.add_subplot(1, 2, 1, projection="3d")
surface.plot_surface(x, y, f(points), cmap="cividis", rcount=40, ccount=40)
surface.contour(x, y, f(points), offset=-1.6, linewidths=0.8)
surface.set(xlabel="x", ylabel="y", zlabel="f", zlim=(-1.6, 1), title="A hill and a dale")
surface.view_init(elev=26, azim=-58)
surface.set_box_aspect(None, zoom=0.86)
flat = fig.add_subplot(1, 2, 2)
flat.contour(grid, grid, f(points), levels=13, linewidths=0.9)
every = (slice(2, None, 5), slice(2, None, 5))
flat.quiver(x[every], y[every], by_x[every], by_y[every], color="C1", width=0.005)
flat.set(title="Gradients cross the contours at right angles,\nuphill")
flat.set(xlabel="x", ylabel="y", aspect="equal")
plt.show()
