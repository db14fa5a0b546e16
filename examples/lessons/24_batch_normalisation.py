r"""
What batch normalisation does to the spectrum
=============================================

A net without it has a few eigenvalues far above the rest, and they hold the learning rate down.
With batch normalisation they are gone.

Ghorbani, Krishnan and Xiao (2019), An investigation into neural net optimization via Hessian
eigenvalue density. The whole experiment is in examples/published/batch_normalization.py.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import HessianOperator, top_eigenpairs

plt.style.use("tinygrad_hess.viz.figures")

digits = tg.data.digits()
data = digits.x[:400] / 16, digits.y[:400]


def loss_of(kind):
    def loss(layers, batch):
        x, labels = batch
        for n, (W, gain, shift) in enumerate(layers):
            x = x @ W
            if kind == "batch norm" and n < 2:
                x = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
            x = x * gain + shift
            x = tg.nn.relu(x) if n < 2 else x
        return tg.nn.cross_entropy(x, labels)

    return loss


def train(kind, rate=0.1, steps=1000):
    """Down to a loss of 0.5, by full batches."""
    rng, sizes = np.random.default_rng(0), [64, 32, 32, 10]
    start = [
        (rng.normal(size=(m, n)) * np.sqrt(2 / m), np.ones(n), np.zeros(n))
        for m, n in zip(sizes[:-1], sizes[1:])
    ]
    enough = lambda step, params, value, state: value < 0.5
    sgd = tg.optim.SGD(lr=rate)
    return tg.optim.fit(loss_of(kind), start, data, sgd, epochs=steps, callback=enough).params


trained, spectra = {}, {}
for kind in ("affine map alone", "batch norm"):
    trained[kind] = train(kind)
    H = HessianOperator(loss_of(kind), trained[kind], data)
    spectra[kind] = top_eigenpairs(H, 12, rtol=1e-3).values
    first, tenth = spectra[kind][[0, 9]]
    print(f"{kind:<17} λ₁ = {first:5.2f}  λ₁/λ₁₀ = {first / tenth:4.1f}  2/λ₁ = {2 / first:.2f}")

plain, normal = spectra.values()
assert plain[0] > 4 * normal[0]
assert plain[0] / plain[9] > 8 and normal[0] / normal[9] < 4

# %%
# So it can be trained at a rate that, without it, is three times past 2/λ₁.

RATE = 0.4
assert 2 / plain[0] < RATE < 2 / normal[0]
curves = {}
for kind, params in trained.items():
    sgd = tg.optim.SGD(lr=RATE)
    curves[kind] = tg.optim.fit(loss_of(kind), params, data, sgd, epochs=60).losses
assert max(curves["batch norm"]) <= 0.51 and curves["batch norm"][-1] < 0.1
assert max(curves["affine map alone"]) > 1

# %%
# A caution
# ---------
# A normalised layer does not care how large the weights before it are: with 10 W the loss is the
# same, the gradient a tenth, and the curvature in W a hundredth. "Batch normalisation makes the
# loss flatter" so depends on the size of the weights, which normalisation leaves free.

loss, ((W, *rest), *others) = loss_of("batch norm"), trained["batch norm"]
in_first = lambda W: loss([(W, *rest), *others], data)
gradient = tg.grad(in_first)
u = np.random.default_rng(1).normal(size=W.shape)
curvature = [np.sum(u * tg.hvp(in_first, scale * W, u)) for scale in (1, 10)]
np.testing.assert_allclose(in_first(10 * W), in_first(W), rtol=1e-3)
np.testing.assert_allclose(10 * gradient(10 * W), gradient(W), atol=1e-4)
np.testing.assert_allclose(100 * curvature[1], curvature[0], rtol=0.01)

fig, (left, right) = plt.subplots(1, 2)
for k, (kind, values) in enumerate(spectra.items()):
    left.semilogy(range(1, 13), values, f"C{1 - k}{'os'[k]}-", label=kind)
    right.semilogy(curves[kind], f"C{1 - k}{['--', '-'][k]}", label=kind)
left.axhline(2 / RATE, color="C3", ls=":", label="2 / rate of the right figure")
left.set(title="Batch normalisation removes the outliers", xlabel="rank")
left.set(ylabel="eigenvalue of the Hessian", xticks=[1, 4, 8, 12])
left.legend()
right.set(title="Only then a rate of 0.4 can be used", xlabel="step", ylabel="training loss")
right.legend()
plt.show()
