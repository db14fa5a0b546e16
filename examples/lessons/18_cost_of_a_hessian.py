r"""
What a Hessian costs
====================

For n parameters the gradient costs a small multiple of the function: n operations. So does a
product of the Hessian with a vector. The Hessian has n² entries, and its eigenvalues take n³
operations.
"""

import os
import timeit

import matplotlib.pyplot as plt
import numpy as np
from threadpoolctl import threadpool_limits

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def f(v):
    """Rosenbrock's function of n variables."""
    return (100 * (v[1:] - v[:-1] ** 2) ** 2 + (1 - v[:-1]) ** 2).sum()


def seconds(work, repeats=5):
    """The shortest of several runs, on one core; the first, which records, does not count."""
    with threadpool_limits(1):
        work()
        return min(timeit.repeat(work, number=1, repeat=repeats))


gradient, product, hessian = (
    tg.jit(tg.grad(f)),
    tg.jit(lambda v, u: tg.hvp(f, v, u)),
    tg.jit(tg.hessian(f)),
)
rng = np.random.default_rng(0)
sizes = {"gradient": [], "product": [], "hessian": [], "eigenvalues": []}
for n in (64, 256, 1024, 4096, 16384, 65536, 262144):
    v, u = rng.uniform(-1, 1, n), rng.normal(size=n)
    sizes["gradient"].append((n, seconds(lambda: gradient(v)), v.nbytes))
    sizes["product"].append((n, seconds(lambda: product(v, u)), v.nbytes))
    if n <= 1024:
        H = hessian(v)
        assert H.nbytes == 8 * n**2
        sizes["hessian"].append((n, seconds(lambda: hessian(v)), H.nbytes))
        sizes["eigenvalues"].append((n, seconds(lambda: np.linalg.eigvalsh(H)), H.nbytes))
        np.testing.assert_allclose(product(v, u), H @ u, atol=1e-9)

for name, rows in sizes.items():
    print(f"{name:<12}" + "  ".join(f"n = {n:,}: {1e3 * t:.3g} ms" for n, t, _ in rows))

# %%
# A product with a million parameters
# -----------------------------------
# The product is as exact there. This Hessian has three diagonals, which pencil and paper give:

v, u = rng.uniform(-1, 1, 10**6), rng.normal(size=10**6)
main = np.zeros_like(v)
main[:-1] = 1200 * v[:-1] ** 2 - 400 * v[1:] + 2
main[1:] += 200
beside = -400 * v[:-1]
expected = main * u
expected[:-1] += beside * u[1:]
expected[1:] += beside * u[:-1]
np.testing.assert_allclose(tg.hvp(f, v, u), expected, atol=1e-8)

# %%
# Where memory ends
# -----------------
# 8 n² bytes: the whole memory of a machine goes to a small net.

if hasattr(os, "sysconf"):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
else:  # Windows
    memory = 16 * 2**30
largest = int(np.sqrt(memory / 8))
print(f"{memory / 2**30:.0f} GiB hold a dense Hessian of {largest:,} parameters at most")
print(f"a million parameters would need {8 * 10**12 / 2**40:.1f} TiB")
assert 8 * largest**2 <= memory < 8 * (largest + 1) ** 2

# %%
# "Second derivatives are too expensive for large n" is true of the matrix. Many questions need
# products alone, some tens of them for the largest eigenvalue. It lies between the largest diagonal
# entry and Gershgorin's bound.

op = tg.curvature.HessianOperator(f, v[:200_000])
main, beside = main[:200_000], abs(beside[:200_000])
top = tg.curvature.top_eigenpairs(op, 1, rtol=1e-3, max_matvecs=300)
bound = (abs(main) + beside + np.r_[0, beside[:-1]]).max()
assert main[:-1].max() <= top.values[0] * (1 + 1e-3) and top.values[0] <= bound
print(f"largest eigenvalue, 200,000 parameters: {top.values[0]:.1f}, by {op.matvecs} products")

fig, (left, right) = plt.subplots(1, 2)
for k, (name, rows) in enumerate(sizes.items()):
    n, t, size = np.array(rows).T
    order = {"gradient": "n", "product": "n", "hessian": "n²", "eigenvalues": "n³"}[name]
    left.loglog(n, 1e3 * t, f"C{k}{'o^sD'[k]}-", label=f"{name}: {order}")
left.set(title="A Hessian-vector product costs what a gradient does", xlabel="parameters n")
left.set(ylabel="time (ms)")
left.legend()
n = np.geomspace(64, 1e7, 50)
right.loglog(n, 8 * n**2 / 2**30, "C2", label="dense Hessian")
right.loglog(n, 8 * n / 2**30, "C0", label="gradient, product")
right.axhline(memory / 2**30, color="C1", ls="--")
right.annotate(
    "memory of this machine", (80, memory / 2**30), (0, 5), textcoords="offset points", color="C1"
)
right.plot(largest, memory / 2**30, "o", color="C1")
right.annotate(
    f"n = {largest:,}", (largest, memory / 2**30), (8, -14), textcoords="offset points", color="C1"
)
right.set(title="Memory ends the matrix early", xlabel="parameters n", ylabel="memory (GiB)")
right.legend(loc="lower right")
plt.show()
