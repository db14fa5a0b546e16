"""Gradient descent sharpens until 2/rate, then hovers there, on a problem of 20 points.

A 1-100-1 tanh net fits a Chebyshev polynomial by full-batch gradient descent. The largest Hessian
eigenvalue climbs to 2/rate; from there on it stays within a tenth of it. The loss, which never rose
before, rises in 4 to 6% of the steps: in bursts that throw the sharpness back. One start (of 24
that were run) ends otherwise: its bursts fade, slow swings in which the loss rises half of the time
(in all a quarter), into a steady jump from one side of the valley to the other, at 2/rate to a
percent. Control: at half the rate, the same net never gets that sharp.

Cohen, Kaur, Li, Kolter and Talwalkar (2021), Gradient descent on neural networks typically occurs
at the edge of stability.
"""

import numpy as np
from common import QUICK, follow, panels, save

import tinygrad_hess as tg
from tinygrad_hess.core import plotting

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
    after, rises, settled, crossings, steps = [], [], [], [], np.arange(0, STEPS, EVERY)
    figure, (above, below) = panels("sharpness", "loss", size=(6, 3.6))
    for seed in SEEDS:
        losses, relative = run(seed, RATE)
        crossing = int(np.argmax(relative >= 1))
        assert 0 < crossing < 0.9 * len(relative), "the sharpness never reached 2/rate"
        up = np.diff(losses) > 0
        assert not up[: (crossing - 1) * EVERY].any(), "the loss rose before the edge"
        crossings.append(crossing * EVERY)
        after.append(relative[crossing:])
        settles = not up[-500:].any() and (abs(relative[-10:] - 1) < 0.01).all()
        (settled if settles else rises).append(up[crossings[-1] :].mean())
        colour, label = (plotting.GREEN, ", settles") if settles else (plotting.BLUE, "")
        above.plot(steps, relative, color=colour, linewidth=1, label=f"rate {RATE}{label}")
        if settles or not seed:
            below.semilogy(losses, color=colour, linewidth=1)
    calm, control = run(0, RATE / 2)
    above.plot(steps, control, color=plotting.ORANGE, label=f"control: rate {RATE / 2}")
    below.semilogy(calm, color=plotting.ORANGE)
    above.axhline(1, color=plotting.GREY, linestyle="--", label="2 / rate")
    above.set(xlabel="step", ylabel="largest eigenvalue · rate / 2", ylim=(0, 1.3))
    below.set(xlabel="step", ylabel="½ squared error")
    handles = dict(zip(*reversed(above.get_legend_handles_labels())))
    above.legend(handles.values(), handles, frameon=False)
    save(figure, __file__)

    low, high = np.quantile(np.concatenate(after), [0.05, 0.95])
    mean = np.mean([a.mean() for a in after])
    assert 0.97 < mean < 1.04 and low > 0.85 and high < 1.15
    assert min(rises) > 0.04 and max(rises) < 0.06 and len(settled) <= 1
    assert max(control) < 0.9 and (np.diff(calm) <= 0).all()
    print(
        f"From step {min(crossings)} to {max(crossings)} on, the sharpness stays at {mean:.3f} of "
        f"2/rate (90% within {low:.2f} to {high:.2f}), and the loss rises in {min(rises):.1%} to "
        f"{max(rises):.1%} of the steps; at half the rate it peaks at {max(control):.2f}."
    )
    return {"mean": mean, "low": low, "high": high, "crossing": crossings, "rises": rises,
            "settled": settled, "control": max(control)}  # fmt: skip


if __name__ == "__main__":
    main()
