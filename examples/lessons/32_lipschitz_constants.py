r"""
Lipschitz constants of a function and of its gradient
=====================================================

K bounds how fast a function changes, :math:`|f(x) - f(y)| \le K \|x - y\|`: it is the largest
length of its gradient. L bounds how fast the *gradient* changes: it is the largest \|λ\| of the
Hessian. With L a step of 1/L never raises the loss.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import Ball, lipschitz_of_gradient

plt.style.use("tinygrad_hess.viz.figures")

iris = tg.data.iris()
x = iris.x[50:] - iris.x[50:].mean(axis=0)
sign = np.where(iris.y[50:] == 1, 1.0, -1.0)


def loss(w):
    return tg.numpy.log1p(tg.numpy.exp(-sign * (x @ w))).mean()


# %%
# Logistic regression
# -------------------
# The Hessian is :math:`\frac1n \sum p_i(1 - p_i)\, x_i x_i^T`, and p(1 - p) is 1/4 at the most. So
# :math:`L = \lambda_{max}(X^T X) / 4n`, which is reached at w = 0, and :math:`K \le` the mean of
# \|x_i\|.

L = np.linalg.eigvalsh(x.T @ x / len(x))[-1] / 4
found = lipschitz_of_gradient(loss, np.zeros(4), region=Ball(5.0))
np.testing.assert_allclose(found.value, L)
K = np.linalg.norm(x, axis=1).mean()
rng = np.random.default_rng(0)
pairs = rng.normal(size=(500, 2, 4)) * 3
value, gradient = tg.vmap(loss), tg.vmap(tg.grad(loss))
a, b = pairs[:, 0], pairs[:, 1]
apart = np.linalg.norm(a - b, axis=1)
of_function = abs(value(a) - value(b)) / apart
of_gradient = np.linalg.norm(gradient(a) - gradient(b), axis=1) / apart
assert of_function.max() <= K and of_gradient.max() <= L
print(f"K <= {K:.3f} (500 pairs: {of_function.max():.3f}), L = {L:.3f} ({of_gradient.max():.3f})")

# %%
# What L is good for: the loss lies below a parabola of curvature L through any point, touching it.
# So a step of 1/L gains at least :math:`\|g\|^2 / 2L`.

w = np.array([2.0, -1.0, -2.0, 1.0])
g = tg.grad(loss)(w)
t = np.linspace(-2, 2, 401) / L
along = np.array([loss(w - s * g) for s in t])
parabola = loss(w) - t * (g @ g) + L / 2 * t**2 * (g @ g)
assert (along <= parabola + 1e-15).all()
assert loss(w) - loss(w - g / L) >= g @ g / (2 * L)

# %%
# "Smooth functions have a Lipschitz gradient" is wrong without a bound on the region: of x⁴ the
# second derivative is 12x², and grows for ever. Any fixed rate fails from far enough away.

for radius in (1.0, 3.0, 10.0):
    bound = lipschitz_of_gradient(lambda x: (x**4).sum(), np.zeros(1), region=Ball(radius))
    np.testing.assert_allclose(bound.value, 12 * radius**2)
rate = 0.1
step = lambda x: x - rate * 4 * x**3
assert abs(step(1.0)) < 1 and abs(step(3.0)) > 3

# %%
# Of a net
# --------
# The product of the layers' spectral norms bounds K of a net with tanh, as each tanh has K = 1. It
# is far from tight: samples, which bound K from below, are several times smaller.

net = tg.nn.MLP([4, 32, 32, 1], seed=0)
upper = np.prod([np.linalg.norm(layer.weight, 2) for layer in net.layers])
points = rng.normal(size=(2000, 4))
lengths = np.linalg.norm(tg.vmap(tg.grad(lambda x: net(x)[0]))(points), axis=1)
print(f"net: K is between {lengths.max():.3f} and {upper:.3f}")
assert lengths.max() < upper / 2

fig, (left, right) = plt.subplots(1, 2)
left.plot(t * L, along, "C0", label="loss along −g")
left.plot(t * L, parabola, "C1--", label="parabola of curvature L")
left.plot(1, loss(w - g / L), "o", color="C0")
left.plot(1, loss(w) - g @ g / (2 * L), "o", color="C1")
left.set(title="The loss stays below a parabola of curvature L,\nso a step of 1 / L goes down")
left.set(xlabel="step, in 1 / L", ylabel="loss")
left.legend()
right.hist(lengths, 40, color="C0", label="length of the gradient\nat 2,000 inputs")
right.axvline(upper, color="C1", ls="--")
right.annotate(
    "product of the\nlayers' norms", (upper, 90), (-92, 0), textcoords="offset points", color="C1"
)
right.set(
    title="The bound from the layers is far from tight", xlabel="change of output / change of input"
)
right.set(ylabel="inputs", xlim=(0, 1.05 * upper))
right.legend(loc="upper center")
plt.show()
