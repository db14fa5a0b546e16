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
# Of a normal distribution with mean μ and log-deviation s the standard errors are
# :math:`\sigma/\sqrt n` and :math:`1/\sqrt{2n}`; of linear regression the covariance is
# :math:`\sigma^2 (X^T X)^{-1}`.

sample = rng.normal(5.0, 2.0, size=300)
normal = lambda p, z: (p["s"] + (z - p["mu"]) ** 2 / (2 * np.exp(2 * p["s"]))).mean()
best = {"mu": np.array(sample.mean()), "s": np.array(np.log(sample.std()))}
fit = observed_information(normal, best, sample)
np.testing.assert_allclose(fit.standard_errors["mu"], sample.std() / np.sqrt(300))
np.testing.assert_allclose(fit.standard_errors["s"], 1 / np.sqrt(600))


def least_squares(X, y):
    return np.linalg.lstsq(X, y, rcond=None)[0]


X = np.stack([np.ones(50), np.linspace(0, 10, 50)], axis=1)
truth, sigma = np.array([1.0, 0.5]), 0.8
y = X @ truth + sigma * rng.normal(size=50)
squares = lambda w, batch, sigma: ((batch[0] @ w - batch[1]) ** 2).mean() / (2 * sigma**2)
loss = lambda w, batch: squares(w, batch, sigma)
fit = observed_information(loss, least_squares(X, y), (X, y))
np.testing.assert_allclose(fit.covariance, sigma**2 * np.linalg.inv(X.T @ X))

# %%
# Where no closed form helps
# --------------------------
# Logistic regression: the promise of the standard error is tested on 1,000 data sets drawn anew.

logistic = lambda w, batch: tg.nn.binary_cross_entropy_with_logits(batch[0] @ w, batch[1])
gradient, hessian = tg.jit(tg.grad(logistic)), tg.jit(tg.hessian(logistic))
slopes, errors = [], []
for _ in range(1000):
    x = np.stack([np.ones(300), rng.normal(size=300)], axis=1)
    labels = (rng.uniform(size=300) < 1 / (1 + np.exp(0.5 - 1.2 * x[:, 1]))) * 1.0
    w = np.zeros(2)
    for _ in range(8):  # Newton's method
        w = w - np.linalg.solve(hessian(w, (x, labels)), gradient(w, (x, labels)))
    slopes.append(w[1])
    errors.append(np.sqrt(np.linalg.inv(300 * hessian(w, (x, labels)))[1, 1]))
fit = observed_information(logistic, w, (x, labels))
np.testing.assert_allclose(errors[-1], fit.standard_errors[1])
slopes, errors = np.array(slopes), np.array(errors)
covered = (abs(slopes - 1.2) < 1.96 * errors).mean()
print(f"slopes scatter by {slopes.std():.3f}, predicted {errors.mean():.3f}; {covered:.1%} covered")
np.testing.assert_allclose(slopes.std(), errors.mean(), rtol=0.08)
assert 0.93 < covered < 0.97

# %%
# The conditions
# --------------
# The point must be a minimum, and the *model* must be right. Where the scatter grows with x, and
# the model has it constant, the information promises too little. The sandwich, from the gradient of
# each example, comes close; of 50 examples it is still a little too small.

draws = X @ truth + (0.1 + 0.02 * X[:, 1] ** 2) * rng.normal(size=(2000, 50))
true = np.std([least_squares(X, y)[1] for y in draws])
promised, robust = [], []
for y in draws[:60]:
    w = least_squares(X, y)
    scatter = np.std(X @ w - y)
    loss = lambda w, batch: squares(w, batch, scatter)
    for found, sandwich in ((promised, False), (robust, True)):
        fit = observed_information(loss, w, (X, y), robust=sandwich)
        found.append(fit.standard_errors[1])
print(f"true error {true:.4f}: promised {np.mean(promised):.4f}, sandwich {np.mean(robust):.4f}")
assert np.mean(promised) < 0.8 * true and abs(np.mean(robust) / true - 1) < 0.12

fig, (left, right) = plt.subplots(1, 2)
left.hist(slopes, 25, density=True, color="C0", alpha=0.8, label="slopes of 1,000 data sets")
z = np.linspace(slopes.min(), slopes.max(), 200)
bell = np.exp(-(((z - 1.2) / errors.mean()) ** 2) / 2) / (errors.mean() * np.sqrt(2 * np.pi))
left.plot(z, bell, "C1", label="predicted by the Hessian")
left.set(title="The Hessian predicts how estimates scatter", xlabel="estimated slope")
left.set(ylabel="density", ylim=(0, 1.5 * bell.max()))
left.legend()
right.hist(promised, 15, color="C1", alpha=0.8, label="observed information")
right.hist(robust, 15, color="C0", alpha=0.8, label="sandwich")
right.axvline(true, color="k", label="true")
right.set(title="With a wrong model it promises too little", xlabel="standard error of the slope")
right.set(ylabel="data sets", ylim=(0, 20))
right.legend()
plt.show()
