r"""
Why inputs are normalised
=========================

For least squares with inputs X the Hessian is :math:`X^T X / n`. A mean that is not zero adds one
huge eigenvalue, and different scales spread the rest. Taking off the mean, and dividing by the
standard deviation, changes the condition number by orders of magnitude.

LeCun, Kanter and Solla (1991), Eigenvalues of covariance matrices.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")

wine = tg.data.wine()
target = (wine.y == 0) * 1.0
centred = wine.x - wine.x.mean(axis=0)
standard = centred / centred.std(axis=0)
whitened = np.linalg.svd(centred, full_matrices=False)[0] * np.sqrt(len(centred))
INPUTS = {"raw": wine.x, "centred": centred, "standardised": standard, "whitened": whitened}


def loss(w, x, y):
    return ((x @ w - y) ** 2).mean() / 2


spectra, curves = {}, {}
for name, x in INPUTS.items():
    H = tg.hessian(loss)(np.zeros(13), x, target - target.mean())
    np.testing.assert_allclose(H, x.T @ x / len(x), atol=1e-9 * abs(H).max())
    spectra[name] = np.linalg.eigvalsh(H)
    rate = 2 / (spectra[name][0] + spectra[name][-1])  # the best constant one
    w, gradient, value = np.zeros(13), tg.jit(tg.grad(loss)), tg.jit(loss)
    y = target - target.mean()
    best = value(np.linalg.lstsq(x, y, rcond=None)[0], x, y)
    curves[name] = []
    for _ in range(400):
        curves[name].append(value(w, x, y) - best)
        w = w - rate * gradient(w, x, y)

kappa = {name: values[-1] / values[0] for name, values in spectra.items()}
for name, values in spectra.items():
    fall = curves[name][-1] / curves[name][0]
    print(f"{name:<13} λmax {values[-1]:>10.4g}  κ {kappa[name]:>9.3g}  after 400 steps {fall:.0e}")
assert kappa["raw"] > 1e6 and 10 < kappa["standardised"] < 100
assert curves["raw"][-1] > 0.1 * curves["raw"][0]
assert curves["standardised"][-1] < 1e-6 * curves["standardised"][0]

# %%
# The largest eigenvalue
# ----------------------
# With standardised inputs the trace, the sum of all eigenvalues, is the number of inputs; so the
# largest eigenvalue is at most that. With a mean m it is at least \|m\|²: of direction m/\|m\| the
# curvature is :math:`|m|^2` plus the variance along it.

np.testing.assert_allclose(spectra["standardised"].sum(), 13)
mean = wine.x.mean(axis=0)
assert spectra["raw"][-1] >= mean @ mean
print(f"|mean|² = {mean @ mean:.4g}, λmax = {spectra['raw'][-1]:.4g}")

# %%
# "Standardised inputs make the problem well conditioned" goes too far: scales are made equal, and
# correlation stays. Two inputs that nearly agree have κ as large as one likes. Only whitening,
# which turns the axes too, gives κ = 1, and then one step is enough.

rng = np.random.default_rng(0)
twin = rng.normal(size=1000)
twins = np.stack([twin, twin + 0.01 * rng.normal(size=1000)], axis=1)
twins = (twins - twins.mean(axis=0)) / twins.std(axis=0)
assert np.linalg.cond(twins.T @ twins) > 1e4
np.testing.assert_allclose(spectra["whitened"], 1)
assert curves["whitened"][1] < 1e-12

fig, (left, right) = plt.subplots(1, 2)
for k, (name, values) in enumerate(spectra.items()):
    left.semilogy(
        range(1, 14),
        values[::-1],
        f"C{k}{'os^D'[k]}-",
        ms=4,
        label=f"{name}: κ = {kappa[name]:.2g}",
    )
    right.semilogy(np.maximum(curves[name], 1e-16), f"C{k}{['-', '--', '-.', ':'][k]}", label=name)
left.set(
    title="Normalised inputs narrow the spectrum", xlabel="rank", ylabel="eigenvalue of the Hessian"
)
left.set_xticks([1, 4, 7, 10, 13])
left.legend(fontsize=8)
right.set(
    title="Only then descent arrives", xlabel="step, at the best rate of each", ylim=(1e-15, 3)
)
right.set_ylabel("loss above the minimum")
right.legend(fontsize=8, loc="center right")
plt.show()
