r"""
Hessians of ReLU nets
=====================

A ReLU net is made of flat pieces. Its second derivative in the *input* is zero wherever it exists,
and yet its slope changes: all of the change is in the kinks, which no derivative sees. "The Hessian
of a ReLU net is zero" is true of that, and false of the loss in the *parameters*.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import GGNOperator, HessianOperator

plt.style.use("tinygrad_hess.viz.figures")

net = tg.nn.MLP([2, 12, 12, 1], tg.nn.relu, seed=1)
ray = np.array([1.0, 0.4])
along = lambda t: net(t * ray)[0]

t = np.linspace(-3, 3, 2001)
slopes = tg.vmap(tg.grad(along))(t)
second = tg.vmap(tg.grad(tg.grad(along)))(t)
assert (second == 0).all()
assert np.ptp(slopes) > 0.1  # and still the slope is not the same everywhere
kinks = np.flatnonzero(abs(np.diff(slopes)) > 1e-9)
print(f"second derivative 0 at all {len(t)} points; {len(kinks)} kinks bend the function")

# %%
# A second difference over a step as wide as the grid sees the bends: its mean is the true change of
# slope. So "curvature" of such a function depends on the distance over which one asks.

y = np.array([along(s) for s in t])
h = t[1] - t[0]
bends = (y[2:] - 2 * y[1:-1] + y[:-2]) / h**2
np.testing.assert_allclose(bends.sum() * h, (y[-1] - y[-2] - y[1] + y[0]) / h, atol=1e-6)
np.testing.assert_allclose(bends.sum() * h, slopes[-1] - slopes[0], atol=1e-6)

# %%
# In the parameters
# -----------------
# The net multiplies weights of different layers, so the Hessian of the loss is not zero: it is the
# Gauss-Newton matrix plus the curvature of the net, weighted by the errors. Within one layer the
# net is linear (away from kinks): there the Hessian *is* the Gauss-Newton matrix, with no negative
# eigenvalue. Across layers it is not, and negative eigenvalues appear.

rng = np.random.default_rng(0)
x = rng.normal(size=(60, 2))
target = np.sin(2 * x[:, :1])
model = lambda net, x: net(x)
squared = lambda outputs, y: ((outputs - y) ** 2).sum() / len(y)
loss = lambda net, batch: squared(net(batch[0]), batch[1])
H = HessianOperator(loss, net, (x, target))
G = GGNOperator(model, squared, net, (x, target))
H, G = H @ np.eye(H.shape[0]), G @ np.eye(G.shape[0])

sizes = [layer.weight.size + layer.bias.size for layer in net.layers]
ends = np.cumsum([0, *sizes])
for a, b in zip(ends[:-1], ends[1:]):
    np.testing.assert_allclose(H[a:b, a:b], G[a:b, a:b], atol=1e-13)
    assert np.linalg.eigvalsh(H[a:b, a:b])[0] > -1e-12
exact, approximate = np.linalg.eigvalsh(H), np.linalg.eigvalsh(G)
print(f"smallest eigenvalue: Hessian {exact[0]:.3f}, Gauss-Newton {approximate[0]:.0e}")
assert exact[0] < -0.05 and approximate[0] > -1e-12

# %%
# Smooth activations have no such exact blocks.

smooth = tg.nn.MLP([2, 12, 12, 1], tg.nn.tanh, seed=1)
Hs = HessianOperator(loss, smooth, (x, target)) @ np.eye(len(H))
Gs = GGNOperator(model, squared, smooth, (x, target)) @ np.eye(len(H))
a, b = ends[:2]
assert abs(Hs[a:b, a:b] - Gs[a:b, a:b]).max() > 1e-3

fig, (left, right) = plt.subplots(1, 2)
left.plot(t, y, "C0", label="output of the net")
left.plot(t, slopes, "C1", lw=1.2, label="its slope")
left.plot(t, second, "C3:", label="second derivative: 0 everywhere")
left.plot(t[kinks], y[kinks], "o", color="C0", ms=4)
left.set(
    title="The slope jumps at kinks, and is constant between", xlabel="position along the input"
)
left.set(ylabel="output, slope", ylim=(None, 0.5))
left.legend(fontsize=8)
rank = np.arange(1, len(H) + 1)
right.plot(rank, exact[::-1], "C0", label="Hessian")
right.plot(rank, approximate[::-1], "C1--", label="Gauss-Newton")
right.set_yscale("symlog", linthresh=1e-2)
right.set(title="In the parameters the curvature is not zero,\nand has both signs", xlabel="rank")
right.set_ylabel("eigenvalue")
right.legend()
plt.show()
