r"""
BFGS: curvature learnt from gradients
=====================================

A quasi-Newton method keeps a guess M of the inverse Hessian. After each step s, on which the
gradient changed by y, it corrects the guess so that :math:`M y = s`, the *secant condition*: what
the true inverse does on average along the step. Of all symmetric matrices that do, BFGS takes the
nearest one.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import line_search

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def bfgs(M, s, y):
    E = np.eye(len(s)) - np.outer(s, y) / (s @ y)
    return E @ M @ E.T + np.outer(s, s) / (s @ y)


# %%
# The secant condition
# --------------------
# The *mean* Hessian along the step takes s to y, whatever the function: here by Gauss's rule.


def f(v):
    """Rosenbrock's function of ten variables."""
    return (100 * (v[1:] - v[:-1] ** 2) ** 2 + (1 - v[:-1]) ** 2).sum()


rng = np.random.default_rng(0)
x, s = rng.normal(size=(2, 10))
y = tg.grad(f)(x + s) - tg.grad(f)(x)
nodes, weights = np.polynomial.legendre.leggauss(5)
mean = sum(w / 2 * tg.hessian(f)(x + (1 + t) / 2 * s) for t, w in zip(nodes, weights))
np.testing.assert_allclose(mean @ s, y)

# %%
# The nearest matrix
# ------------------
# Nearest in the Frobenius norm weighted by a W with W s = y: :math:`\|W^{1/2}(M^+ -
# M)W^{1/2}\|_F`. Any symmetric change Z that keeps the secant condition, Z y = 0, leads farther
# away: it is at right angles to the update.

A = rng.normal(size=(10, 10))
W = A @ A.T + np.eye(10)
M, y = np.eye(10), W @ s
updated = bfgs(M, s, y)
np.testing.assert_allclose(updated @ y, s)
np.testing.assert_allclose(updated, updated.T)
assert np.linalg.eigvalsh(updated)[0] > 0  # since s'y > 0
root = np.linalg.cholesky(W)  # any root gives the same norm
weighted = lambda X: root.T @ X @ root
change, project = weighted(updated - M), np.eye(10) - np.outer(y, y) / (y @ y)
for B in rng.normal(size=(200, 10, 10)):
    Z = weighted(project @ (B + B.T) @ project)
    assert abs(np.sum(change * Z)) < 1e-9 * np.linalg.norm(Z) * np.linalg.norm(change)
    assert np.linalg.norm(change + Z) > np.linalg.norm(change)

# %%
# "Quasi-Newton matrices stay positive definite" needs s'y > 0. A line search that meets Wolfe's
# conditions guarantees it; without one, where the curvature is negative, the update breaks.

assert np.linalg.eigvalsh(bfgs(np.eye(2), np.array([1.0, 0.0]), np.array([-0.5, 0.2])))[0] < 0

# %%
# On a quadratic, with exact line searches, it has the inverse Hessian after n steps.

x, M = rng.normal(size=10), np.eye(10)
for _ in range(10):
    d = -M @ (W @ x)
    s = -(d @ (W @ x)) / (d @ W @ d) * d
    M, x = bfgs(M, s, W @ s), x + s
np.testing.assert_allclose(M, np.linalg.inv(W), atol=1e-8)

# %%
# On Rosenbrock's function
# ------------------------

value, gradient = tg.jit(f), tg.jit(tg.grad(f))
x, M, g, norms = np.full(10, -0.5), np.eye(10), gradient(np.full(10, -0.5)), []
while np.linalg.norm(g) > 1e-8:
    norms.append(np.linalg.norm(g))
    s = line_search(value, gradient, x, -M @ g, gfk=g, maxiter=50)[0] * (-M @ g)
    M, x, g = bfgs(M, s, gradient(x + s) - g), x + s, gradient(x + s)
inverse = np.linalg.inv(tg.hessian(f)(x))
learnt = np.linalg.norm(M - inverse) / np.linalg.norm(inverse)
print(f"{len(norms)} steps; the inverse Hessian is learnt to {learnt:.1%}, from gradients alone")
np.testing.assert_allclose(x, 1, atol=1e-6)
assert learnt < 0.3

fig, (left, right) = plt.subplots(1, 2)
left.semilogy(norms, "C0")
left.set(title="Slow until it knows the curvature, then fast", xlabel="step")
left.set_ylabel("length of the gradient")
rank = range(10, 0, -1)
right.semilogy(rank, np.linalg.eigvalsh(inverse), "ks", ms=7, mfc="none", label="true")
right.semilogy(rank, np.linalg.eigvalsh(M), "o", color="C1", label="learnt")
right.set(title="It learns the inverse Hessian", xlabel="rank", xticks=[1, 4, 7, 10])
right.set_ylabel("eigenvalue of the inverse")
right.legend()
plt.show()
