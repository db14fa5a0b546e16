"""Under SGD the gradient lives in the span of the top eigenvectors, one for each class.

64-32-10 ReLU nets learn 1,500 digits by SGD in batches of 50. From step 100 on nine tenths or so of
the squared norm of the full gradient, or more, lie in 10 of 2,410 directions, and these hardly turn
while training goes on. It is summed over the ten steps before each measurement: at a single step
the gradient may happen to vanish within those directions, and the share then drops to two thirds.
Control: by full-batch gradient descent at the same rate the spectrum looks alike, but next to
nothing of the gradient is left in its top 10: noise is what puts it there.

Gur-Ari, Roberts and Dyer (2018), Gradient descent happens in a tiny subspace.
"""

import numpy as np
from common import QUICK, cross_entropy, digits, mlp, panels, save

import tinygrad_hess as tg
from tinygrad_hess.core import plotting
from tinygrad_hess.curvature import (
    HessianOperator,
    gradient_alignment,
    subspace_overlap,
    top_eigenpairs,
)  # fmt: skip

STEPS, EVERY, SEEDS = (600, 200, range(1)) if QUICK else (2000, 100, range(2))
K, WINDOW = 10, 10


def train(batch_size, seed):
    """Measured at every so many steps: shares of the gradients, overlap, spectrum."""
    data = digits(1500)
    epochs = (STEPS + WINDOW) * batch_size // len(data[0]) + 1
    batches = list(tg.data.batches(*data, batch_size, seed, epochs=epochs))
    gradient, recent = tg.jit(tg.grad(cross_entropy)), []
    shares, noisy, overlaps, tops = [], [], [], []

    def measure(step, params, *_):
        if step > 0 and -step % EVERY < WINDOW:
            recent.append(gradient(params, data))
        if step > 0 and step % EVERY == 0:
            H = HessianOperator(cross_entropy, params, data, check=False)
            top = top_eigenpairs(H, K, tol=1e-3, v0=tops[-1].vectors if tops else None)
            share = lambda tree: gradient_alignment(H, top, gradient=H.flatten(tree)).share
            squares = [np.sum(H.flatten(tree) ** 2) for tree in recent[-WINDOW:]]
            shares.append(np.average([share(tree) for tree in recent[-WINDOW:]], weights=squares))
            single = [gradient(params, batch) for batch in batches[step : step + WINDOW]]
            noisy.append(np.mean([share(tree) for tree in single]))
            overlaps.extend(subspace_overlap(last, top).overlap for last in tops[-1:])
            tops.append(top)
        return step == STEPS

    sgd = tg.optim.SGD(lr=0.3)
    tg.optim.fit(cross_entropy, mlp(64, 32, 10, seed=seed), batches, sgd, callback=measure)
    return shares, noisy, overlaps, tops[-1].values


def main():
    shares, noisy, overlaps, values = zip(*(train(50, seed) for seed in SEEDS))
    control, _, _, others = zip(*(train(1500, seed) for seed in SEEDS))
    figure, (left, right) = panels("share of the gradient in the top 10", "spectrum at the end")
    steps, ranks = np.arange(EVERY, STEPS + 1, EVERY), range(1, K + 1)
    left.plot(steps, shares[0], "o-", color=plotting.BLUE, label="SGD, full gradient")
    left.plot(steps, noisy[0], "o-", color=plotting.GREEN, label="SGD, one mini-batch")
    left.plot(steps, control[0], "o-", color=plotting.ORANGE, label="control: full batches")
    left.set(xlabel="step", ylim=(-0.02, 1.02))
    left.legend(frameon=False, loc="center right", bbox_to_anchor=(1, 0.26))
    right.semilogy(ranks, values[0], "o-", color=plotting.BLUE, label="SGD")
    right.semilogy(ranks, others[0], "o-", color=plotting.ORANGE, label="full batches")
    right.set(xlabel="rank", ylabel="eigenvalue")
    right.legend(frameon=False)
    save(figure, __file__)

    least, batch, overlap = np.min(shares), np.mean(noisy, axis=1), np.min(overlaps)
    assert least > 0.85 and overlap > 0.88 and np.max(control) < 0.05
    assert batch.min() > 0.75 and batch.max() < 0.85
    print(
        f"Of the gradient at least {least:.0%} lie in 10 of 2,410 directions, on average "
        f"{np.mean(shares):.0%} (of one mini-batch's {np.mean(noisy):.0%}), with an overlap of "
        f"{overlap:.2f} or more from one measurement to the next; without noise at most "
        f"{np.max(control):.1%}."
    )
    return {"least": least, "batch": batch, "overlap": overlap, "control": np.max(control)}


if __name__ == "__main__":
    main()
