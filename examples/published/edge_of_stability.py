"""Gradient descent sharpens until 2/rate, then hovers there, on a problem of 20 points.

A 1-100-1 tanh net fits a Chebyshev polynomial by full-batch gradient descent. The largest Hessian
eigenvalue climbs to 2/rate; from there on it stays within a tenth of it, and the loss rises in some
steps, as it never did before. Control: at half the rate, the same net never gets that sharp.

Cohen, Kaur, Li, Kolter and Talwalkar (2021), Gradient descent on neural networks typically occurs
at the edge of stability.
"""

import numpy as np
from common import QUICK, follow, panels, save

import tinygrad_hess as tg
from tinygrad_hess.curvature.estimates import plotting

RATE, STEPS, EVERY, SEEDS = 0.2, (3000 if QUICK else 6000), 50, range(1 if QUICK else 5)
X = np.linspace(-1, 1, 20)[:, None]
Y = 4 * X**3 - 3 * X


def net(seed):
    xavier, rng = tg.nn.init.xavier_normal, np.random.default_rng(seed)
    hidden = tg.nn.Linear(1, 100, init=lambda shape, seed: xavier(shape, seed, 1.9), seed=rng)
    return tg.nn.Sequential(hidden, tg.nn.tanh, tg.nn.Linear(100, 1, False, init=xavier, seed=rng))


def loss(model, batch):
    x, y = batch
    return tg.nn.mse(model(x), y, half=True)


def run(seed, rate):
    """Losses, and the sharpness at every 50th step as a multiple of 2/rate."""
    losses, sharpness = follow(loss, net(seed), (X, Y), tg.optim.SGD(lr=rate), STEPS, EVERY)
    return losses, sharpness * rate / 2


def main():
    after, rises, crossings, runs = [], [], [], []
    for seed in SEEDS:
        losses, relative = run(seed, RATE)
        crossing = int(np.argmax(relative >= 1))
        assert 0 < crossing < 0.9 * len(relative), "the sharpness never reached 2/rate"
        up = np.diff(losses) > 0
        assert not up[: (crossing - 1) * EVERY].any(), "the loss rose before the edge"
        crossings.append(crossing * EVERY)
        rises.append(up[crossing * EVERY :].mean())
        after.append(relative[crossing:])
        runs.append(relative)
    control_losses, control = run(0, RATE / 2)

    figure, (ax,) = panels("sharpness under gradient descent", size=(7, 3.6))
    steps = np.arange(0, STEPS, EVERY)
    for relative in runs:
        ax.plot(steps, relative, color=plotting.BLUE, linewidth=1, label=f"rate {RATE}")
    ax.plot(steps, control, color=plotting.ORANGE, label=f"control: rate {RATE / 2}")
    ax.axhline(1, color=plotting.GREY, linestyle="--", label="2 / rate")
    ax.set(xlabel="step", ylabel="largest eigenvalue · rate / 2", ylim=(0, 1.3))
    handles = dict(zip(*reversed(ax.get_legend_handles_labels())))
    ax.legend(handles.values(), handles, frameon=False)
    save(figure, __file__)

    low, high = np.quantile(np.concatenate(after), [0.05, 0.95])
    mean = np.mean([a.mean() for a in after])
    assert 0.97 < mean < 1.04 and low > 0.85 and high < 1.15
    assert max(control) < 0.9 and (np.diff(control_losses) <= 0).all()
    print(
        f"From step {min(crossings)} to {max(crossings)} on, the sharpness stays at {mean:.3f} of "
        f"2/rate (90% within {low:.2f} to {high:.2f}); at half the rate it peaks at "
        f"{max(control):.2f}."
    )
    return {"mean": mean, "low": low, "high": high, "crossing": crossings, "rises": rises,
            "control": max(control)}  # fmt: skip


if __name__ == "__main__":
    main()
