r"""
Observed information and standard errors
========================================

How certain is a fitted parameter? The Hessian of the negative log-likelihood at its minimum, the
*observed information*, tells: a sharp minimum leaves little room. Its inverse is the covariance of
the estimates, in large samples.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import observed_information

plt.style.use("tinygrad_hess.viz.figures")
rng = np.random.default_rng(0)

# %%
# Closed forms
# ------------
# Counts from a Poisson distribution: the mean m is estimated by the mean of the counts, with
# standard error :math:`\sqrt{m/n}`. The normal distribution with mean μ and log-deviation s:
# :math:`\sigma/\sqrt n` and :math:`1/\sqrt{2n}`.

counts = rng.poisson(3.0, size=400).astype(float)
poisson = lambda p, k: p["mean"] - (k * np.log(p["mean"])).mean()
fit = observed_information(poisson, {"mean": np.array(counts.mean())}, counts)
np.testing.assert_allclose(fit.standard_errors["mean"], np.sqrt(counts.mean() / 400))

sample = rng.normal(5.0, 2.0, size=300)
normal = lambda p, z: (p["s"] + (z - p["mu"]) ** 2 / (2 * np.exp(2 * p["s"]))).mean()
best = {"mu": np.array(sample.mean()), "s": np.array(np.log(sample.std()))}
fit = observed_information(normal, best, sample)
np.testing.assert_allclose(fit.standard_errors["mu"], sample.std() / np.sqrt(300))
np.testing.assert_allclose(fit.standard_errors["s"], 1 / np.sqrt(600))

# %%
# Linear regression: :math:`\sigma^2 (X^T X)^{-1}`.

X = np.stack([np.ones(50), np.linspace(0, 10, 50)], axis=1)
truth, sigma = np.array([1.0, 0.5]), 0.8
target = X @ truth + sigma * rng.normal(size=50)
squares = lambda w, batch: ((batch[0] @ w - batch[1]) ** 2).mean() / (2 * sigma**2)
fit = observed_information(squares, np.linalg.lstsq(X, target, rcond=None)[0], (X, target))
np.testing.assert_allclose(fit.covariance, sigma**2 * np.linalg.inv(X.T @ X))

# %%
# Where no closed form helps
# --------------------------
# Logistic regression, fitted by Newton's method; the promise of the standard error is tested on 400
# data sets drawn anew.


def draw(n, rng):
    x = np.stack([np.ones(n), rng.normal(size=n)], axis=1)
    return x, (rng.uniform(size=n) < 1 / (1 + np.exp(-x @ np.array([-0.5, 1.2])))) * 1.0


logistic = lambda w, batch: tg.nn.binary_cross_entropy_with_logits(batch[0] @ w, batch[1])
gradient, hessian = tg.jit(tg.grad(logistic)), tg.jit(tg.hessian(logistic))


def newton(batch):
    w = np.zeros(2)
    for _ in range(10):
        w = w - np.linalg.solve(hessian(w, batch), gradient(w, batch))
    return w


n = 300
slopes, errors = [], []
for _ in range(400):
    batch = draw(n, rng)
    w = newton(batch)
    slopes.append(w[1])
    errors.append(np.sqrt(np.linalg.inv(n * hessian(w, batch))[1, 1]))
slopes, errors = np.array(slopes), np.array(errors)
np.testing.assert_allclose(errors[-1], observed_information(logistic, w, batch).standard_errors[1])
covered = (abs(slopes - 1.2) < 1.96 * errors).mean()
print(f"slopes scatter by {slopes.std():.3f}, predicted {errors.mean():.3f}; {covered:.1%} covered")
np.testing.assert_allclose(slopes.std(), errors.mean(), rtol=0.12)
assert 0.92 < covered < 0.98

# %%
# The conditions
# --------------
# The point must be a minimum, and the *model* must be right. Where the scatter grows with x, and
# the model has it constant, the information promises too little. The sandwich, from the gradient of
# each example, comes close; of 50 examples it is still a little too small.

wide = lambda rng: X @ truth + (0.1 + 0.02 * X[:, 1] ** 2) * rng.normal(size=50)
fits = np.array([np.linalg.lstsq(X, wide(rng), rcond=None)[0] for _ in range(2000)])
promised, robust = [], []
for _ in range(60):
    target = wide(rng)
    w = np.linalg.lstsq(X, target, rcond=None)[0]
    s2 = ((X @ w - target) ** 2).mean()
    loss = lambda w, batch: ((batch[0] @ w - batch[1]) ** 2).mean() / (2 * s2)
    promised.append(observed_information(loss, w, (X, target)).standard_errors[1])
    robust.append(observed_information(loss, w, (X, target), robust=True).standard_errors[1])
true = fits[:, 1].std()
print(f"true error {true:.4f}: promised {np.mean(promised):.4f}, sandwich {np.mean(robust):.4f}")
assert np.mean(promised) < 0.8 * true and abs(np.mean(robust) / true - 1) < 0.12

fig, (left, right) = plt.subplots(1, 2)
left.hist(slopes, 30, density=True, color="C0", alpha=0.8, label="slopes of 400 data sets")
z = np.linspace(slopes.min(), slopes.max(), 200)
bell = np.exp(-(((z - 1.2) / errors.mean()) ** 2) / 2) / (errors.mean() * np.sqrt(2 * np.pi))
left.plot(z, bell, "C1", label="predicted by the Hessian")
left.set(
    title="The Hessian predicts how estimates scatter", xlabel="estimated slope", ylabel="density"
)
left.set_ylim(0, 1.35 * bell.max())
left.legend()
right.hist(promised, 15, color="C1", alpha=0.8, label="observed information")
right.hist(robust, 15, color="C0", alpha=0.8, label="sandwich")
right.axvline(true, color="k")
right.annotate("true", (true, 12), (4, 0), textcoords="offset points")
right.set(title="With a wrong model it promises too little", xlabel="standard error of the slope")
right.set(ylabel="data sets", ylim=(0, 18))
right.legend()
plt.show()
