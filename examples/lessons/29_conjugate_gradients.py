r"""
Conjugate gradients: n steps, or fewer
======================================

Conjugate gradients minimise :math:`\frac12 x^T A x - b^T x` with one product with A a step. Each
step keeps what the steps before have gained, so after n steps nothing is left to gain; after fewer,
if A has fewer *distinct* eigenvalues.

Hestenes and Stiefel (1952), Methods of conjugate gradients for solving linear systems.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import HessianOperator

plt.style.use("tinygrad_hess.viz.figures")


def conjugate_gradients(product, b, steps):
    """The iterates, the directions and the residuals' norms."""
    x, r = np.zeros_like(b), b.copy()
    p, path, directions = r.copy(), [np.linalg.norm(r)], []
    for _ in range(steps):
        if not r @ r:
            break
        Ap = product(p)
        a = (r @ r) / (p @ Ap)
        x, new = x + a * p, r - a * Ap
        directions.append(p)
        p, r = new + (new @ new) / (r @ r) * p, new
        path.append(np.linalg.norm(b - product(x)))
    path += path[-1:] * (steps + 1 - len(path))
    return x, np.array(directions), np.array(path)


n, rng = 40, np.random.default_rng(0)
V, _ = np.linalg.qr(rng.normal(size=(n, n)))
b = V.sum(axis=1) / np.sqrt(n)
SPECTRA = {
    "spread, κ = 10": np.linspace(1, 10, n),
    "3 distinct values": np.repeat([1.0, 4.0, 10.0], [20, 10, 10]),
    "1 to 2, and 5 outliers to 1000": np.r_[np.linspace(1, 2, n - 5), np.geomspace(50, 1000, 5)],
    "spread, κ = 10⁸": np.geomspace(1e-4, 1e4, n),
}
paths = {}
for name, eigenvalues in SPECTRA.items():
    A = V @ np.diag(eigenvalues) @ V.T
    f = lambda x: x @ A @ x / 2 - b @ x
    _, product = tg.linearize(tg.grad(f), np.zeros(n))  # Hessian-vector products
    x, P, paths[name] = conjugate_gradients(product, b, 120)
    if name == "spread, κ = 10":
        C = P[:15] @ A @ P[:15].T  # directions are conjugate: C is diagonal
        np.testing.assert_allclose(C - np.diag(np.diag(C)), 0, atol=1e-10 * C.max())
        np.testing.assert_allclose(x, np.linalg.solve(A, b), rtol=1e-10)

for name, path in paths.items():
    print(f"{name:<31} residual after 3: {path[3]:.0e}, 10: {path[10]:.0e}, n = 40: {path[40]:.0e}")
assert paths["3 distinct values"][3] < 1e-12
assert paths["1 to 2, and 5 outliers to 1000"][20] < 1e-6

# %%
# The bound with the condition number, :math:`2\left(\frac{\sqrt\kappa-1}{\sqrt\kappa+1}\right)^t`
# in the norm of A, is for the worst spectrum. With outliers it is far too pessimistic: each costs
# about one step.

kappa = 1000.0
bound = 2 * ((np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1)) ** 20
assert bound > 0.5 and paths["1 to 2, and 5 outliers to 1000"][20] < 1e-6 * bound

# %%
# "CG is exact after n steps" is a theorem about exact arithmetic. Rounding destroys conjugacy: with
# κ = 10⁸ the residual after n steps is not even small.

assert paths["spread, κ = 10⁸"][n] > 1e-3
np.testing.assert_allclose(paths["spread, κ = 10"][n:], 0, atol=1e-12)

# %%
# On the Hessian of a net
# -----------------------
# A Newton step by products alone (Martens 2010). The Hessian of a net has negative eigenvalues;
# along one CG would go to a maximum, so a multiple of the identity is added first.

moons = tg.data.moons(100, seed=0)
loss = lambda net, x, y: tg.nn.binary_cross_entropy_with_logits(net(x)[:, 0], y)
net = tg.nn.MLP([2, 10, 10, 1], seed=0)
H = HessianOperator(loss, net, moons.x, moons.y.astype(float))
g = H.flatten(tg.grad(loss)(net, moons.x, moons.y.astype(float)))
smallest = tg.curvature.top_eigenpairs(H, 1, which="SA").values[0]
damping = 0.1 - smallest
step, _, path = conjugate_gradients(lambda v: H @ v + damping * v, -g, 25)
dense = H @ np.eye(len(g)) + damping * np.eye(len(g))
np.testing.assert_allclose(step, np.linalg.solve(dense, -g), atol=1e-6 * np.linalg.norm(step))
assert smallest < 0
print(f"a net of {len(g)} parameters: residual {path[25] / path[0]:.0e} after 25 products")

fig, ax = plt.subplots(figsize=(7.2, 3.8))
for k, (name, path) in enumerate(paths.items()):
    ax.semilogy(np.maximum(path[:81], 1e-17), f"C{k}{['-', '--', '-.', ':'][k]}", label=name)
ax.axvline(n, color="k", lw=0.8)
ax.annotate("n", (n, 30), (4, 0), textcoords="offset points")
ax.set(title="Steps count distinct eigenvalues; rounding breaks the rule of n steps (40 unknowns)")
ax.set(xlabel="step (one product each)", ylabel="length of the residual", ylim=(1e-17, 1e7))
ax.legend(ncols=2, loc="upper center")
plt.show()
