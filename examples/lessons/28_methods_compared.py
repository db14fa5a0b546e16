r"""
Descent, momentum, BFGS, CG and Newton side by side
===================================================

One problem, logistic regression of tumours with 31 parameters, and every method of the last
lessons. By *iterations* Newton's method wins by far. By the work it does, in gradients and
Hessian-vector products, the answer is another: its dense Hessian costs 31 products each time.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")

data = tg.data.breast_cancer()
x = (data.x - data.x.mean(axis=0)) / data.x.std(axis=0)
x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
sign = 2.0 * data.y - 1


def loss(w):
    return tg.numpy.log1p(tg.numpy.exp(-sign * (x @ w))).mean() + 1e-3 * (w @ w)


value, gradient, hessian = tg.jit(loss), tg.jit(tg.grad(loss)), tg.jit(tg.hessian(loss))
product = tg.jit(lambda w, v: tg.hvp(loss, w, v))
p = 1 / (1 + np.exp(-x @ np.full(31, 0.1)))  # closed forms
residual = (p - (sign > 0)) @ x / len(x) + 2e-3 * np.full(31, 0.1)
np.testing.assert_allclose(gradient(np.full(31, 0.1)), residual, atol=1e-14)
H = hessian(np.full(31, 0.1))
np.testing.assert_allclose(H, (x.T * (p * (1 - p))) @ x / len(x) + 2e-3 * np.eye(31), atol=1e-13)

# %%
# Work is counted in gradients and products (each about as dear); a dense Hessian counts as n
# products.


class Counted:
    """A run: the gradient's length at each iterate, with the work and the time until then."""

    def __init__(self):
        self.work, self.begin, self.rows = 0, time.perf_counter(), []

    def counted(self, f, cost=1):
        def call(*args):
            self.work += cost
            return f(*args)

        return call

    def note(self, w):
        self.rows.append((np.linalg.norm(gradient(w)), self.work, time.perf_counter() - self.begin))


start = np.zeros(31)
largest, smallest = np.linalg.eigvalsh(hessian(start))[[-1, 0]]
runs = {}


def descend(momentum, rate, steps):
    run, w, v = Counted(), start, np.zeros(31)
    g = run.counted(gradient)
    for _ in range(steps):
        run.note(w)
        v = momentum * v + g(w)
        w = w - rate * v
    return run


root = np.sqrt(largest / smallest)
beta = ((root - 1) / (root + 1)) ** 2
runs["gradient descent"] = descend(0.0, 2 / (largest + smallest), 3000)
runs["momentum"] = descend(beta, 4 / (np.sqrt(largest) + np.sqrt(smallest)) ** 2, 1500)
OPTIONS = {
    "conjugate gradients": ("CG", {"gtol": 1e-9}),
    "BFGS": ("BFGS", {"gtol": 1e-9}),
    "L-BFGS": ("L-BFGS-B", {"ftol": 0, "gtol": 1e-9}),
    "Newton-CG": ("Newton-CG", {"xtol": 1e-12}),
}
for name, (method, options) in OPTIONS.items():
    run = runs[name] = Counted()
    run.note(start)
    second = {"hessp": run.counted(product)} if method == "Newton-CG" else {}
    settings = {"jac": run.counted(gradient), "callback": run.note, "options": options}
    minimize(value, start, method=method, **settings, **second)

run, w = Counted(), start
runs["Newton"], g, h = run, run.counted(gradient), run.counted(hessian, cost=31)
for _ in range(12):
    run.note(w)
    w = w - np.linalg.solve(h(w), g(w))

# %%
# How much until the gradient is a millionth of the first?

table = {}
print(f"{'':<20} {'iterations':>10} {'work':>6} {'ms':>7}")
for name, run in runs.items():
    norms, work, seconds = np.array(run.rows).T
    reached = np.flatnonzero(norms < 1e-6 * norms[0])
    k = reached[0] if len(reached) else -1
    table[name] = (k if k >= 0 else np.inf), work[k]
    print(f"{name:<20} {table[name][0]:>10} {work[k]:>6.0f} {1e3 * seconds[k]:>7.1f}")
iterations = {name: k for name, (k, _) in table.items()}
assert min(iterations, key=iterations.get) == "Newton"
order = ["Newton", "L-BFGS", "momentum", "gradient descent"]
assert sorted(order, key=iterations.get) == order
assert (
    table["L-BFGS"][1] < table["Newton-CG"][1] < table["Newton"][1]
)  # by work: the other way round

fig, axes = plt.subplots(1, 2, sharey=True, figsize=(9.2, 4.0))
styles = ["-", "--", "-.", ":", "-", "--", "-"]
for k, (name, run) in enumerate(runs.items()):
    norms, work, _ = np.array(run.rows).T
    for ax, where in zip(axes, (np.arange(len(norms)), work)):
        ax.loglog(where + 1, norms, f"C{k}", ls=styles[k], label=name)
axes[0].set(
    title="By iterations Newton wins", xlabel="iterations + 1", ylabel="length of the gradient"
)
axes[1].set(title="By gradients and products it does not", xlabel="gradients and products + 1")
axes[0].set_ylim(1e-9, 1)
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
plt.show()
