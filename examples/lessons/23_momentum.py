r"""
Momentum against ill-conditioning
=================================

Gradient descent remembers nothing. Momentum, :math:`v \leftarrow \beta v + g`, :math:`x \leftarrow
x - \alpha v`, replaces the condition number by its square root: at the best rates the distance
falls by :math:`(\sqrt\kappa - 1)/(\sqrt\kappa + 1)` a step.

Polyak (1964), Some methods of speeding up the convergence of iteration methods.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")

low, high = 1.0, 100.0
eigenvalues = np.geomspace(low, high, 30)
kappa = high / low
f = lambda x, batch: (batch * x**2).sum() / 2


def distances(optimizer, steps):
    path = []
    follow = lambda step, x, *_: path.append(np.linalg.norm(x))
    tg.optim.fit(f, np.ones(30), eigenvalues, optimizer, epochs=steps, callback=follow)
    return np.array(path)


def measured_rate(distance):
    """The factor a step, over the second half."""
    half = len(distance) // 2
    return (distance[-1] / distance[half]) ** (1 / (len(distance) - 1 - half))


plain = tg.optim.SGD(lr=2 / (high + low))
root = np.sqrt(kappa)
beta = ((root - 1) / (root + 1)) ** 2
heavy = tg.optim.SGD(lr=(2 / (np.sqrt(high) + np.sqrt(low))) ** 2, momentum=beta)
runs = {"gradient descent": distances(plain, 300), "momentum": distances(heavy, 300)}
theory = {"gradient descent": (kappa - 1) / (kappa + 1), "momentum": (root - 1) / (root + 1)}
for name, distance in runs.items():
    print(f"{name:<17} predicted {theory[name]:.4f} a step, measured {measured_rate(distance):.4f}")
np.testing.assert_allclose(
    measured_rate(runs["gradient descent"]), theory["gradient descent"], rtol=1e-3
)
np.testing.assert_allclose(measured_rate(runs["momentum"]), theory["momentum"], rtol=0.01)

# %%
# Each eigendirection is a damped spring: its two modes are the eigenvalues of a 2 x 2 matrix. At
# the best rates all springs of a quadratic are damped alike, by :math:`\sqrt\beta`.

for value in eigenvalues:
    spring = np.array([[1 - heavy.lr * value, -heavy.lr * beta], [value, beta]])
    np.testing.assert_allclose(abs(np.linalg.eigvals(spring)), np.sqrt(beta), atol=1e-6)

# %%
# "More momentum is faster" is wrong beyond the best: the springs are then underdamped.

betas = np.linspace(0, 0.99, 67)
found = [measured_rate(distances(tg.optim.SGD(lr=heavy.lr, momentum=b), 200)) for b in betas[40:]]
best = betas[40:][np.argmin(found)]
print(f"best momentum at that rate: {best:.3f}, predicted {beta:.3f}")
assert abs(best - beta) < 0.03 and found[-1] > found[np.argmin(found)] + 0.1

# %%
# Convex is not enough
# --------------------
# The best rates are those of a quadratic. On this convex function of one number, whose curvature is
# 25, 1, and 25 again, the same recipe for λ between 1 and 25 never arrives: it goes round and
# round. Gradient descent at 2/(1 + 25) arrives. (Lessard, Recht and Packard 2016.)

slope = lambda x: 25 * x if x < 1 else x + 24 if x < 2 else 25 * x - 24
x, v, cycle = 3.3, 0.0, [3.3]
for _ in range(300):
    v = (4 / 9) * v + slope(x)
    x -= v / 9
    cycle.append(x)
assert min(abs(np.array(cycle[-30:]))) > 0.5
np.testing.assert_allclose(cycle[-1], cycle[-4], atol=1e-9)  # every third step is the same
y, arrived = 3.3, [3.3]
for _ in range(300):
    y -= slope(y) / 13
    arrived.append(y)
assert abs(y) < 1e-6

fig, (left, right) = plt.subplots(1, 2)
steps = np.arange(300)
for k, (name, distance) in enumerate(runs.items()):
    left.semilogy(distance, f"C{k}", label=name)
    rate = theory[name]
    left.semilogy(steps, distance[-1] * rate ** (steps - 299.0), "k:", lw=1)
left.set(title="κ = 100: momentum replaces κ by its root\n(dotted: predicted)", xlabel="step")
left.set(ylabel="distance to the minimum", ylim=(1e-24, 30))
left.legend()
right.plot(cycle[:40], "C1o-", ms=3, lw=1, label="momentum")
right.plot(arrived[:40], "C0s-", ms=3, lw=1, label="gradient descent")
right.axhline(0, color="C3", ls=":")
right.set(
    title="A convex function on which momentum\nat its best rate never arrives", xlabel="step"
)
right.set_ylabel("x (the minimum is at 0)")
right.legend()
plt.show()
