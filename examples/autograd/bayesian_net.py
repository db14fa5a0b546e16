"""A Bayesian neural net: how sure it is, by variational inference and by Laplace's approximation.

A tanh net with one hidden layer fits 40 points with a gap. Variational inference (Blundell et al.
2015) trains a mean and a scale for each weight by sampled gradients; Laplace's approximation
trains the weights alone, and takes their covariance from the Gauss-Newton matrix at the end. One
should see both sure at the data, but only Laplace's less sure in the gap and beyond: independent
weights in one hidden layer cannot be (Foong et al. 2020, On the expressiveness of approximate
inference in Bayesian neural networks).
"""

import os

import numpy as np

import tinygrad_hess as tg

STEPS = 500 if os.environ.get("TINYGRAD_HESS_QUICK") else 2000
HIDDEN, NOISE, SAMPLES = 20, 0.1, 10
SIZE = 3 * HIDDEN + 1


def outputs(weights, x):
    """Of each net: weights of shape (nets, 61) and inputs of shape (n,) give shape (nets, n)."""
    w, b, v = (weights[:, i * HIDDEN : (i + 1) * HIDDEN] for i in range(3))
    hidden = np.tanh(w[:, None, :] * x[:, None] + b[:, None, :])
    return np.sum(hidden * v[:, None, :], axis=-1) + weights[:, -1:]


def log_density(weights, x, y):
    """Of each net, up to a constant: normal noise, standard normal prior."""
    misfit = np.sum((outputs(weights, x) - y) ** 2, axis=-1) / NOISE**2
    return -0.5 * (misfit + np.sum(weights**2, axis=-1))


def loss(params, x, y, noise):
    """The negative evidence lower bound, up to a constant."""
    mean, log_scale = params
    return -np.mean(log_density(mean + np.exp(log_scale) * noise, x, y)) - np.sum(log_scale)


def data(n=40, seed=0):
    """A wave on [-2, -0.5] and [0.5, 2], nothing in between."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.5, 2, size=n) * np.where(np.arange(n) % 2, 1, -1)
    return x, np.sin(2 * x) + NOISE * rng.normal(size=n)


def main():
    x, y = data()
    rng = np.random.default_rng(1)
    start = 0.5 * rng.normal(size=SIZE)
    adam = lambda: tg.optim.Adam(lr=tg.optim.cosine(0.02, STEPS))
    noise = list(rng.normal(size=(STEPS, SAMPLES, SIZE)))
    begin = (start, np.full(SIZE, -4.0))
    fit = tg.optim.fit(lambda p, e: loss(p, x, y, e), begin, noise, adam())
    nets = fit.params[0] + np.exp(fit.params[1]) * rng.normal(size=(500, SIZE))

    best = tg.optim.fit(lambda w, _: -log_density(w[None], x, y)[0], start, x, adam(), epochs=STEPS)
    halves = lambda made, wanted: np.sum((made - wanted) ** 2) / (2 * NOISE**2)
    predict = lambda w, x: outputs(w[None], x)[0]
    laplace = tg.curvature.laplace(predict, halves, best.params, (x, y), reduction="sum")

    at = np.array([-3.0, -1.25, 0.0, 1.25, 3.0])
    sure = {
        "variational": outputs(nets, at).std(axis=0),
        "Laplace": np.sqrt(laplace.predict(at).variance).ravel(),
    }
    print("data in [-2, -0.5] and [0.5, 2]; standard deviation of the net's output")
    print(" " * 13, "  ".join(f"{x:+5.2f}" for x in at))
    for name, deviations in sure.items():
        print(f"{name:13s}", "  ".join(f"{value:5.2f}" for value in deviations))
    return {"sure": sure, "losses": fit.losses}


if __name__ == "__main__":
    main()
