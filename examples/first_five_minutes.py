"""The first five minutes.

A gradient, a second derivative and their pictures; then a net on handwritten digits, and how the
curvature of its loss grows while it trains. In a notebook, the last line of each cell shows itself.
"""

# %%
# A function is plain Python and NumPy. Its gradient is a function too, and so is its Hessian.
import os

import numpy as np

import tinygrad_hess as tg


def f(v):
    x, y = v
    return x * y + np.sin(x)


point = np.array([2.0, 3.0])
print("value   ", f(point))
print("gradient", tg.grad(f)(point), "= (y + cos x, x)")
print("Hessian ", *tg.hessian(f)(point), "= (-sin x, 1), (1, 0)")

# %%
# A product of the Hessian with a vector costs about as much as two gradients, however many
# parameters there are: the matrix is never made.
direction = np.array([1.0, 0.0])
print("H v     ", tg.hvp(f, point, direction))

# %%
# What was computed, as a graph: each box with its value, and the derivative of the output with
# respect to it.
tg.viz.graph(f, point, values=True, grads=True)

# %%
# The same, step by step: forward, then in reverse, with the rule that each operation follows.
tg.viz.steps(f, point)

# %%
# Now a net with one hidden layer on 8 by 8 pixels of handwritten digits. The loss is any function
# of a model and a batch.
train, test = tg.data.split(tg.data.digits(), test=0.2)
pixels = train.x.mean(axis=0)
x, targets = (train.x - pixels) / 16, np.eye(10)[train.y]


def loss(model, batch):
    inputs, wanted = batch
    return ((model(inputs) - wanted) ** 2).sum() / (2 * len(inputs))


net = tg.nn.MLP([64, 32, 10], seed=0)
net

# %%
# Gradient descent on all examples at once, followed by a monitor of the largest eigenvalues of the
# Hessian. Where live=True is added, a page in the browser shows them while it trains.
rate, steps = 0.5, 100 if os.environ.get("TINYGRAD_HESS_QUICK") else 600
descent = tg.optim.SGD(lr=rate)
monitor = tg.curvature.Monitor(loss, (x, targets), optimizer=descent, k=3, every=20)
fitted = tg.optim.fit(
    loss, net, (x, targets), descent, epochs=steps, callback=monitor, progress=False
)
found = tg.nn.accuracy(fitted.params((test.x - pixels) / 16), test.y)
print(f"{steps} steps: loss {fitted.losses[0]:.3f} to {fitted.losses[-1]:.3f}, test {found:.1%}")
fitted

# %%
# The sharpness, the largest eigenvalue, climbs towards 2/rate = 4. Beyond that line, gradient
# descent on a quadratic would be unstable; training goes on there, at the edge of stability.
page = tg.viz.live(monitor)
largest = monitor.records.series("top_eigenvalues")[:, 0]
print(f"sharpness {largest[0]:.2f} to {largest[-1]:.2f}; 2/rate = {2 / rate:g}")
page

# %%
# Where it has arrived: the largest eigenvalues, with their residuals.
hessian = tg.curvature.HessianOperator(loss, fitted.params, (x, targets))
pairs = tg.curvature.top_eigenpairs(hessian, k=3)
print("largest", *pairs.values.round(3), f"with residuals up to {pairs.residuals.max():.0e}")
pairs

# %%
# All that half a minute allows to say about the curvature there, in words and figures, is one call:
# ``tg.curvature.report(loss, fitted.params, (x, targets))``. The same without Python, on a table of
# yours: ``tinygrad-hess train table.csv --target price --monitor run.jsonl --report report.html``.
page.close()
