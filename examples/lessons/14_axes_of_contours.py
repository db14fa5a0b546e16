r"""
Eigenvectors are the axes of the contours
=========================================

The contours of a quadratic are ellipses. Their axes lie along the eigenvectors of the Hessian; the
half-axis of the contour that is c above the minimum is :math:`\sqrt{2c/\lambda}`. A *large*
eigenvalue is a *short* axis: the function climbs quickly there.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")

A = np.array([[3.0, 1.2], [1.2, 1.0]])
q = lambda x: (x @ A * x).sum(axis=-1) / 2
values, vectors = np.linalg.eigh(tg.hessian(q)(np.zeros(2)))

# %%
# The contour is found without eigenvectors, by going out in every direction until the height is c.

c = 0.5
angles = np.linspace(0, 2 * np.pi, 3601)
u = np.stack([np.cos(angles), np.sin(angles)], axis=1)
distance = np.sqrt(c / q(u))  # q(t u) = t² q(u)
np.testing.assert_allclose(distance.max(), np.sqrt(2 * c / values[0]), rtol=1e-6)
np.testing.assert_allclose(distance.min(), np.sqrt(2 * c / values[1]), rtol=1e-6)
assert abs(u[distance.argmax()] @ vectors[:, 0]) > 1 - 1e-5  # the long axis: the small eigenvalue
assert abs(u[distance.argmin()] @ vectors[:, 1]) > 1 - 1e-5
print(
    f"axes {distance.max() / distance.min():.3f} : 1, eigenvalues 1 : {values[1] / values[0]:.3f}"
)

# %%
# Any function, near its minimum
# ------------------------------
# Of a function that is no quadratic the contours tend to these ellipses as they shrink.
# Rosenbrock's valley bends: at height 0.001 its contour is an ellipse to the eye, at 1 it is a
# banana.


def rosenbrock(v):
    return (1 - v[0]) ** 2 + 10 * (v[1] - v[0] ** 2) ** 2


minimum = np.array([1.0, 1.0])
H = tg.hessian(rosenbrock)(minimum)
np.testing.assert_allclose(H, [[82, -40], [-40, 20]])
at_minimum, axes = np.linalg.eigh(H)


def contour(height, direction):
    """How far the contour is along a direction, by bisection."""
    low, high = 0.0, 4.0
    for _ in range(60):
        middle = (low + high) / 2
        below = rosenbrock(minimum + middle * direction) < height
        low, high = (middle, high) if below else (low, middle)
    return low


heights = 10.0 ** -np.arange(0, 7)
errors = []
for height in heights:
    predicted = np.sqrt(2 * height / at_minimum)
    measured = [contour(height, axis) for axis in axes.T]
    errors.append(abs(measured / predicted - 1).max())
for height, error in zip(heights, errors):
    print(f"height {height:.0e}: axis off by {error:.1%}")
assert errors[0] > 0.2 and errors[-1] < 0.002 and (np.diff(errors) < 0).all()

fig, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 3.6))
grid = np.linspace(-2, 2, 101)
X, Y = np.meshgrid(grid, grid)
left.contour(X, Y, q(np.stack([X, Y], axis=-1)), levels=[0.1, 0.5])
for k in range(2):
    length = np.sqrt(2 * c / values[k])
    ends = np.outer(length * vectors[:, k], (-1, 1))
    left.plot(*ends, f"C{1 + k}", label=f"λ = {values[k]:.2f}: √(2c/λ) = {length:.2f}")
left.set(title="Large eigenvalue, short axis", xlabel="x₀", ylabel="x₁")
left.set(aspect="equal", ylim=(-1.7, 2.3))
left.legend(loc="upper center", fontsize=8)
for ax, height, title in ((middle, 1e-3, "Low: an ellipse"), (right, 1.0, "High: a banana")):
    reach = 1.25 * np.sqrt(2 * height / at_minimum[0])
    side = np.linspace(-1.1 * reach, 1.1 * reach, 201)
    X, Y = np.meshgrid(1 + 0.6 * side, 1 + side)
    ax.contour(X, Y, rosenbrock(np.stack([X, Y])), levels=[height], colors="C0")
    ellipse = np.sqrt(2 * height / np.einsum("ni,ij,nj->n", u, H, u))[:, None] * u + minimum
    ax.plot(*ellipse.T, "C1--", lw=1.2)
    ax.set(title=f"{title}\n(height {height:g})", xlabel="x₀", ylabel="x₁")
middle.plot([], [], "C0", label="contour")
middle.plot([], [], "C1--", label="from the Hessian")
middle.legend(loc="lower right", fontsize=8)
middle.ticklabel_format(useOffset=False)
plt.show()
