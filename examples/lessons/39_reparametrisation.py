r"""
The same function, as sharp as one likes
========================================

Flat minima are said to generalise better than sharp ones. But sharpness depends on how a function
is written: a reparametrisation that leaves the function as it is changes the Hessian, and so the
claim needs a measure that does not change.

Dinh, Pascanu, Bengio and Bengio (2017), Sharp minima can generalize for deep nets.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import HessianOperator, sharpness, top_eigenpairs

plt.style.use("tinygrad_hess.viz.figures")

digits = tg.data.digits()
batch = digits.x[:400] / 16, digits.y[:400]


def predict(weights, x):
    """A ReLU net without biases."""
    for W in weights[:-1]:
        x = tg.nn.relu(x @ W)
    return x @ weights[-1]


def loss(weights, batch):
    return tg.nn.cross_entropy(predict(weights, batch[0]), batch[1])


rng, sizes = np.random.default_rng(0), (64, 32, 32, 10)
start = [rng.normal(size=(m, n)) * np.sqrt(2 / m) for m, n in zip(sizes[:-1], sizes[1:])]
weights = tg.optim.fit(loss, start, batch, tg.optim.SGD(lr=0.1), epochs=500).params

# %%
# ReLU is homogeneous: the first layer times α and the second divided by α make the same net, with
# the same answers to data it has never seen.

alphas = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
new = digits.x[400:] / 16
nets = [[a * weights[0], weights[1] / a, weights[2]] for a in alphas]
for net in nets:
    np.testing.assert_allclose(predict(net, new), predict(weights, new), atol=1e-12)

# %%
# The Hessian changes by the chain rule: blocks of the first layer are divided by α², of the second
# multiplied. So in the end the largest eigenvalue grows as α².


def sharpest(net):
    return top_eigenpairs(HessianOperator(loss, net, batch), 1, rtol=1e-4).values[0]


plain = np.array([sharpest(net) for net in nets])
print("sharpness:", plain.round(1))
np.testing.assert_allclose(plain[-1] / plain[-2], 4, rtol=0.05)

# %%
# What does not change
# --------------------
# Sharpness relative to the size of each weight, the largest eigenvalue of :math:`|w_i| H_{ij}
# |w_j|`, is the same for all of them.

relative = np.array([sharpness(loss, net, batch, tol=1e-5).adaptive_eigenvalue for net in nets])
print("relative: ", relative.round(3))
np.testing.assert_allclose(relative, relative[0], rtol=1e-4)

# %%
# Any change of variables does it, with one parameter too. At its minimum (w - 1)² has curvature 2;
# with w = v³ the same function has curvature 18, and with w = log v it has 2/e².

curvature = lambda f, at: tg.grad(tg.grad(f))(at)
np.testing.assert_allclose(curvature(lambda w: (w - 1) ** 2, 1.0), 2)
np.testing.assert_allclose(curvature(lambda v: (v**3 - 1) ** 2, 1.0), 18)
np.testing.assert_allclose(curvature(lambda v: (np.log(v) - 1) ** 2, np.e), 2 / np.e**2)

# %%
# "So sharpness means nothing" goes too far. Gradient descent is not invariant either: what a rate
# does depends on the parameters that one has, and there the sharpness is what counts.

rate = 1 / plain[0]
curves = {}
for name, net in (("flat", nets[0]), ("sharp", nets[-1])):
    curves[name] = tg.optim.fit(loss, net, batch, tg.optim.SGD(lr=rate), epochs=30).losses
    print(f"{name:<5} loss from {curves[name][0]:.4f}, up to {max(curves[name]):.4f}")
assert (np.diff(curves["flat"]) < 0).all()
assert max(curves["sharp"]) > 10 * curves["sharp"][0]

fig, (left, right) = plt.subplots(1, 2)
left.loglog(alphas, plain, "C1o-", label="sharpness")
left.loglog(alphas, relative, "C0s-", label="relative to the weights")
left.set(title="One function, at any sharpness", xlabel="scale α of the first layer")
left.set_ylabel("largest eigenvalue")
left.set_xticks(alphas, [f"{a:g}" for a in alphas])
left.minorticks_off()
left.legend()
distance = np.linspace(-0.5, 0.5, 81)
direction = rng.normal(size=weights[1].shape)
direction /= np.linalg.norm(direction)
for a, style in ((0, "C0-"), (2, "C2--"), (4, "C1-.")):
    first, second, last = nets[a]
    along = [loss([first, second + d * direction, last], batch) for d in distance]
    right.semilogy(distance, along, style, label=f"α = {alphas[a]:g}")
right.set(title="The same minimum along one direction\nof the second layer", xlabel="distance")
right.set_ylabel("loss")
right.legend()
plt.show()
