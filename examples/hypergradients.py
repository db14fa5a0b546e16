"""Hypergradients: how the loss on held-out data changes with what training was told to do.

First the penalty of ridge regression. One should see the gradient of the held-out loss in it agree,
by the closed form, by the implicit function theorem, and through the steps of gradient descent as
far as those have converged; and Newton's method on the penalty end where the closed form does. Then
a learning rate, which only unrolling can differentiate: the loss after ten steps falls.
"""

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess import optim

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 12)) * np.geomspace(1, 0.1, 12)
Y = X @ rng.normal(size=12) + 0.8 * rng.normal(size=120)
TRAIN, HELD_OUT = (X[:60], Y[:60]), (X[60:], Y[60:])


def loss(w, data):
    return ((data[0] @ w - data[1]) ** 2).mean() / 2


def training_loss(w, log_penalty):
    return loss(w, TRAIN) + np.exp(log_penalty) * (w @ w) / 2


def implicit(log_penalty):
    found = optim.minimize(training_loss, np.zeros(12), (log_penalty,), "newton", tol=1e-12)
    return loss(found.x, HELD_OUT)


def unrolled(log_penalty, rate, steps):
    w = np.zeros(12)
    for _ in range(steps):
        w = w - rate * tg.grad(training_loss)(w, log_penalty)
    return loss(w, HELD_OUT)


def closed_form(log_penalty):
    x, y = TRAIN
    w = np.linalg.solve(x.T @ x / 60 + np.exp(log_penalty) * np.eye(12), x.T @ y / 60)
    return loss(w, HELD_OUT)


def main():
    exact, found = tg.grad(closed_form)(-2.0), tg.grad(implicit)(-2.0)
    print(f"closed form          {exact:.10f}")
    print(f"implicit             {found:.10f}, off by {abs(found - exact):.0e}")
    for steps in (10, 40, 160):
        found = tg.grad(unrolled)(-2.0, 0.5, steps)
        print(f"{steps:>3} steps unrolled   {found:.10f}, off by {abs(found - exact):.0e}")
    exact, found = tg.grad(tg.grad(closed_form))(-2.0), tg.grad(tg.grad(implicit))(-2.0)
    print(f"second derivative    {exact:.10f}, implicit off by {abs(found - exact):.0e}")

    for name, f in (("implicit", implicit), ("closed form", closed_form)):
        best = optim.minimize(f, -2.0, method="newton", tol=1e-10)
        print(f"best penalty         {np.exp(best.x):.8f}, {name}")
    learn = optim.minimize(lambda r: unrolled(-3.0, np.exp(r), 10), np.log(0.1), method="bfgs")
    print(f"learned rate         {np.exp(learn.x):.3f}, where the loss is {learn.fun:.5f}")


if __name__ == "__main__":
    main()
