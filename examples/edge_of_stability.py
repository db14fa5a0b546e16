"""Gradient descent drives the curvature up to 2/rate, then hovers there: the edge of stability.

A 64-32-10 tanh net learns handwritten digits by full-batch gradient descent. One should see the
sharpness, the largest eigenvalue of the Hessian, climb from about half of 2/rate to it within 500
steps, overshoot by a tenth, and then stay within a few percent of it, while the loss goes on
falling, with a hump whenever the sharpness had been above (Cohen et al. 2021).
"""

import os

import numpy as np

import tinygrad_hess as tg

STEPS, RATE, EVERY = (60 if os.environ.get("TINYGRAD_HESS_QUICK") else 1500), 0.5, 20


def loss(model, x, y):
    return ((model(x) - y) ** 2).sum() / (2 * len(x))


def main():
    digits = tg.data.digits()
    order = np.random.default_rng(0).permutation(len(digits))
    train, test = digits.take(order[:1000]), digits.take(order[1000:])
    mean = train.x.mean(axis=0)
    x, y = (train.x - mean) / 16, np.eye(10)[train.y]

    init = tg.nn.init.xavier_normal
    model = tg.nn.MLP([64, 32, 10], tg.nn.tanh, bias=False, init=init, seed=0)
    value_and_grad = tg.value_and_grad(loss)
    losses, measured, sharpness, vectors = [], [], [], None
    print(f"{'step':>5} {'loss':>8} {'test':>7} {'sharpness':>10} {'· rate/2':>9} {'residual':>9}")
    for step in range(STEPS + 1):
        value, gradient = value_and_grad(model, x, y)
        losses.append(value)
        if step % EVERY == 0:
            hessian = tg.curvature.HessianOperator(loss, model, x, args=(y,))
            top = tg.curvature.top_eigenpairs(hessian, k=1, v0=vectors, tol=1e-3)
            vectors = top.vectors  # the search after the next steps starts here
            measured.append(step)
            sharpness.append(top.values[0])
            accuracy = tg.nn.accuracy(model((test.x - mean) / 16), test.y)
            print(
                f"{step:>5} {value:>8.4f} {accuracy:>7.1%} {sharpness[-1]:>10.3f}"
                f" {sharpness[-1] * RATE / 2:>9.3f} {top.residuals[0]:>9.0e}"
            )
        model = tg.trees.map(lambda p, g: p - RATE * g, model, gradient)

    try:
        figure = tg.viz.plots.loss_and_sharpness(
            range(STEPS + 1), losses, sharpness, RATE, sharpness_steps=measured
        )
    except ImportError as error:
        print(error)
    else:
        print("wrote", tg.viz.plots.save(figure, "edge_of_stability.png"))


if __name__ == "__main__":
    main()
