"""Black-box variational inference, where the answer is known: Bayesian linear regression.

A posterior of independent normals is fitted by stochastic gradients (Kingma and Welling 2014: a
sample is mean + scale * noise, and the gradient goes through it); all that is used of the model is
its log density. Here the posterior is a normal with a closed form, so one should see the means
agree with it to a hundredth, and the scales with 1/sqrt of the diagonal of the precision, the best
that independence allows. A Hessian of the same log density gives the covariances as well.
"""

import os

import numpy as np

import tinygrad_hess as tg

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
SAMPLES, STEPS = 32, (500 if QUICK else 2000)
NOISE, PRIOR = 0.5, 2.0


def log_density(weights, x, y):
    """Of each row of ``weights``, up to a constant: normal noise, normal prior."""
    misfit = np.sum((np.dot(weights, x.T) - y) ** 2, axis=-1) / NOISE**2
    return -0.5 * (misfit + np.sum(weights**2, axis=-1) / PRIOR**2)


def loss(params, x, y, noise):
    """The negative evidence lower bound, up to a constant, by samples of noise."""
    mean, log_scale = params
    return -np.mean(log_density(mean + np.exp(log_scale) * noise, x, y)) - np.sum(log_scale)


def data(n=40, seed=0):
    """A cubic in a standardised variable, with noise; powers as columns."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(n, 1)) ** np.arange(4)
    return x, x @ np.array([0.5, -1.0, 0.0, 2.0]) + NOISE * rng.normal(size=n)


def main():
    x, y = data()
    draws = np.random.default_rng(1).normal(size=(STEPS, SAMPLES, x.shape[1]))
    adam = tg.optim.Adam(lr=tg.optim.cosine(0.05, STEPS))
    start = (np.zeros(4), np.full(4, -1.0))
    fit = tg.optim.fit(lambda p, noise: loss(p, x, y, noise), start, list(draws), adam)
    mean, scale = fit.params[0], np.exp(fit.params[1])

    precision = x.T @ x / NOISE**2 + np.eye(4) / PRIOR**2
    exact = np.linalg.solve(precision, x.T @ y / NOISE**2)
    curvature = -tg.hessian(lambda w: log_density(w[None], x, y)[0])(mean)
    print("posterior means, exact   ", np.round(exact, 3))
    print("                  fitted ", np.round(mean, 3))
    print("scales, best independent ", np.round(np.diag(precision) ** -0.5, 3))
    print("                  fitted ", np.round(scale, 3))
    print("scales, exact            ", np.round(np.diag(np.linalg.inv(precision)) ** 0.5, 3))
    print("         by the Hessian  ", np.round(np.diag(np.linalg.inv(curvature)) ** 0.5, 3))
    return {"mean": mean, "scale": scale, "curvature": curvature, "x": x, "y": y}


if __name__ == "__main__":
    main()
