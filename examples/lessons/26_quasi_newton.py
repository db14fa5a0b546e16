r"""
BFGS and L-BFGS: curvature learnt from gradients
================================================

A quasi-Newton method keeps a guess M of the inverse Hessian, and after each step s with the change
y of the gradient it corrects the guess so that :math:`M y = s`, the *secant condition*: what the
true inverse does on average along the step. Of all symmetric matrices that do, BFGS takes the
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


def two_loops(g, pairs):
    """M g from the last pairs alone, with no matrix (Nocedal 1980); M starts as the identity."""
    q, kept = g.copy(), []
    for s, y in reversed(pairs):
        kept.append((s @ q) / (s @ y))
        q -= kept[-1] * y
    for (s, y), a in zip(pairs, reversed(kept)):
        q += (a - (y @ q) / (s @ y)) * s
    return q


# %%
# Nearest, in the Frobenius norm weighted by W with W s = y: :math:`\|W^{1/2}(M^+ - M)W^{1/2}\|_F`.
# Any change Z that keeps the secant condition (Z y = 0, symmetric) only goes farther away.

rng = np.random.default_rng(0)
n = 6
A = rng.normal(size=(n, n))
A = A @ A.T + np.eye(n)
s, M = rng.normal(size=n), np.eye(n)
y = A @ s
updated = bfgs(M, s, y)
np.testing.assert_allclose(updated @ y, s)
np.testing.assert_allclose(updated, updated.T)
assert np.linalg.eigvalsh(updated)[0] > 0  # since s'y > 0
root = np.linalg.cholesky(A)  # A itself is such a W
farness = lambda X: np.linalg.norm(root.T @ (X - M) @ root)
project = np.eye(n) - np.outer(y, y) / (y @ y)
for _ in range(200):
    B = rng.normal(size=(n, n))
    Z = project @ (B + B.T) @ project
    assert farness(updated + Z) > farness(updated)
    inner = np.sum((root.T @ (updated - M) @ root) * (root.T @ Z @ root))
    assert abs(inner) < 1e-9 * np.linalg.norm(Z) * farness(updated)  # at right angles: the nearest

# %%
# "Quasi-Newton matrices stay positive definite" needs s'y > 0. A line search that meets Wolfe's
# conditions guarantees it; without one, where the curvature is negative, the update breaks.

assert np.linalg.eigvalsh(bfgs(np.eye(2), np.array([1.0, 0.0]), np.array([-0.5, 0.2])))[0] < 0

# %%
# On Rosenbrock's function of 10 variables
# ----------------------------------------


def f(v):
    return (100 * (v[1:] - v[:-1] ** 2) ** 2 + (1 - v[:-1]) ** 2).sum()


value, gradient = tg.jit(f), tg.jit(tg.grad(f))


def minimise(memory, steps=500):
    """BFGS where ``memory`` is None."""
    x, M, pairs, norms = np.full(10, -0.5), np.eye(10), [], []
    for _ in range(steps):
        g = gradient(x)
        norms.append(np.linalg.norm(g))
        if norms[-1] < 1e-8:
            break
        d = -(M @ g) if memory is None else -two_loops(g, pairs)
        rate = line_search(value, gradient, x, d, gfk=g, c2=0.9, maxiter=50)[0]
        step = rate * d
        change = gradient(x + step) - g
        M, x = bfgs(M, step, change), x + step
        pairs = [*pairs, (step, change)][-(memory or 0) :]
    return x, M, np.array(norms)


runs = {"BFGS": minimise(None)} | {f"L-BFGS, {m} pairs": minimise(m) for m in (2, 5, 20, 500)}
for name, (x, _, norms) in runs.items():
    print(f"{name:<18} {len(norms) - 1:>4} steps, |g| = {norms[-1]:.0e}")
    np.testing.assert_allclose(x, 1, atol=1e-6)
assert len(runs["L-BFGS, 2 pairs"][2]) > len(runs["BFGS"][2])

# %%
# With room for every pair L-BFGS *is* BFGS, and at the end BFGS has learnt the inverse Hessian.

whole, full = runs["L-BFGS, 500 pairs"][2], runs["BFGS"][2]
np.testing.assert_allclose(whole[:30], full[:30], rtol=1e-5)
x, M, _ = runs["BFGS"]
inverse = np.linalg.inv(tg.hessian(f)(x))
learnt = np.linalg.norm(M - inverse) / np.linalg.norm(inverse)
print(f"learnt inverse Hessian: off by {learnt:.1%}")
assert learnt < 0.3

fig, (left, right) = plt.subplots(1, 2, width_ratios=(1.5, 1))
for k, (name, style) in enumerate(
    zip(["L-BFGS, 2 pairs", "L-BFGS, 5 pairs", "L-BFGS, 20 pairs", "BFGS"], ("-.", "--", ":", "-"))
):
    left.semilogy(runs[name][2], f"C{k}{style}", label=name)
left.set(title="More memory, fewer steps", xlabel="step", ylabel="length of the gradient")
left.legend()
learnt_values, true_values = np.linalg.eigvalsh(M)[::-1], np.linalg.eigvalsh(inverse)[::-1]
right.semilogy(range(1, 11), true_values, "ks", ms=7, mfc="none", label="true")
right.semilogy(range(1, 11), learnt_values, "o", color="C3", label="learnt by BFGS")
right.set_xticks([1, 4, 7, 10])
right.set(title="It learns the inverse Hessian", xlabel="rank", ylabel="eigenvalue of the inverse")
right.legend()
plt.show()
