r"""
Condition number, ravines and zigzag
====================================

The rate is limited by the largest eigenvalue, and progress by the smallest. Their ratio, the
condition number :math:`\kappa`, decides how many steps gradient descent takes: at the best constant
rate, :math:`2/(\lambda_{max} + \lambda_{min})`, the distance falls by :math:`(\kappa - 1)/(\kappa +
1)` a step.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import condition_number

plt.style.use("tinygrad_hess.viz.figures")


def descend(eigenvalues, start, least=1e-6, most=20000):
    """At the best constant rate, to a distance of ``least`` of the first."""
    gradient = tg.jit(tg.grad(lambda x: (eigenvalues * x**2).sum() / 2))
    rate, path = 2 / (eigenvalues.max() + eigenvalues.min()), [np.asarray(start, float)]
    while np.linalg.norm(path[-1]) > least * np.linalg.norm(start) and len(path) <= most:
        path.append(path[-1] - rate * gradient(path[-1]))
    return np.array(path)


kappas, counts = [1.5, 3, 10, 30, 100, 300, 1000], []
for kappa in kappas:
    path = descend(np.array([kappa, 1.0]), [1.0, 1.0])
    factors = np.linalg.norm(path[1:], axis=1) / np.linalg.norm(path[:-1], axis=1)
    np.testing.assert_allclose(factors, (kappa - 1) / (kappa + 1))
    counts.append(len(path) - 1)
predicted = np.log(1e-6) / np.log((np.array(kappas) - 1) / (np.array(kappas) + 1))
assert (abs(counts - predicted) <= 1).all()
print("κ:    ", *(f"{kappa:>7g}" for kappa in kappas))
print("steps:", *(f"{count:>7}" for count in counts))

# %%
# "A low condition number is bad" is a slip that one can read: it is a *high* one that is bad. At κ
# = 1 one step is enough.

assert counts == sorted(counts)
assert len(descend(np.array([5.0, 5.0]), [0.3, -1.0])) - 1 == 1

# %%
# Zigzag
# ------
# Across the ravine each step lands on the other slope; along it progress is slow and steady.

path = descend(np.array([20.0, 1.0]), [0.6, 3.0])
across = path[:15, 0]
assert (across[1:] * across[:-1] < 0).all() and (np.diff(path[:, 1]) < 0).all()

# %%
# What it needs
# -------------
# The number is about the *worst* start. From an eigenvector, one step at the right rate is enough
# however large κ is. And it makes sense for positive eigenvalues only: at a saddle λmax/λmin is a
# number that says nothing. The library's takes the smallest *positive* one, and counts the others
# beside it.

lucky, rate = np.array([0.0, 1.0]), 1.0  # the eigenvector of the eigenvalue 1
np.testing.assert_array_equal(lucky - rate * np.array([1000.0, 1.0]) * lucky, 0)
found = condition_number(np.diag([100.0, 2.0, 0.0, -5.0]))
print(found.inertia)
inertia = found.inertia
assert (inertia.positive.value, inertia.zero.value, inertia.negative.value) == (2, 1, 1)
np.testing.assert_allclose(found.value, 50)

fig, (left, right) = plt.subplots(1, 2, width_ratios=(1.3, 1))
X, Y = np.meshgrid(np.linspace(-3.2, 3.2, 101), np.linspace(-0.9, 0.9, 61))
left.contour(X, Y, (X**2 + 20 * Y**2) / 2, levels=[0.2, 1, 2.5, 4.5, 8], linewidths=0.9)
left.plot(path[:, 1], path[:, 0], "C1o-", ms=3, lw=1.2)
left.set(title="In a ravine (κ = 20) gradient descent zigzags", xlabel="x₀, curvature 1")
left.set_ylabel("x₁, curvature 20")
right.loglog(kappas, predicted, "C1--", label="ln 10⁻⁶ / ln((κ − 1)/(κ + 1))")
right.loglog(kappas, counts, "C0o", label="counted")
right.set(title="Steps grow in proportion to κ", xlabel="condition number κ")
right.set_ylabel("steps to 10⁻⁶ of the distance")
right.legend()
plt.show()
