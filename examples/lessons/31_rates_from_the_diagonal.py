r"""
A learning rate for each parameter, from the Hessian's diagonal
===============================================================

Where parameters have different scales, one rate for all suits none. The diagonal of the Hessian
tells the scales: with :math:`\alpha_i = 1/H_{ii}` each is taken for itself.

Becker and LeCun (1988), Improving the convergence of back-propagation learning with second order
methods.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import HessianOperator, diagonal

plt.style.use("tinygrad_hess.viz.figures")

wine = tg.data.wine()
x = wine.x - wine.x.mean(axis=0)
y = (wine.y == 0) - (wine.y == 0).mean()


def loss(w):
    return ((x @ w - y) ** 2).mean() / 2


start = np.zeros(13)
op = HessianOperator(loss, start)
H = op @ np.eye(13)
d = diagonal(op).values
np.testing.assert_allclose(d, (x**2).mean(axis=0))  # variances of the inputs
print(f"diagonal from {d.min():.3g} to {d.max():.3g}")


def descend(H, scales, rate, steps=400):
    """The loss above the minimum, for a quadratic with this Hessian."""
    error = np.linspace(1, 2, len(H)) / np.sqrt(np.diag(H))  # in every parameter, by its scale
    gradient = tg.jit(tg.grad(lambda e: e @ H @ e / 2))
    path = []
    for _ in range(steps):
        path.append(error @ H @ error / 2)
        error = error - rate * gradient(error) / scales
    return np.array(path)


def best_rate(H, scales):
    values = np.linalg.eigvals(H / scales[:, None]).real
    return 2 / (values.max() + values.min()), values.max() / values.min()


curves, kappas = {}, {}
for name, scales in {"one rate": np.ones(13), "from the diagonal": d}.items():
    rate, kappas[name] = best_rate(H, scales)
    curves[name] = descend(H, scales, rate)
    fall = curves[name][-1] / curves[name][0]
    print(f"{name:<18} κ = {kappas[name]:.3g}, after 400 steps {fall:.0e}")
assert kappas["one rate"] > 1e5 * kappas["from the diagonal"]
assert curves["from the diagonal"][-1] < 1e-6 * curves["from the diagonal"][0]
assert curves["one rate"][-1] > 1e-3 * curves["one rate"][0]

# %%
# It is the same as standardising the inputs: D^-½ H D^-½ is their correlation matrix.

correlation = H / np.sqrt(np.outer(d, d))
np.testing.assert_allclose(correlation, np.corrcoef(x.T), atol=1e-12)

# %%
# "1/H_ii is a safe rate" is wrong. All parameters move at once: where they pull in the same
# direction the step is too long by as much as their number. With three correlated parameters it
# diverges, and a single rate of 1/λmax does not.

tied = np.full((3, 3), 0.9) + 0.1 * np.eye(3)
assert np.linalg.eigvalsh(tied)[-1] > 2  # the eigenvalue 2.8 of D^-1 H
diverging, safe = descend(tied, np.ones(3), 1.0, 40), descend(tied, np.ones(3), 1 / 2.8, 40)
assert diverging[-1] > 1e6 * diverging[0] and safe[-1] < safe[0]

# %%
# And where the axes of the contours are turned by 45 degrees the diagonal is the same for all
# parameters, and tells nothing.

turned = np.array([[50.5, 49.5], [49.5, 50.5]])  # eigenvalues 1 and 100
for scales in (np.diag(turned), np.ones(2)):
    np.testing.assert_allclose(best_rate(turned, scales)[1], 100)

# %%
# Of a net the diagonal has negative entries too, which Becker and LeCun replace by absolute values.
# With many parameters it is estimated: random vectors of signs z give it as the mean of z * Hz.

moons = tg.data.moons(100, seed=0)
net_loss = lambda net, x, y: tg.nn.binary_cross_entropy_with_logits(net(x)[:, 0], y)
op = HessianOperator(net_loss, tg.nn.MLP([2, 12, 12, 1], seed=0), moons.x, moons.y.astype(float))
exact = np.diag(op @ np.eye(op.shape[0]))
z = np.random.default_rng(0).choice([-1.0, 1.0], size=(op.shape[0], 1000))
error = np.linalg.norm((z * (op @ z)).mean(axis=1) - exact) / np.linalg.norm(exact)
print(f"from 1,000 products: off by {error:.1%}; {(exact < 0).sum()} of {len(exact)} are negative")
assert error < 0.3 and (exact < 0).any()

fig, (left, right) = plt.subplots(1, 2)
for k, (name, curve) in enumerate(curves.items()):
    label = f"{name}: κ = {kappas[name]:.2g}"
    left.semilogy(curve / curve[0], f"C{1 - k}{['--', '-'][k]}", label=label)
left.set(title="A rate for each parameter undoes the scales")
left.set(xlabel="step", ylabel="loss above the minimum, of the first")
left.legend()
right.semilogy(diverging / diverging[0], "C1--", label="1 / H_ii")
right.semilogy(safe / safe[0], "C0", label="1 / λmax for all")
right.set(title="Where parameters are correlated,\n1 / H_ii diverges")
right.set(xlabel="step", ylabel="loss, of the first")
right.legend()
plt.show()
