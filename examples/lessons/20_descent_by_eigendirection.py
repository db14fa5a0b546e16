r"""
Gradient descent, one eigendirection at a time
==============================================

On a quadratic with Hessian H a step :math:`x \leftarrow x - \alpha H x` multiplies the part of x
along an eigenvector by :math:`1 - \alpha\lambda`. After t steps it is :math:`(1 - \alpha\lambda)^t`
of what it was: it shrinks for :math:`0 < \alpha\lambda < 2`, fastest at 1, alternates its sign from
1 on, and grows without bound past 2.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import contraction, stability_threshold

plt.style.use("tinygrad_hess.viz.figures")

rng = np.random.default_rng(0)
V, _ = np.linalg.qr(rng.normal(size=(4, 4)))
eigenvalues = np.array([0.5, 4.0, 16.0, 19.0])
A = V @ np.diag(eigenvalues) @ V.T
f = lambda x: x @ A @ x / 2
gradient = tg.jit(tg.grad(f))


def descend(x, rate, steps):
    path = [x]
    for _ in range(steps):
        path.append(path[-1] - rate * gradient(path[-1]))
    return np.array(path)


rate, steps = 0.1, 40
parts = descend(V.sum(axis=1), rate, steps) @ V  # along each eigenvector; 1 at the start
t = np.arange(steps + 1)[:, None]
np.testing.assert_allclose(parts, (1 - rate * eigenvalues) ** t, atol=1e-12)
np.testing.assert_allclose(parts[-1], contraction(eigenvalues, rate, steps), atol=1e-12)
for value, factor in zip(eigenvalues, 1 - rate * eigenvalues):
    print(f"λ = {value:>4}: factor {factor:+.2f} a step")

# %%
# The limit
# ---------
# The largest eigenvalue alone decides what rate is too large: 2/λmax = 0.105. A hair below the loss
# falls, a hair above it grows.

limit = 2 / eigenvalues.max()
assert stability_threshold(limit) == eigenvalues.max()
rates = np.linspace(0.01, 0.115, 43)
last = np.array([f(descend(V.sum(axis=1), r, 100)[-1]) for r in rates])
first = f(V.sum(axis=1))
assert (last[rates < limit] < first).all() and (last[rates > limit] > first).all()
np.testing.assert_allclose(
    last, [(eigenvalues * (1 - r * eigenvalues) ** 200).sum() / 2 for r in rates]
)

# %%
# "Past 2/λ gradient descent diverges" holds for quadratics. The function log cosh x has curvature 1
# at its minimum, and less everywhere else: at a rate of 2.5 the iterates leave the minimum, and
# then bounce between two points for ever. So it is with nets at the edge of stability.

x, bounces = 0.01, []
slope = tg.grad(lambda x: np.log(np.cosh(x)))
for _ in range(200):
    x = x - 2.5 * slope(x)
    bounces.append(x)
assert abs(bounces[10]) > 0.1 and max(map(abs, bounces)) < 2.5
np.testing.assert_allclose(bounces[-1], -bounces[-2])
np.testing.assert_allclose(2 * abs(x), 2.5 * np.tanh(abs(x)))  # where one step leads to -x
print(f"at rate 2.5, log cosh bounces between ±{abs(x):.3f}")

fig, (left, right) = plt.subplots(1, 2)
for k, value in enumerate(eigenvalues):
    name = f"λ = {value:g}: ({1 - rate * value:+.2g})ᵗ"
    left.plot(parts[:, k], f"C{k}{'-o' if k < 2 else '--o'}", ms=3, lw=1, label=name)
left.set(title="Every eigendirection has its own factor\n(rate 0.1)", xlabel="step")
left.set(ylabel="part along the eigenvector", ylim=(-1.1, 1.7))
left.legend(ncols=2, loc="upper center")
right.semilogy(rates, last, "C0o-", ms=3)
right.axvline(limit, color="C1", ls="--")
right.annotate("2 / λmax", (limit, 1e9), (-52, 4), textcoords="offset points", color="C1")
right.axhline(first, color="C3", ls=":")
right.annotate("at the start", (rates[0], first), (0, 5), textcoords="offset points", color="C3")
right.set(title="The largest eigenvalue sets the limit", xlabel="learning rate")
right.set_ylabel("loss after 100 steps")
plt.show()
