r"""
A contractive autoencoder
=========================

An autoencoder squeezes its input through a narrow code h(x) and rebuilds it. A contractive one also
pays for the sensitivity of the code, :math:`\lambda\,\lVert \partial h/\partial x \rVert_F^2`.
Training needs the gradient of a penalty that is itself made of derivatives: second-order autodiff.

Rifai, Vincent, Muller, Glorot and Bengio (2011), Contractive auto-encoders.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")

digits = tg.data.digits()
x, y = digits.x[:200] / 16, digits.y[:200]
rng = np.random.default_rng(0)
start = {"W": rng.normal(size=(64, 16)) / 8, "b": np.zeros(16), "c": np.zeros(64)}


def encode(p, x):
    return tg.nn.sigmoid(x @ p["W"] + p["b"])


def rebuild(p, x):
    return tg.nn.sigmoid(encode(p, x) @ p["W"].T + p["c"])  # with the weights of the encoder


def jacobians(p, x):
    """Of the code, for each example: (example, code, pixel)."""
    return tg.vmap(tg.jacobian(lambda x: encode(p, x)))(x)


def loss(p, batch, weight):
    error = ((rebuild(p, batch) - batch) ** 2).sum() / len(batch)
    penalty = (jacobians(p, batch) ** 2).sum() / len(batch) if weight else 0.0
    return error + weight * penalty


# %%
# For one sigmoid layer the penalty has a closed form, and so has its gradient by W. Both agree with
# what the library finds by differentiating twice.

penalty = lambda p: (jacobians(p, x) ** 2).sum() / len(x)
W, h = start["W"], encode(start, x)
s, norms = h * (1 - h), (W**2).sum(axis=0)
slope = 2 * W * (s**2).mean(axis=0) + x.T @ (2 * s**2 * (1 - 2 * h)) / len(x) * norms
np.testing.assert_allclose(penalty(start), (s**2 @ norms).mean())
np.testing.assert_allclose(tg.grad(penalty)(start)["W"], slope, atol=1e-14)

# %%
# Train with the penalty and without, and move every digit a little: how far does its code move?


def train(weight, steps=120):
    objective = lambda p, batch: loss(p, batch, weight)
    return tg.optim.fit(objective, start, x, tg.optim.Adam(lr=0.03), epochs=steps).params


nets = {"plain": train(0.0), "contractive": train(0.5)}
noise = rng.normal(size=(10, *x.shape))
noise *= 0.5 / np.linalg.norm(noise, axis=-1, keepdims=True)  # neighbours at distance 0.5
moved, error, singular = {}, {}, {}
for name, p in nets.items():
    moved[name] = np.linalg.norm(encode(p, x + noise) - encode(p, x), axis=-1) / 0.5
    error[name] = ((rebuild(p, x) - x) ** 2).sum(axis=1).mean()
    singular[name] = np.linalg.svd(jacobians(p, x), compute_uv=False)
    first_order = np.sqrt((singular[name] ** 2).sum() / len(x) / 64)  # |J u|, u random
    measured = np.sqrt((moved[name] ** 2).mean())
    np.testing.assert_allclose(measured, first_order, rtol=0.05)
    print(f"{name:<12} moves its code {measured:.3f} a unit, rebuilds to {error[name]:.2f}")

assert moved["contractive"].mean() < 0.5 * moved["plain"].mean()
assert error["contractive"] > error["plain"]  # it is not free

# %%
# What tells digits apart is kept: nearest neighbours among the codes still mostly share their
# label.


def same_label(code):
    distance = ((code[:, None] - code) ** 2).sum(axis=-1) + 1e9 * np.eye(len(code))
    return (y[distance.argmin(axis=1)] == y).mean()


kept = {name: same_label(encode(p, x)) for name, p in nets.items()}
print("nearest code has the same label:", {name: f"{share:.0%}" for name, share in kept.items()})
assert min(kept.values()) > 0.75

fig, (left, right) = plt.subplots(1, 2)
bins = np.linspace(0, 1.1 * moved["plain"].max(), 60)
for k, name in enumerate(nets):
    left.hist(moved[name].ravel(), bins, color=f"C{k}", alpha=0.75, label=name)
    right.plot(range(1, 17), singular[name].mean(axis=0), f"C{k}{'o^'[k]}-", label=name)
left.set(title="The penalty holds the codes of neighbours together")
left.set(xlabel="movement of the code / movement of the digit", ylabel="neighbours")
left.legend()
right.set(title="It weakens every direction, the strongest most")
right.set(xlabel="rank", ylabel="mean singular value of J", ylim=(0, None))
right.set_xticks([1, 4, 8, 12, 16])
right.legend()
plt.show()
