r"""
L-BFGS: the memory that curvature needs
=======================================

BFGS stores a matrix of n² numbers. But the matrix is made of the pairs (s, y) of the steps so far,
and only its product with the gradient is wanted: L-BFGS keeps the last m pairs, 2 m n numbers, and
computes the product from them.

Nocedal (1980), Updating quasi-Newton matrices with limited storage.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import line_search

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def bfgs(M, s, y):
    E = np.eye(len(s)) - np.outer(s, y) / (s @ y)
    return E @ M @ E.T + np.outer(s, s) / (s @ y)


def two_loops(g, pairs, scaled):
    """M g by products of vectors; M starts as the identity, or at the scale of the last step."""
    q, kept = g.copy(), []
    for s, y in reversed(pairs):
        kept.append((s @ q) / (s @ y))
        q -= kept[-1] * y
    if pairs and scaled:
        s, y = pairs[-1]
        q *= (s @ y) / (y @ y)
    for (s, y), a in zip(pairs, reversed(kept)):
        q += (a - (y @ q) / (s @ y)) * s
    return q


# %%
# From the same pairs the product is the same: with room for every pair L-BFGS *is* BFGS.

rng = np.random.default_rng(0)
A = rng.normal(size=(10, 10))
A, M, g = A @ A.T + np.eye(10), np.eye(10), rng.normal(size=10)
pairs = [(s, A @ s) for s in rng.normal(size=(6, 10))]
for s, y in pairs:
    M = bfgs(M, s, y)
np.testing.assert_allclose(two_loops(g, pairs, scaled=False), M @ g)

# %%
# How many pairs?
# ---------------
# On Rosenbrock's function of 30 variables, every step by the same line search.


def f(v):
    return (100 * (v[1:] - v[:-1] ** 2) ** 2 + (1 - v[:-1]) ** 2).sum()


value, gradient = tg.jit(f), tg.jit(tg.grad(f))


def minimise(memory, scaled):
    """The lengths of the gradient, until it is below 1e-6."""
    x, g, pairs, norms = np.full(30, -0.5), gradient(np.full(30, -0.5)), [], []
    while np.linalg.norm(g) > 1e-6:
        norms.append(np.linalg.norm(g))
        d = -two_loops(g, pairs, scaled)
        s = line_search(value, gradient, x, d, gfk=g, maxiter=50)[0] * d
        pairs = [*pairs, (s, gradient(x + s) - g)][-memory:]
        x, g = x + s, gradient(x + s)
    np.testing.assert_allclose(x, 1, atol=1e-5)
    return norms


MEMORIES = (1, 2, 3, 5, 10, 20, 40, 100)
runs = {m: minimise(m, scaled=True) for m in MEMORIES}
counts = [len(norms) for norms in runs.values()]
unscaled = [len(minimise(m, scaled=False)) for m in MEMORIES]
print("pairs kept:     ", *(f"{m:>4}" for m in MEMORIES))
print("steps, scaled:  ", *(f"{count:>4}" for count in counts))
print("steps, unscaled:", *(f"{count:>4}" for count in unscaled))

# %%
# "The more memory the fewer steps" holds here with the scale, and with diminishing returns: ten
# pairs are nearly as good as all. Without it the statement is wrong: the identity that M starts
# with has the wrong size, which steps long ago cannot mend.

assert counts == sorted(counts, reverse=True) and counts[4] < 1.5 * counts[-1]
assert unscaled[5] > 2 * unscaled[0]

fig, (left, right) = plt.subplots(1, 2, width_ratios=(1.2, 1))
for m, style in ((1, "C0-."), (10, "C2--"), (100, "C1-")):
    left.semilogy(runs[m], style, label="all pairs" if m == 100 else f"{m} pair{'s' * (m > 1)}")
left.set(title="Ten pairs are nearly as good as all", xlabel="step")
left.set_ylabel("length of the gradient")
left.legend()
right.loglog(MEMORIES, counts, "C0o-", label="scaled by the last step")
right.loglog(MEMORIES, unscaled, "C1s--", label="from the identity")
right.set(title="More memory helps, with the right scale", xlabel="pairs kept", ylabel="steps")
right.set_xticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
right.set_yticks([50, 100, 200], ["50", "100", "200"])
right.minorticks_off()
right.legend()
plt.show()
