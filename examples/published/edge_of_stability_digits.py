"""The edge of stability on real data, and that it moves with the rate.

A 64-32-32-10 tanh net learns 500 handwritten digits by full-batch gradient descent on the squared
error. At each of two rates the sharpness climbs to 2/rate and stays, though the two edges lie a
factor of 1.4 apart: it is the rate that sets the curvature, not the data. Control: measured against
the other rate's edge, both miss it.

Cohen, Kaur, Li, Kolter and Talwalkar (2021), Gradient descent on neural networks typically occurs
at the edge of stability.
"""

import numpy as np
from common import QUICK, digits, follow, panels, save

import tinygrad_hess as tg
from tinygrad_hess.core import plotting

STEPS, EVERY, RATES = (700, 50, (2 / 3, 2 / 5)) if QUICK else (3000, 25, (2 / 5, 2 / 7))


def loss(model, batch):
    x, y = batch
    return ((model(x) - y) ** 2).sum() / (2 * len(x))


def main():
    x, labels = digits(500, seed=0)
    x = (x - x.mean(axis=0)) / x.std()
    batch = x, np.eye(10)[labels]
    figure, (above, below) = panels("sharpness", "training loss")
    steps, found = np.arange(0, STEPS, EVERY), {"mean": [], "crossing": [], "control": []}
    for rate, other, colour in zip(RATES, RATES[::-1], (plotting.BLUE, plotting.ORANGE)):
        model = tg.nn.MLP([64, 32, 32, 10], seed=0)
        losses, sharpness = follow(loss, model, batch, tg.optim.SGD(lr=rate), STEPS, EVERY)
        crossing = int(np.argmax(sharpness * rate >= 2))
        assert 0 < crossing < 0.8 * len(sharpness), "the sharpness never reached 2/rate"
        after = sharpness[crossing:]
        found["crossing"].append(crossing * EVERY)
        found["mean"].append((after * rate / 2).mean())
        found["control"].append((after * other / 2).mean())
        above.plot(steps, sharpness, color=colour, label=f"rate 2/{2 / rate:.0f}")
        above.axhline(2 / rate, color=colour, linestyle="--", linewidth=1)
        below.semilogy(losses, color=colour)
    above.set(xlabel="step", ylabel="largest eigenvalue (dashed: 2 / rate)")
    above.legend(frameon=False)
    below.set(xlabel="step", ylabel="½ squared error")
    save(figure, __file__)

    assert all(0.98 < mean < 1.08 for mean in found["mean"])
    assert all(abs(np.log(mean)) > np.log(1.25) for mean in found["control"])
    print(
        "After step {:.0f} the sharpness stays at {:.3f} of 2/rate; at the smaller rate, after "
        "step {:.0f}, at {:.3f}.".format(*np.ravel([found["crossing"], found["mean"]], order="F"))
    )
    return found


if __name__ == "__main__":
    main()
