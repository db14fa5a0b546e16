"""The lower the loss, the fewer directions of negative curvature.

64-8-10 tanh nets learn 300 digits by gradient descent. The share of negative eigenvalues falls
with the loss, and the most negative shrinks faster still, next to the largest. For each start alone
the share below a ten-thousandth of the largest falls at every step that is looked at; the share of
all negative ones does so on average only, for late in training a few of 610 eigenvalues, within a
millionth of the largest around zero, change their sign to and fro. Control: softmax regression is
convex, and has none at any loss.

Dauphin, Pascanu, Gulcehre, Cho, Ganguli and Bengio (2014), Identifying and attacking the saddle
point problem; Pennington and Bahri (2017), Geometry of neural network loss surfaces.
"""

import numpy as np
from common import QUICK, cross_entropy, descend, digits, mlp, panels, save

import tinygrad_hess as tg
from tinygrad_hess.core import plotting
from tinygrad_hess.curvature import HessianOperator, inertia, top_eigenpairs

STEPS, SEEDS = ((0, 100, 1000), (1,)) if QUICK else ((0, 100, 1000, 3000), range(5))
CLEARLY = 1e-4  # negative: below this part of the largest eigenvalue


def followed(model, data):
    """At each of the steps: loss, shares of all negative eigenvalues and of the clearly negative,
    smallest over largest."""
    rows = []
    for before, step in zip((0, *STEPS), STEPS):
        model = descend(cross_entropy, model, data, rate=0.2, steps=step - before)
        H = HessianOperator(cross_entropy, model, data)
        dense = H.to_dense()
        ends = top_eigenpairs(dense, 2, "BE").values
        counts = [inertia(dense, zero=zero).negative.value for zero in (None, CLEARLY * ends[1])]
        rows.append((H.value, *np.array(counts) / H.shape[0], ends[0] / ends[1]))
    return np.array(rows).T


def main():
    data = digits(300)
    tanh, lecun = tg.nn.tanh, tg.nn.init.lecun_normal
    nets = [mlp(64, 8, 10, activation=tanh, init=lecun, seed=seed) for seed in SEEDS]
    found = np.array([followed(net, data) for net in nets])
    loss, share, clear, ratio = found.mean(axis=0)
    convex_loss, control, _, _ = followed(mlp(64, 10, init=lecun), data)

    figure, (left, right) = panels("negative eigenvalues", "smallest over largest eigenvalue")
    left.semilogx(loss, share, "o-", color=plotting.BLUE, label="64-8-10 nets")
    left.semilogx(loss, clear, "o-", color=plotting.GREEN, label="below −λmax / 10,000")
    left.semilogx(convex_loss, control, "o-", color=plotting.ORANGE, label="control: convex")
    left.set(xlabel="loss", ylabel="share of all")
    left.legend(frameon=False)
    right.loglog(loss, -ratio, "o-", color=plotting.BLUE)
    right.set(xlabel="loss", ylabel="−λmin / λmax")
    save(figure, __file__)

    each = np.diff(found, axis=2)  # (start, measure, step)
    assert (each[:, [0, 2]] < 0).all() and (each[:, 3] > 0).all(), found
    assert (np.diff(share) < 0).all() and share[-1] < 0.4 * share[0], share
    assert each[:, 1].max() < 4 / 610 and not control.any()
    print(
        f"While the loss falls from {loss[0]:.2f} to {loss[-1]:.2g}, negative eigenvalues fall "
        f"from {share[0]:.1%} to {share[-1]:.1%}, the clearly negative to {clear[-1]:.1%}, and "
        f"the smallest from {ratio[0]:.2f} to {ratio[-1]:.4f} of the largest; the convex model has "
        "none."
    )
    return {"share": share.tolist(), "clear": clear.tolist(), "ratio": ratio.tolist(),
            "control": control.max()}  # fmt: skip


if __name__ == "__main__":
    main()
