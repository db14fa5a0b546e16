r"""
The Jacobian as the local linear map
====================================

Close to a point every smooth map is a linear one, and the Jacobian is its matrix:
:math:`f(x + d) \approx f(x) + J d`. Little squares become little parallelograms, their area times
\|det J\|. How far that holds is set by the second derivatives.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def warp(p):
    x, y = p[..., 0], p[..., 1]
    return np.stack([x + 0.35 * np.sin(1.5 * y), y + 0.3 * x**2], axis=-1)


centre = np.array([0.6, 0.5])
J = tg.jacobian(warp)(centre)
np.testing.assert_allclose(J, [[1, 0.525 * np.cos(0.75)], [0.36, 1]])


def linear(p):
    return warp(centre) + (p - centre) @ J.T


# %%
# Areas
# -----
# The image of a small square around the centre, as a polygon of 400 corners, has \|det J\| times
# its area.


def area(corners):
    x, y = corners.T
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


side = np.linspace(-1, 1, 101)[:-1]
square = np.concatenate([
    np.stack([side, -np.ones(100)], 1), np.stack([np.ones(100), side], 1),
    np.stack([-side, np.ones(100)], 1), np.stack([-np.ones(100), -side], 1),
])  # fmt: skip
ratio = area(warp(centre + 0.01 * square)) / area(0.01 * square)
np.testing.assert_allclose(ratio, abs(np.linalg.det(J)), rtol=1e-4)
print(f"area grows by {ratio:.4f}, det J = {np.linalg.det(J):.4f}")

# %%
# How far it predicts
# -------------------
# The error grows with the square of the distance: half the distance, a quarter of the error. Its
# size is half the second derivative along the direction, a Hessian for each of the two outputs.

direction = np.array([np.cos(1.2), np.sin(1.2)])
distances = np.geomspace(1e-4, 3, 60)
moved = centre + distances[:, None] * direction
error = np.linalg.norm(warp(moved) - linear(moved), axis=1)
H = tg.hessian(warp)(centre)  # (output, input, input)
predicted = np.linalg.norm(H @ direction @ direction) / 2 * distances**2

near = distances < 1e-2
slope = np.polyfit(np.log(distances[near]), np.log(error[near]), 1)[0]
print(f"error ~ distance^{slope:.3f}")
assert abs(slope - 2) < 0.01
np.testing.assert_allclose(error[near], predicted[near], rtol=0.01)
assert abs(error / predicted - 1)[distances > 1].max() > 0.2  # not so far away

# %%
# "J is invertible, so the map is" is right near the point only. This one has det J = 2 at (1, 0),
# and folds: det J is 0 on the line x = 0, and beyond it points have the same images again.

fold = lambda p: np.stack([p[0] ** 2, p[1]])
assert np.linalg.det(tg.jacobian(fold)(np.array([1.0, 0.0]))) == 2
np.testing.assert_array_equal(fold(np.array([1.0, 0.0])), fold(np.array([-1.0, 0.0])))

fig, (left, right) = plt.subplots(1, 2, figsize=(8.8, 4.0))
ticks, fine = np.linspace(-1, 1, 9), np.linspace(-1, 1, 60)
for tick in ticks:
    for curve in (np.stack([fine, 0 * fine + tick], 1), np.stack([0 * fine + tick, fine], 1)):
        left.plot(*warp(centre + 1.4 * curve).T, "C0", lw=1)
        left.plot(*linear(centre + 1.4 * curve).T, "C1--", lw=0.8)
left.plot([], [], "C0", label="warped grid")
left.plot([], [], "C1--", label="its linear map at the dot")
left.plot(*warp(centre), "ko")
left.set(title="Near the point the grid is\nas good as straight", xlabel="f₀", ylabel="f₁")
left.legend(loc="upper left", fontsize=8)
left.set(aspect="equal", ylim=(-1.6, 4.4))
right.loglog(distances, error, "C0", label="measured")
right.loglog(distances, predicted, "C1--", label="½ |second derivative| · distance²")
right.set(
    title="A tenth of the distance,\na hundredth of the error", xlabel="distance from the point"
)
right.set_ylabel("error of the linear map")
right.legend()
plt.show()
