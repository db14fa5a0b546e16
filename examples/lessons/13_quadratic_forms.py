r"""
Quadratic forms and their four shapes
=====================================

:math:`q(x) = \frac12 x^T A x` is the shape of a smooth function near a point where its gradient is
zero, if its Hessian A has an inverse there. The signs of the eigenvalues of A decide: a bowl, a
dome, a saddle; or, with a zero among them, a trough.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")

Q = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
SHAPES = {
    "both positive: a bowl": (3.0, 1.0),
    "both negative: a dome": (-3.0, -1.0),
    "one of each: a saddle": (2.0, -2.0),
    "one is zero: a trough": (2.0, 0.0),
}


def form(A):
    return lambda x: x @ A @ x / 2


angles = np.linspace(0, 2 * np.pi, 721)
circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
for values in SHAPES.values():
    A = Q @ np.diag(values) @ Q.T
    around = np.einsum("ni,ij,nj->n", circle, A, circle)  # on the unit circle
    np.testing.assert_allclose([around.max(), around.min()], sorted(values)[::-1], atol=1e-4)
    np.testing.assert_allclose(tg.hessian(form(A))(np.array([0.7, -0.2])), A, atol=1e-15)

# %%
# A matrix that is not symmetric
# ------------------------------
# :math:`x^T A x` sees the symmetric part only: the gradient is :math:`\frac12(A + A^T)x`, not Ax,
# and the Hessian :math:`\frac12(A + A^T)`. "Positive eigenvalues make a bowl" needs symmetry: both
# of these are 1, and the form is a saddle.

A = np.array([[1.0, -6.0], [0.0, 1.0]])
S = (A + A.T) / 2
x = np.array([1.0, 1.0])
np.testing.assert_allclose(tg.grad(form(A))(x), S @ x)
np.testing.assert_allclose(tg.hessian(form(A))(x), S)
assert not np.allclose(A @ x, S @ x)
assert (np.linalg.eigvals(A) == 1).all()
np.testing.assert_allclose(np.linalg.eigvalsh(S), [-2, 4])
assert form(A)(x) == -2

# %%
# A matrix without an inverse
# ---------------------------
# With a linear term, :math:`\frac12 x^T A x - b^T x`, the critical points solve Ax = b. Where A has
# no inverse there is a whole line of them, if b is in its range, and none otherwise: the function
# then falls for ever, although no curvature is negative.

trough = Q @ np.diag([2.0, 0.0]) @ Q.T
across, along = Q.T
assert abs(np.linalg.det(trough)) < 1e-15


def with_slope(b):
    return lambda x: form(trough)(x) - b @ x


line = np.linalg.pinv(trough) @ across + np.linspace(-5, 5, 11)[:, None] * along
gradients = tg.vmap(tg.grad(with_slope(across)))(line)
np.testing.assert_allclose(gradients, 0, atol=1e-15)
values = [with_slope(across)(point) for point in line]
np.testing.assert_allclose(values, values[0])
falling = [with_slope(across + 0.1 * along)(t * along) for t in (0, 10, 100, 1000)]
np.testing.assert_allclose(falling, [0, -1, -10, -100], atol=1e-12)
_, _, rank, _ = np.linalg.lstsq(trough, across, rcond=1e-12)
assert rank == 1

fig = plt.figure(figsize=(9.6, 4.6))
grid = np.linspace(-1.5, 1.5, 41)
points = np.stack(np.meshgrid(grid, grid), axis=-1)
for k, (title, eigenvalues) in enumerate(SHAPES.items()):
    A = Q @ np.diag(eigenvalues) @ Q.T
    heights = np.einsum("...i,ij,...j->...", points, A, points) / 2
    surface = fig.add_subplot(2, 4, k + 1, projection="3d")
    surface.plot_surface(*np.moveaxis(points, -1, 0), heights, cmap="cividis")
    surface.set_title(title, fontsize=9.5, loc="center")
    surface.set(xticklabels=[], yticklabels=[], zticklabels=[], xlabel="x₀", ylabel="x₁")
    surface.xaxis.labelpad = surface.yaxis.labelpad = -12
    flat = fig.add_subplot(2, 4, k + 5)
    flat.contour(grid, grid, heights, levels=9, linewidths=1)
    for value, axis, colour in zip(eigenvalues, Q.T, ("C1", "C2")):
        flat.plot(*np.outer(axis, (-1.2, 1.2)), colour, lw=1.2)
        end = 1.32 * axis
        flat.text(*end, f"{value:+g}", color=colour, ha="center", va="center", backgroundcolor="w")
    flat.set(aspect="equal", xticks=[], yticks=[], xlabel="x₀", ylabel="x₁")
fig.suptitle("The signs of the eigenvalues (numbers at the axes) decide the shape")
plt.show()
