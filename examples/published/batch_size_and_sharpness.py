"""Large batches end in sharper minima than small ones.

A 64-64-64-10 ReLU net learns 1,200 digits by SGD until the training loss is 0.02, in batches of 8
and of all 1,200. The largest eigenvalue, the trace and Keskar's φ are several times larger after
the large batches. (Test accuracy is the same: this shows sharpness, not generalisation.) Control:
with Adam in the place of SGD most of the difference is gone, and should not be found.

Keskar, Mudigere, Nocedal, Smelyanskiy and Tang (2017), On large-batch training for deep learning.
"""

import numpy as np
from common import QUICK, cross_entropy, digits, mlp, panels, save, train_to

import tinygrad_hess as tg
from tinygrad_hess.curvature import HessianOperator, sharpness, trace
from tinygrad_hess.curvature.estimates import plotting

SEEDS, SIZES = range(1 if QUICK else 3), (8, 120 if QUICK else 1200)


def measured(optimizer, batch_size, seed):
    data = digits(1200, seed=0)
    start = mlp(64, 64, 64, 10, seed=seed)
    model = train_to(0.02, cross_entropy, start, data, optimizer, batch_size, seed=seed)
    H = HessianOperator(cross_entropy, model, data)
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
    (eigenvalue, total, _), phi = ratios.min(axis=0), ratios[:, 2].mean()
    assert eigenvalue > 2.5 and total > 1.5 and phi > 1.5, ratios
    assert control[:, 0].max() < 2, control
    print(
        f"With {SIZES[1]} in a batch the largest eigenvalue is at least {eigenvalue:.1f}, the "
        f"trace {total:.1f} times as large, φ {phi:.1f} times on average; with Adam the "
        f"eigenvalue is {control[:, 0].mean():.1f} times as large."
    )
    return {"eigenvalue": eigenvalue, "trace": total, "phi": phi, "control": control[:, 0].max()}


if __name__ == "__main__":
    main()
