"""A minimum can be made as sharp as one likes without changing the function.

In a 64-16-10 ReLU net without biases, the first layer times α and the second divided by α is the
same function. The largest Hessian eigenvalue grows without bound, as α². Sharpness relative to the
size of each parameter, that of D H D with D = diag(|θ|), is the same for all α, as it should be.
Control: where only the first layer is scaled, the function changes, and so does that measure.

Dinh, Pascanu, Bengio and Bengio (2017), Sharp minima can generalize for deep nets; Kwon, Kim, Park
and Choi (2021), ASAM.
"""

import numpy as np
from common import QUICK, descend, digits, mlp, panels, save

import tinygrad_hess as tg
from tinygrad_hess.core import plotting
from tinygrad_hess.curvature import sharpness

ALPHAS = np.array([1, 10]) if QUICK else np.array([1, 3, 10, 30])


def loss(weights, batch):
    (x, labels), (first, second) = batch, weights
    return tg.nn.cross_entropy(tg.nn.relu(x @ first) @ second, labels)


def main():
    data = digits(1000)
    first, second = (layer.weight for layer in mlp(64, 16, 10, bias=False).layers)
    first, second = descend(loss, (first, second), data, rate=0.2, steps=500)
    found = [sharpness(loss, (a * first, second / a), data, tol=1e-7) for a in ALPHAS]
    control = sharpness(loss, (2 * first, second), data)
    losses = np.array([s.loss for s in found])
    plain = np.array([s.largest_eigenvalue for s in found])
    adaptive = np.array([s.adaptive_eigenvalue for s in found])

    figure, (ax,) = panels("one function, many sharpnesses", size=(5.4, 3.4))
    ax.loglog(ALPHAS, plain, "o-", color=plotting.BLUE, label="largest eigenvalue")
    ax.loglog(ALPHAS, adaptive, "o-", color=plotting.GREEN, label="adaptive")
    ax.set(xlabel="α", ylabel="sharpness")
    ax.legend(frameon=False)
    save(figure, __file__)

    same = np.ptp(adaptive) / adaptive[0]
    growth = plain[-1] / plain[0]
    assert np.ptp(losses) < 1e-10 and same < 1e-6
    assert (np.diff(plain) > 0).all() and growth > 0.5 * ALPHAS[-1] ** 2
    assert abs(control.adaptive_eigenvalue / adaptive[0] - 1) > 0.1
    print(
        f"At α = {ALPHAS[-1]} the largest eigenvalue is {growth:.0f} times as large, the adaptive "
        f"sharpness differs by {same:.0e} of itself and the loss by {np.ptp(losses):.0e}."
    )
    return {"growth": growth, "same": same, "loss": np.ptp(losses),
            "control": control.adaptive_eigenvalue / adaptive[0]}  # fmt: skip


if __name__ == "__main__":
    main()
