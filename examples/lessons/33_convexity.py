r"""
Convexity: of logistic regression shown, of a net refuted
=========================================================

A function is convex if it lies below its chords; for a smooth one, if no eigenvalue of the Hessian
is negative, *anywhere*. Samples can refute that, and never show it: for that one needs a reason.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import Ball, is_convex_on

plt.style.use("tinygrad_hess.viz.figures")

moons = tg.data.moons(100, noise=0.15, seed=0)
x, y = moons.x, moons.y.astype(float)
cross_entropy = tg.nn.binary_cross_entropy_with_logits

# %%
# Logistic regression
# -------------------
# :math:`v^T H v = \frac1n \sum_i p_i(1 - p_i)(x_i \cdot v)^2` is a mean of squares with positive
# weights: for every w and every v. That is the proof; the library agrees at some points.

linear = lambda w: cross_entropy(x @ w, y)
rng = np.random.default_rng(0)
for _ in range(20):
    w, v = 3 * rng.normal(size=(2, 2))
    p = 1 / (1 + np.exp(-x @ w))
    np.testing.assert_allclose(v @ tg.hvp(linear, w, v), (p * (1 - p) * (x @ v) ** 2).mean())
check = is_convex_on(linear, np.zeros(2), region=Ball(3.0))
assert check.convex is None  # nothing found, and nothing proved: never True
print(f"logistic regression: nothing below {check.smallest:.1e}")

# %%
# Convex does not mean that there is a minimum. Where a line separates the classes the loss falls
# for ever, and w grows without bound.

apart = x[np.abs(x @ np.array([0.0, 1.0]) - 0.25) > 0.3]
label = (apart @ np.array([0.0, 1.0]) > 0.25) * 1.0
separable = lambda w: cross_entropy(apart @ w[:2] + w[2], label)
direction = np.array([0.0, 1.0, -0.25])
falling = [separable(scale * direction) for scale in (1, 10, 100, 1000)]
assert (np.diff(falling) < 0).all() and falling[-1] < 1e-100

# %%
# A net with a hidden layer
# -------------------------
# One point with a direction of negative curvature is enough.

net = tg.nn.MLP([2, 4, 1], seed=3)
flat, unravel = tg.ravel(net)
loss = lambda w: cross_entropy(unravel(w)(x)[:, 0], y)
refuted = is_convex_on(loss, flat, region=Ball(1.0))
assert refuted.convex is False
v, h = refuted.direction, 1e-3
ahead, here, back = (loss(refuted.point + step * v) for step in (h, 0, -h))
np.testing.assert_allclose((ahead - 2 * here + back) / h**2, refuted.smallest, rtol=1e-3)
assert refuted.smallest < 0
print(f"net: curvature {refuted.smallest:.3f} along one direction")

# %%
# There is a reason too. Exchange hidden units, and the function is the same: so each minimum has
# copies, and a convex function would be as low half way between two of them.

objective = lambda net, batch: cross_entropy(net(batch[0])[:, 0], batch[1])
fitted = tg.optim.fit(objective, net, (x, y), tg.optim.Adam(lr=0.05), epochs=600).params
minimum, _ = tg.ravel(fitted)
copy = tg.nn.MLP([2, 4, 1], seed=3)
order = [1, 2, 3, 0]
copy.layers[0].weight = fitted.layers[0].weight[:, order]
copy.layers[0].bias = fitted.layers[0].bias[order]
copy.layers[1].weight = fitted.layers[1].weight[order]
copy.layers[1].bias = fitted.layers[1].bias
copy, _ = tg.ravel(copy)

position = np.linspace(-0.2, 1.2, 141)
path = np.array([loss(minimum + t * (copy - minimum)) for t in position])
first, middle, last = np.interp([0, 0.5, 1], position, path)
np.testing.assert_allclose(first, last)
print(f"loss at two copies of the minimum {first:.4f}, half way {middle:.4f}")
assert middle > 10 * first

fig, (left, right) = plt.subplots(1, 2)
start, end = np.array([-4.0, 1.0]), np.array([3.0, -4.0])
s = np.linspace(0, 1, 81)
left.plot(s, [linear(start + t * (end - start)) for t in s], "C0", label="logistic regression")
left.plot([0, 1], [linear(start), linear(end)], "C3:o", label="chord")
left.set(title="Logistic regression lies below every chord")
left.set(xlabel="position between two points", ylabel="loss")
left.legend()
right.plot(position, path, "C1", label="net")
right.plot([0, 1], [first, last], "C3:o", label="chord between two equal minima")
right.set(title="A net rises above the chord between two\ncopies of its minimum")
right.set(xlabel="position between the copies", ylabel="loss", ylim=(0, 1.4 * middle))
right.legend()
plt.show()
