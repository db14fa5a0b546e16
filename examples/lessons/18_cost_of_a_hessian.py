r"""
What a Hessian costs
====================

For n parameters the gradient costs a small multiple of the function: n operations. So does a
product of the Hessian with a vector. The Hessian has n² entries, and its eigenvalues take n³
operations.
"""

import re
import timeit

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def f(v):
    """The logarithm of a sum of exponentials; every entry of its Hessian is other than zero."""
    return np.log(np.exp(v).sum())


def seconds(work):
    """The shortest of several runs; the first, which records, is never that."""
    return min(timeit.repeat(work, number=1, repeat=5))


gradient, hessian = tg.jit(tg.grad(f)), tg.jit(tg.hessian(f))
product = tg.jit(lambda v, u: tg.hvp(f, v, u))
rng = np.random.default_rng(0)
times = {"gradient": {}, "product": {}, "Hessian": {}, "eigenvalues": {}}
for n in 2 ** np.arange(6, 21):
    v, u = rng.normal(size=(2, n))
    times["gradient"][n] = seconds(lambda: gradient(v))
    times["product"][n] = seconds(lambda: product(v, u))
    if n <= 1024:
        H = hessian(v)
        times["Hessian"][n] = seconds(lambda: hessian(v))
        times["eigenvalues"][n] = seconds(lambda: np.linalg.eigvalsh(H))
        np.testing.assert_allclose(product(v, u), H @ u, atol=1e-14)

for name, found in times.items():
    n, t = np.array([*found.items()])[-8:].T
    order = np.polyfit(np.log(n), np.log(t), 1)[0]
    print(f"{name:<12} {1e3 * t[-1]:>6.3g} ms for n = {n[-1]:>9,.0f}, time ~ n^{order:.2f}")

# %%
# Times depend on the machine, and grow faster while the arrays outgrow its caches. Operations do
# not: the plan of a replay counts them.


def operations(function, *arguments):
    plan = function.explain(*arguments)
    return int(re.search(r"([\d,]+) floating-point", plan)[1].replace(",", ""))


v, u = rng.normal(size=(2, 1024))
of_gradient, of_product = operations(gradient, v), operations(product, v, u)
of_hessian = operations(hessian, v)
print(f"n = 1,024: gradient {of_gradient:,}, product {of_product:,}, Hessian {of_hessian:,}")
assert of_gradient < 3 * len(v) and of_product < 3 * of_gradient
np.testing.assert_allclose(of_hessian, len(v) * of_product, rtol=0.3)  # n products

# %%
# A product with a million parameters
# -----------------------------------
# It is as exact there. By pencil and paper, with the softmax p of v, :math:`H = \mathrm{diag}(p) -
# pp^T`.

v, u = rng.normal(size=(2, 10**6))
p = np.exp(v) / np.exp(v).sum()
np.testing.assert_allclose(tg.hvp(f, v, u), p * u - p * (p @ u), rtol=1e-9, atol=1e-16)

# %%
# Where memory ends
# -----------------
# A dense Hessian takes 8 n² bytes: the whole memory of a laptop goes to a small net.

MEMORY = 16 * 2**30
largest = int(np.sqrt(MEMORY / 8))
assert H.nbytes == 8 * len(H) ** 2
print(f"16 GiB hold the Hessian of {largest:,} parameters; a million need {8e12 / 2**40:.1f} TiB")

# %%
# "Second derivatives are too expensive for large n" is true of the matrix. Many questions need
# products alone, a few tens for the largest eigenvalue. Here it lies between the two largest
# entries of p.

v = 3 * v[:200_000]
top = tg.curvature.top_eigenpairs(tg.curvature.HessianOperator(f, v), 1, rtol=1e-6)
second, first = np.sort(np.exp(v) / np.exp(v).sum())[-2:]
print(f"largest eigenvalue, 200,000 parameters: {top.values[0]:.5f}, by {top.matvecs} products")
assert second <= top.values[0] <= first and top.matvecs < 100

fig, (left, right) = plt.subplots(1, 2)
orders = {"gradient": "n", "product": "n", "Hessian": "n²", "eigenvalues": "n³"}
for k, (name, found) in enumerate(times.items()):
    n, t = np.array([*found.items()]).T
    left.loglog(n, 1e3 * t, f"C{k}{'o^sD'[k]}-", label=f"{name}: {orders[name]}")
left.set(title="A product costs what a gradient does", xlabel="parameters n", ylabel="time (ms)")
left.legend()
n = np.array([64, 1e7])
right.loglog(n, 8 * n**2 / 2**30, "C2", label="Hessian")
right.loglog(n, 8 * n / 2**30, "C0--", label="gradient, product")
right.axhline(MEMORY / 2**30, color="C1", ls=":", label="a laptop's 16 GiB")
right.plot(largest, MEMORY / 2**30, "o", color="C1")
right.annotate(f"n = {largest:,}", (largest, 16), (8, -14), textcoords="offset points", color="C1")
right.set(title="Memory ends the matrix early", xlabel="parameters n", ylabel="memory (GiB)")
right.legend()
plt.show()
