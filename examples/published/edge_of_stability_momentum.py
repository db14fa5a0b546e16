"""With momentum β the sharpness stops at (2 + 2β)/rate, not at 2/rate.

The problem of edge_of_stability.py, with Polyak's momentum ½: the sharpness goes past 2/rate as if
nothing were there, and hovers at 3/rate. Control: without momentum, the same net at the same rate
does stop at 2/rate.

Cohen, Kaur, Li, Kolter and Talwalkar (2021), Gradient descent on neural networks typically occurs
at the edge of stability, equation 1.
"""

import numpy as np
from common import QUICK, follow, panels, save
from edge_of_stability import X, Y, loss, net

import tinygrad_hess as tg
from tinygrad_hess.core import plotting
from tinygrad_hess.curvature import stability_threshold

RATE, STEPS, EVERY, SEEDS = 0.3, (3000 if QUICK else 6000), 50, range(1 if QUICK else 2)


def main():
    figure, (ax,) = panels("sharpness with and without momentum", size=(7, 3.6))
    steps, found = np.arange(0, STEPS, EVERY), {}
    for momentum, colour in ((0.5, plotting.BLUE), (0.0, plotting.ORANGE)):
        threshold, means = stability_threshold(tg.optim.SGD(lr=RATE, momentum=momentum)), []
        for seed in SEEDS:
            optimizer = tg.optim.SGD(lr=RATE, momentum=momentum)
            _, sharpness = follow(loss, net(seed), (X, Y), optimizer, STEPS, EVERY)
            crossing = int(np.argmax(sharpness >= threshold))
            assert 0 < crossing < 0.8 * len(steps), "the sharpness never reached the threshold"
            means.append((sharpness[crossing:] / threshold).mean())
            label = f"momentum {momentum}" if seed == 0 else None
            ax.plot(steps, sharpness, color=colour, linewidth=1, label=label)
        ax.axhline(threshold, color=colour, linestyle="--", linewidth=1)
        found[momentum] = means
    ax.set(xlabel="step", ylabel="largest eigenvalue (dashed: (2 + 2β) / rate)")
    ax.legend(frameon=False)
    save(figure, __file__)

    means, control = found[0.5], found[0.0]
    assert all(0.92 < mean < 1.03 for mean in means)
    assert all(0.95 < mean < 1.05 for mean in control)
    print(
        f"With momentum ½ the sharpness stays at {np.mean(means):.3f} of 3/rate; without, at "
        f"{np.mean(control):.3f} of 2/rate."
    )
    return {"means": means, "control": control}


if __name__ == "__main__":
    main()
