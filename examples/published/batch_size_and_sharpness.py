"""Large batches end in sharper minima than small ones.

A 64-64-64-10 ReLU net learns 1,200 digits by SGD until the training loss is 0.02, in batches of 8
and of all 1,200. The largest eigenvalue, the trace and Keskar's φ are several times larger after
the large batches, for every start. (Test accuracy is the same: this shows sharpness, not
generalisation.) It is measured at the mean of the last epoch's iterates: two thirds of the φ of a
single one after batches of 8 is the gradient that the last batches happened to leave, and then φ
is only 0.7 to 2 times as large after the large batches. Control: with Adam in the place of SGD most
of the difference is gone, and should not be found.

Keskar, Mudigere, Nocedal, Smelyanskiy and Tang (2017), On large-batch training for deep learning.
"""

import numpy as np
from common import QUICK, cross_entropy, digits, mlp, panels, save

import tinygrad_hess as tg
from tinygrad_hess.core import plotting, trees
from tinygrad_hess.curvature import HessianOperator, sharpness, trace

SEEDS, SIZES = range(1 if QUICK else 3), (8, 120 if QUICK else 1200)


def trained(optimizer, data, batch_size, seed, target=0.02):
    """The mean of the last epoch's iterates, once its loss over all data is low enough."""
    value, steps, last = tg.jit(cross_entropy), len(data[0]) // batch_size, []

    def reached(step, params, *_):
        last.append(params)
        if step % steps:
            return False
        last[:] = last[-steps:]
        mean = trees.map(lambda *leaves: np.mean(leaves, axis=0), *last)
        return value(mean, data) < target and bool(ended.append(mean) or ended)

    ended, start = [], mlp(64, 64, 64, 10, seed=seed)
    batches = tg.data.batches(*data, batch_size, seed, epochs=5000)
    tg.optim.fit(cross_entropy, start, batches, optimizer, callback=reached)
    return ended[0]


def measured(optimizer, batch_size, seed):
    data = digits(1200, seed=0)
    H = HessianOperator(cross_entropy, trained(optimizer, data, batch_size, seed), data)
    found = sharpness(H, tol=1e-3)
    return found.largest_eigenvalue, trace(H, rtol=0.05).value, found.keskar


def main():
    names, results = ("largest eigenvalue", "trace", "Keskar's φ"), {}
    for name, optimizer in (("SGD", tg.optim.SGD(lr=0.1)), ("Adam", tg.optim.Adam(lr=1e-3))):
        runs = [[measured(optimizer, size, seed) for size in SIZES] for seed in SEEDS]
        results[name] = np.array(runs)  # (seed, size, measure)
    figure, axes = panels(*names, size=(3.2, 3.2))
    for i, ax in enumerate(axes):
        for name, colour in (("SGD", plotting.BLUE), ("Adam", plotting.ORANGE)):
            for seed, run in enumerate(results[name]):
                ax.plot([0, 1], run[:, i], "o-", color=colour, label=name if not seed else None)
        ax.set_xticks([0, 1], [f"batch {size}" for size in SIZES])
        ax.set(xlim=(-0.3, 1.3), ylim=(0, None))
    axes[0].legend(frameon=False)
    save(figure, __file__)

    ratios = results["SGD"][:, 1] / results["SGD"][:, 0]
    control = results["Adam"][:, 1] / results["Adam"][:, 0]
    eigenvalue, total, phi = ratios.min(axis=0)
    assert eigenvalue > 2.5 and total > 2 and phi > 1.5, ratios
    assert control[:, 0].max() < 2, control
    print(
        f"With {SIZES[1]} in a batch the largest eigenvalue is at least {eigenvalue:.1f}, the "
        f"trace {total:.1f} and φ {phi:.1f} times as large; with Adam the eigenvalue is "
        f"{control[:, 0].mean():.1f} times as large on average."
    )
    return {"eigenvalue": eigenvalue, "trace": total, "phi": phi, "control": control[:, 0].max()}


if __name__ == "__main__":
    main()
