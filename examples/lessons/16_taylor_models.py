r"""
Taylor models: what a step is predicted to do, and what it does
===============================================================

Around a point the loss is :math:`L + g^T d + \frac12 d^T H d` up to terms of third order. A step
:math:`d = -\varepsilon g` changes it by :math:`-\varepsilon g^T g + \frac12 \varepsilon^2 g^T H g`;
the best step is :math:`\varepsilon^* = g^T g / g^T H g`, and gains :math:`\frac12 (g^T g)^2 / g^T H
g`.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import HessianOperator, quadratic_model, top_eigenpairs

plt.style.use("tinygrad_hess.viz.figures")

moons = tg.data.moons(200, seed=0)
x, y = moons.x, moons.y.astype(float)
loss = lambda net, x, y: tg.nn.binary_cross_entropy_with_logits(net(x)[:, 0], y)
start = tg.nn.MLP([2, 16, 1], seed=2)
H = HessianOperator(loss, start, x, y)
g = H.flatten(tg.grad(loss)(start, x, y))
model = quadratic_model(H)

best = g @ g / (g @ (H @ g))
np.testing.assert_allclose(model.gradient_curvature, 1 / best)
gain = model.value - model.predict(-best * g)
np.testing.assert_allclose(gain, (g @ g) ** 2 / (g @ (H @ g)) / 2)
really = model.value - model.actual(-best * g)
print(f"best step {best:.3f}: predicted to gain {gain:.4f}, gains {really:.4f}")
assert 0.5 < really / gain < 1.5

# %%
# The error is of third order: half the step, an eighth of the error.

steps = best * 2.0 ** -np.arange(2, 7)
errors = np.array([model.actual(-s * g) - model.predict(-s * g) for s in steps])
orders = np.log2(errors[:-1] / errors[1:])
print("order of the error:", orders.round(2))
assert abs(orders[-1] - 3) < 0.1

# %%
# The worst case
# --------------
# The curvature along g is a weighted mean of eigenvalues. So the best step is 1/λmax at the least,
# when g lies along the eigenvector of the largest eigenvalue; and 1/λmin at the most, if λmin is
# positive.

A = np.diag([10.0, 1.0])
angles = np.linspace(0, np.pi, 181)
gradients = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # all have length 1
best_steps = 1 / (gradients @ A * gradients).sum(axis=1)
np.testing.assert_allclose([best_steps.min(), best_steps.max()], [1 / 10, 1])
assert best_steps.argmin() == 0  # along the first axis
largest = top_eigenpairs(H, 1).values[0]
assert best >= 1 / largest
print(f"the net: 1/λmax = {1 / largest:.3f}, best step {best:.3f}")

# %%
# "The Hessian gives the best step" has conditions. Where g'Hg is negative the model has no minimum
# along g, and goes to minus infinity. And the best single step is not the best rate: taken again
# and again on a quadratic it zigzags, and in the worst case leaves
# :math:`((\kappa - 1)/(\kappa + 1))^2` of the loss after each step.

saddle = quadratic_model(lambda v: v[0] ** 2 / 2 - v[1] ** 2, np.array([0.1, 1.0]))
assert saddle.gradient_curvature < 0
assert saddle.predict(np.array([0.0, 1e4])) < -1e7

v, values = np.array([1.0, 10.0]), []  # the worst start: eigenvalues 10 and 1, equal slopes
for _ in range(10):
    slope = A @ v
    values.append(v @ slope / 2)
    v = v - (slope @ slope) / (slope @ A @ slope) * slope
np.testing.assert_allclose(np.array(values[1:]) / values[:-1], (9 / 11) ** 2)

fig, (left, right) = plt.subplots(1, 2)
s = np.linspace(0, 3.2 * best, 81)
left.plot(s, [model.actual(-t * g) for t in s], "C0", label="what happens")
left.plot(s, [model.predict(-t * g) for t in s], "C1--", label="quadratic model")
left.plot(s[:24], model.value - s[:24] * (g @ g), "C3:", label="slope alone")
left.plot(best, model.predict(-best * g), "o", color="C1")
left.annotate(
    "g'g / g'Hg",
    (best, model.predict(-best * g)),
    (-24, -16),
    textcoords="offset points",
    color="C1",
)
left.set(title="The model tells how far to go downhill", xlabel="step along −g", ylabel="loss")
left.set_ylim(model.predict(-best * g) - 0.35 * gain, model.value + 1.2 * gain)
left.legend()
right.plot(np.rad2deg(angles), best_steps, "C0")
for level, name, above in ((0.1, "1 / λmax", -13), (1.0, "1 / λmin", 5)):
    right.axhline(level, color="C3", ls=":")
    right.annotate(name, (178, level), (-44, above), textcoords="offset points", color="C3")
right.set(title="The best step depends on where g points", ylabel="best step", ylim=(0, 1.12))
right.set(xlabel="angle of g to the steepest axis (degrees)", xticks=range(0, 181, 45))
plt.show()
