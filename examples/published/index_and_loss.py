"""The lower the loss, the fewer directions of negative curvature.

64-8-10 tanh nets learn 300 digits by gradient descent. The share of negative eigenvalues falls
with the loss, and the most negative shrinks faster still, next to the largest. Control: softmax
regression is convex, and has none at any loss.

Dauphin, Pascanu, Gulcehre, Cho, Ganguli and Bengio (2014), Identifying and attacking the saddle
point problem; Pennington and Bahri (2017), Geometry of neural network loss surfaces.
"""

import numpy as np
from common import QUICK, cross_entropy, descend, digits, mlp, panels, save

import tinygrad_hess as tg
from tinygrad_hess.curvature import HessianOperator, inertia, top_eigenpairs
from tinygrad_hess.curvature.estimates import plotting

STEPS, SEEDS = ((0, 100, 1000), range(1)) if QUICK else ((0, 100, 1000, 3000), range(5))


def followed(model, data):
    """At each of the steps: loss, share of negative eigenvalues, smallest over largest."""
    rows = []
    for before, step in zip((0, *STEPS), STEPS):
        model = descend(cross_entropy, model, data, rate=0.2, steps=step - before)
        H = HessianOperator(cross_entropy, model, data)
        ends = top_eigenpairs(H, 2, "BE", tol=1e-4).values
        rows.append((H.value, inertia(H).negative.value / H.shape[0], ends[0] / ends[1]))
    return np.array(rows).T


def main():
    data = digits(300)
    tanh, lecun = tg.nn.tanh, tg.nn.init.lecun_normal
    nets = [mlp(64, 8, 10, activation=tanh, init=lecun, seed=seed) for seed in SEEDS]
    loss, share, ratio = np.mean([followed(net, data) for net in nets], axis=0)
    convex_loss, control, _ = followed(mlp(64, 10, init=lecun), data)

    figure, (left, right) = panels("negative eigenvalues", "smallest over largest eigenvalue")
    left.semilogx(loss, share, "o-", color=plotting.BLUE, label="64-8-10 net")
    left.semilogx(convex_loss, control, "o-", color=plotting.ORANGE, label="control: convex")
    left.set(xlabel="loss", ylabel="share of all")
    left.legend(frameon=False)
    right.loglog(loss, -ratio, "o-", color=plotting.BLUE)
    right.set(xlabel="loss", ylabel="−λmin / λmax")
    save(figure, __file__)

    assert (np.diff(loss) < 0).all() and (np.diff(ratio) > 0).all()
    assert (np.diff(share) <= 0).all() and share[-1] < 0.4 * share[0]
    assert not control.any()
    print(
        f"While the loss falls from {loss[0]:.2f} to {loss[-1]:.2g}, negative eigenvalues fall "
        f"from {share[0]:.1%} to {share[-1]:.1%}, and the smallest from {ratio[0]:.2f} to "
        f"{ratio[-1]:.4f} of the largest; the convex model has none."
    )
    return {"share": share.tolist(), "ratio": ratio.tolist(), "control": control.max()}


if __name__ == "__main__":
    main()
