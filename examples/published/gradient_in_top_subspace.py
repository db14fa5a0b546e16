"""Under SGD the gradient lives in the span of the top eigenvectors, one for each class.

A 64-32-10 ReLU net learns 1,500 digits by SGD in batches of 50. After some hundred steps most of
the squared norm of the full gradient lies in 10 of 2,410 directions, and these hardly turn while
training goes on. Control: by full-batch gradient descent at the same rate the spectrum looks alike,
but next to nothing of the gradient is left in its top 10: noise is what puts it there.

Gur-Ari, Roberts and Dyer (2018), Gradient descent happens in a tiny subspace.
"""

import numpy as np
from common import QUICK, cross_entropy, digits, mlp, panels, save

import tinygrad_hess as tg
from tinygrad_hess.curvature import (
    HessianOperator,
    gradient_alignment,
    subspace_overlap,
    top_eigenpairs,
)  # fmt: skip
from tinygrad_hess.curvature.estimates import plotting

STEPS, EVERY, K = (600 if QUICK else 2000), (200 if QUICK else 100), 10


def train(batch_size):
    """Measured on all data at every so many steps: shares of the gradients, overlap, spectrum."""
    x, y = digits(1500)
    batches = list(tg.data.batches(x, y, batch_size, epochs=STEPS * batch_size // len(x) + 1))
    shares, noisy, overlaps, tops = [], [], [], []

    def measure(step, params, *_):
        if step >= EVERY and step % EVERY == 0:
            H = HessianOperator(cross_entropy, params, (x, y), check=False)
            top = top_eigenpairs(H, K, tol=1e-3, v0=tops[-1].vectors if tops else None)
            one = H.flatten(tg.grad(cross_entropy)(params, batches[step]))
            shares.append(gradient_alignment(H, top).share)
            noisy.append(gradient_alignment(H, top, gradient=one).share)
            if tops:
                overlaps.append(subspace_overlap(tops[-1], top).overlap)
            tops.append(top)
        return step == STEPS

    start, sgd = mlp(64, 32, 10), tg.optim.SGD(lr=0.3)
    tg.optim.fit(cross_entropy, start, batches, sgd, callback=measure)
    return shares, noisy, overlaps, tops


def main():
    shares, noisy, overlaps, tops = train(50)
    control, _, _, other = train(1500)
    figure, (left, right) = panels("share of the gradient in the top 10", "spectrum at the end")
    steps = np.arange(EVERY, STEPS + 1, EVERY)
    left.plot(steps, shares, "o-", color=plotting.BLUE, label="SGD, full gradient")
    left.plot(steps, noisy, "o-", color=plotting.GREEN, label="SGD, one mini-batch")
    left.plot(steps, control, "o-", color=plotting.ORANGE, label="control: full batches")
    left.set(xlabel="step", ylim=(-0.02, 1.02))
    left.legend(frameon=False, loc="center right", bbox_to_anchor=(1, 0.26))
    right.semilogy(range(1, K + 1), tops[-1].values, "o-", color=plotting.BLUE)
    right.semilogy(range(1, K + 1), other[-1].values, "o-", color=plotting.ORANGE)
    right.set(xlabel="rank", ylabel="eigenvalue")
    save(figure, __file__)

    share, least, batch = np.mean(shares), min(shares), np.mean(noisy)
    assert share > 0.85 and least > 0.7 and min(overlaps) > 0.88 and max(control) < 0.05
    print(
        f"Of the gradient {share:.0%} lie in 10 of 2,410 directions (at least {least:.0%}; of one "
        f"mini-batch's {batch:.0%}), with an overlap of {min(overlaps):.2f} or more from one "
        f"measurement to the next; without noise at most {max(control):.1%}."
    )
    return {"share": share, "least": least, "batch": batch, "overlap": min(overlaps),
            "control": max(control)}  # fmt: skip


if __name__ == "__main__":
    main()
