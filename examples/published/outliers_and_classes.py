"""A classifier's Hessian has one eigenvalue fewer far outside the bulk than there are classes.

64-32-C ReLU nets learn the first C digits by 100 steps of gradient descent. The largest ratio of
consecutive eigenvalues comes after the (C - 1)th, for every C and seed, and is 3 or more. Control:
the same nets on centred pixels show no such gap, and no tool should find one. (The mean image that
all examples share makes the outliers: the effect is one of uncentred inputs.)

Sagun, Bottou and LeCun (2016), Eigenvalues of the Hessian in deep learning; Sagun, Evci, Güney,
Dauphin and Bottou (2017), Empirical analysis of the Hessian of over-parametrized neural networks;
Papyan (2019), Measurements of three-level hierarchical structure in the outliers.
"""

from common import QUICK, cross_entropy, descend, digits, mlp, panels, save

from tinygrad_hess.core import plotting
from tinygrad_hess.curvature import HessianOperator, top_eigenpairs

CLASSES, SEEDS = ((2, 5, 10), range(1)) if QUICK else ((2, 3, 4, 5, 7, 10), range(5))
LIMIT = 3.0  # a gap counts from this ratio on


def top(classes, seed, centred=False):
    """The largest eigenvalues, and where the largest ratio of neighbours is."""
    x, y = digits(classes=classes)
    batch = (x - x.mean(axis=0) if centred else x), y
    model = descend(cross_entropy, mlp(64, 32, classes, seed=seed), batch, rate=0.1, steps=100)
    H = HessianOperator(cross_entropy, model, batch)
    values = top_eigenpairs(H, classes + 5, tol=1e-3).values
    ratios = values[:-1] / values[1:]
    return values, int(ratios.argmax()) + 1, ratios.max()


def main():
    found, control = [], []
    figure, axes = panels("pixels as they are", "control: centred pixels")
    for C in CLASSES:
        for centred, ax, table in zip((False, True), axes, (found, control)):
            for seed in SEEDS:
                values, count, ratio = top(C, seed, centred)
                table.append((C, count, ratio))
            ax.semilogy(range(1, C + 6), values, "o-", markersize=3.5, label=f"{C} classes")
            if not centred:
                ax.plot(C - 1, values[C - 2], "o", markersize=9, fillstyle="none",
                        color=plotting.GREY)  # fmt: skip
    axes[0].set(xlabel="rank (circled: one fewer than classes)", ylabel="eigenvalue")
    axes[1].set(xlabel="rank")
    axes[0].legend(frameon=False)
    save(figure, __file__)

    right = sum(count == C - 1 for C, count, _ in found)
    least = min(ratio for *_, ratio in found)
    most = max(ratio for *_, ratio in control)
    assert right == len(found) and least > LIMIT, found
    assert most < LIMIT, control
    print(
        f"{right} of {len(found)} runs have C - 1 outliers, {least:.1f} times the next eigenvalue "
        f"or more; on centred pixels no gap exceeds {most:.1f}."
    )
    return {"right": right, "runs": len(found), "least": least, "control": most}


if __name__ == "__main__":
    main()
