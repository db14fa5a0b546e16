r"""
The gradient in the top subspace
================================

While a classifier learns by SGD, most of its gradient lies in the span of a few eigenvectors of the
Hessian, one for each class. It sounds as if the rest could be thrown away; it cannot.

Gur-Ari, Roberts and Dyer (2018), Gradient descent happens in a tiny subspace; Song, Ahn and Yun
(2024), Does SGD really happen in tiny subspaces?
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import HessianOperator, gradient_alignment, top_eigenpairs

plt.style.use("tinygrad_hess.viz.figures")

digits = tg.data.digits()
data = digits.x[:500] / 16, digits.y[:500]
RATE, SIZE, STEPS, EVERY, K = 0.3, 20, 600, 100, 10


def loss(w, batch):
    return tg.nn.cross_entropy(unravel(w)(batch[0]), batch[1])


start, unravel = tg.ravel(tg.nn.MLP([64, 16, 10], tg.nn.relu, init=tg.nn.init.he_normal, seed=0))
gradient, value = tg.jit(tg.grad(loss)), tg.jit(loss)


def top_vectors(w, v0=None):
    return top_eigenpairs(HessianOperator(loss, w, data, check=False), K, tol=1e-3, v0=v0)


def train(w, kind, steps, batch_size=SIZE):
    """SGD whose gradients are projected: all of it, the top subspace alone, or the rest alone."""
    losses, shares, top = [], [], top_vectors(w)
    epochs = steps * batch_size // len(data[0]) + 1
    for step, batch in zip(range(steps), tg.data.batches(*data, batch_size, 0, epochs=epochs)):
        if step % 10 == 0:
            losses.append(value(w, data))
        if step % EVERY == 0 and step:
            top = top_vectors(w, top.vectors)
        if step % EVERY < 10 and step >= EVERY:
            full = gradient(w, data)
            shares.append((np.sum((top.vectors.T @ full) ** 2), full @ full))
        g = gradient(w, batch)
        inside = top.vectors @ (top.vectors.T @ g)
        w = w - RATE * {"all": g, "top": inside, "rest": g - inside}[kind]
    pairs = np.array(shares).reshape(-1, 10, 2).sum(axis=1)
    return w, np.array(losses), pairs[:, 0] / pairs[:, 1]


w, losses, shares = train(start, "all", STEPS)
of_random = K / len(w)
print(f"share of the gradient in {K} of {len(w):,} directions:", shares.round(2))
assert shares.min() > 0.6 and of_random < 0.01

# %%
# The library measures it at one point, with the range for random directions beside it:

print(gradient_alignment(HessianOperator(loss, w, data), K))

# %%
# Only noise keeps it there: by full batches next to nothing of the gradient is left in the top
# subspace, which has been descended already.

_, _, without_noise = train(start, "all", STEPS, batch_size=500)
print("by full batches:", without_noise.round(3))
assert without_noise[-1] < 0.3 * shares.min()

# %%
# "So training happens in that subspace" does not follow. From the same point on, steps within the
# top subspace hardly lower the loss; steps in all *other* directions do as well as whole ones.

middle, _, _ = train(start, "all", 100)
ahead = {kind: train(middle, kind, 300)[1] for kind in ("all", "top", "rest")}
first = value(middle, data)
for kind, curve in ahead.items():
    print(f"{kind:<5} loss from {first:.3f} to {curve[-1]:.3f}")
assert ahead["rest"][-1] < 1.3 * ahead["all"][-1] < 0.6 * ahead["top"][-1]

fig, (left, right) = plt.subplots(1, 2)
steps = np.arange(EVERY, STEPS, EVERY)
left.plot(steps, shares, "C0o-", label="SGD, 20 in a batch")
left.plot(steps, without_noise, "C1s--", label="full batches")
left.axhline(of_random, color="C3", ls=":")
left.annotate(
    "random direction", (steps[0], of_random), (0, 4), textcoords="offset points", color="C3"
)
left.set(title="With noise, the gradient lies in the top 10 directions", xlabel="step")
left.set(ylabel="share of its squared length", ylim=(0, 1.02))
left.legend(loc="center right", bbox_to_anchor=(1, 0.4))
names = {"all": "whole gradient", "rest": "without the top 10", "top": "in the top 10 alone"}
for k, (kind, name) in enumerate(names.items()):
    right.plot(
        10 * np.arange(len(ahead[kind])),
        ahead[kind],
        f"C{(0, 2, 1)[k]}{['-', '--', '-.'][k]}",
        label=name,
    )
right.set(title="And yet learning happens in the others", xlabel="step from the same point")
right.set(ylabel="training loss", ylim=(0, 0.55))
right.legend()
plt.show()
