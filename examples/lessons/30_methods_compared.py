r"""
Descent, CG, BFGS and Newton side by side
=========================================

One problem, logistic regression of tumours with 31 parameters, and every method of the last
lessons. By *iterations* Newton's method wins by far. By the work it does, in gradients and
Hessian-vector products, the answer is another: its dense Hessian costs 31 products each time.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")

data = tg.data.breast_cancer()
x = (data.x - data.x.mean(axis=0)) / data.x.std(axis=0)
x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
n, y = x.shape[1], data.y.astype(float)


def loss(w):
    return tg.nn.binary_cross_entropy_with_logits(x @ w, y) + 1e-3 * (w @ w)


# %%
# All methods get the same derivatives, which agree with the closed forms.

w = np.full(n, 0.1)
p = 1 / (1 + np.exp(-x @ w))
np.testing.assert_allclose(tg.grad(loss)(w), x.T @ (p - y) / len(x) + 2e-3 * w, atol=1e-14)
H = (x.T * (p * (1 - p))) @ x / len(x) + 2e-3 * np.eye(n)
np.testing.assert_allclose(tg.hessian(loss)(w), H, atol=1e-14)

# %%
# How much until the gradient is a millionth of the first? Work is counted in gradients and
# products, each about as dear; a dense Hessian counts as n products.

METHODS = ("gradient-descent", "cg", "bfgs", "l-bfgs", "newton-cg", "newton")
runs, iterations, work = {}, {}, {}
print(f"{'':<17} iterations   work     ms")
for method in METHODS:
    for _ in range(2):  # the second run is timed; the first records
        found = tg.optim.minimize(loss, np.zeros(n), method=method, tol=1e-9)
    run = found.history
    spent = run.gradients + run.products + n * run.hessians
    end = np.argmax(run.gradient_norm < 1e-6 * run.gradient_norm[0])
    runs[method] = run.gradient_norm[: end + 1], spent[: end + 1]
    iterations[method], work[method] = end, spent[end]
    print(f"{method:<17} {end:>10} {spent[end]:>6} {1e3 * run.time[end]:>6.1f}")

assert sorted(METHODS, key=iterations.get)[:3] == ["newton", "newton-cg", "l-bfgs"]
assert work["l-bfgs"] < work["newton-cg"] < work["newton"]  # the other way round
assert max(METHODS, key=iterations.get) == max(METHODS, key=work.get) == "gradient-descent"

# %%
# "Second derivatives do not pay" is wrong all the same: by products, never with a matrix, Newton's
# method (``newton-cg``) takes a quarter of the iterations of the best method that has gradients
# alone, for little more work.

assert 4 * iterations["newton-cg"] < iterations["l-bfgs"]
assert work["newton-cg"] < 1.5 * work["l-bfgs"]

fig, axes = plt.subplots(1, 2, sharey=True, figsize=(9.2, 4.0))
styles = ["-", "--", "-.", ":", "-", "--"]
for k, (method, (norms, spent)) in enumerate(runs.items()):
    for ax, where in zip(axes, (np.arange(len(norms)) + 1, spent)):
        ax.loglog(where, norms, f"C{k}", ls=styles[k], label=method)
axes[0].set(title="By iterations Newton wins", xlabel="iterations + 1")
axes[0].set_ylabel("length of the gradient")
axes[1].set(title="By gradients and products it does not", xlabel="gradients and products")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
plt.show()
