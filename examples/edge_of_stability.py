"""Gradient descent drives the curvature up to 2/rate, then hovers there: the edge of stability.

A 64-32-10 tanh net learns handwritten digits by full-batch gradient descent. One should see the
sharpness, the largest eigenvalue of the Hessian, climb from about half of 2/rate to it in some 500
steps, overshoot by a tenth, and then stay within a few percent of it. The loss keeps falling,
with a hump each time that the sharpness was above (Cohen et al. 2021).
"""

import os

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.core import trees

STEPS, RATE, EVERY = (60 if os.environ.get("TINYGRAD_HESS_QUICK") else 1500), 0.5, 20


def loss(model, x, y):
    return ((model(x) - y) ** 2).sum() / (2 * len(x))


def main():
    digits = tg.data.digits()
    order = np.random.default_rng(0).permutation(len(digits))
    mean = digits.x[order[:1000]].mean(axis=0)
    x, labels = (digits.x[order] - mean) / 16, digits.y[order]
    train_x, train_y, test_x, test_y = x[:1000], np.eye(10)[labels[:1000]], x[1000:], labels[1000:]

    model = tg.nn.MLP([64, 32, 10], bias=False, init=tg.nn.init.xavier_normal, seed=0)
    losses, measured, sharpness, v0 = [], [], [], None
    print(f"{'step':>5} {'loss':>8} {'test':>7} {'sharpness':>10} {'residual':>9} {'· rate/2':>9}")
    for step in range(STEPS + 1):
        value, gradient = tg.value_and_grad(loss)(model, train_x, train_y)
        losses.append(value)
        if step % EVERY == 0:
            hessian = tg.curvature.HessianOperator(loss, model, train_x, train_y)
            top = tg.curvature.top_eigenpairs(hessian, k=1, v0=v0, tol=1e-3)
            v0 = top.vectors  # where the next search starts
            measured.append(step)
            sharpness.append(top.values[0])
            print(
                f"{step:>5} {value:>8.4f} {tg.nn.accuracy(model(test_x), test_y):>7.1%}"
                f" {top.values[0]:>10.3f} {top.residuals[0]:>9.0e} {top.values[0] * RATE / 2:>9.3f}"
            )
        model = trees.map(lambda p, g: p - RATE * g, model, gradient)

    try:
        figure = tg.viz.plots.loss_and_sharpness(
            range(STEPS + 1), losses, sharpness, RATE, sharpness_steps=measured
        )
        print("wrote", tg.viz.plots.save(figure, "edge_of_stability.png"))
    except ImportError as error:  # matplotlib is optional
        print(error)


if __name__ == "__main__":
    main()
