"""Hessian-free training beats tuned momentum on a deep autoencoder.

A 64-40-20-10-4-10-20-40-64 tanh net learns to reproduce 250 digits through four numbers each.
Each step of Hessian-free training solves ``(G + λ) d = -g`` by conjugate gradients, from products
with the Gauss-Newton matrix G alone; λ follows how well the quadratic model foretold the last step
(Levenberg-Marquardt). It ends lower than Nesterov's momentum at the same cost, a product counted
as two gradients, with the best of several rates. Control: against Adam, tuned likewise, it does not
win, and no more is claimed. (Martens trained larger nets, before there was Adam.)

Martens (2010), Deep learning via Hessian-free optimization.
"""

import numpy as np
from common import QUICK, digits, mlp, panels, save
from scipy.sparse.linalg import LinearOperator, cg

import tinygrad_hess as tg
from tinygrad_hess.core import plotting
from tinygrad_hess.curvature import GGNOperator

SIZE, PRODUCTS, SEEDS = (100, 600, range(1)) if QUICK else (250, 1500, range(2))
NESTEROV, ADAM = ((0.9, 0.1), (0.95, 0.05)), (0.01,)  # of five and three that were tried, the best


def predict(net, x):
    return tg.nn.sigmoid(net(x))


def distance(output, x):
    return tg.nn.mse(output, x, "sum", half=True) / len(x)


def loss(net, batch):
    return distance(predict(net, batch[0]), batch[1])


def start(seed):
    sizes = (64, 40, 20, 10, 4, 10, 20, 40, 64)
    return mlp(*sizes, activation=tg.nn.tanh, init=tg.nn.init.lecun_normal, seed=seed)


def newton_step(G, damping, start):
    damped = LinearOperator(G.shape, lambda v: G @ v + damping * v, dtype=G.dtype)
    return cg(damped, -G.gradient, x0=start, rtol=0.03, maxiter=250)[0]


def hessian_free(net, data, products, damping=1.0):
    """After each step: products spent, and the loss."""
    value, step, spent = tg.jit(loss), None, 0
    found = [(spent, float(value(net, data)))]
    while spent < products:
        G = GGNOperator(predict, distance, net, data, check=False)
        step = newton_step(G, damping, None if step is None else 0.95 * step)
        foretold = G.gradient @ step + step @ (G @ step) / 2
        moved = G.unflatten(G.flatten(net) + step)
        before, after = found[-1][1], float(value(moved, data))
        ratio, spent = (after - before) / foretold, spent + G.matvecs
        damping *= 2.0 if ratio < 0.25 else 0.5 if ratio > 0.75 else 1.0
        net = moved if after < before else net
        found.append((spent, min(after, before)))
    return np.array(found).T


def main():
    data, ratios, controls = digits(SIZE)[:1] * 2, [], []
    figure, axes = panels(*(f"start {seed}" for seed in SEEDS))
    for seed, ax in zip(SEEDS, axes):
        spent, losses = hessian_free(start(seed), data, PRODUCTS)
        rivals = {
            "Nesterov": [tg.optim.SGD(lr=r, momentum=m, nesterov=True) for m, r in NESTEROV],
            "Adam": [tg.optim.Adam(lr=rate) for rate in ADAM],
        }
        ax.semilogy(2 * spent, losses, color=plotting.BLUE, label="Hessian-free")
        best = {}
        for (name, optimizers), colour in zip(rivals.items(), (plotting.ORANGE, plotting.GREEN)):
            steps = int(2 * spent[-1])  # at the cost of as many gradients
            runs = [tg.optim.fit(loss, start(seed), data, o, epochs=steps) for o in optimizers]
            run = min((fitted.losses for fitted in runs), key=lambda losses: losses[-1])
            ax.semilogy(run, color=colour, linewidth=1, label=name)
            best[name] = run[-1]
        ax.set(xlabel="gradients (a product counts as two)", ylabel="½ squared error")
        ratios.append(losses[-1] / best["Nesterov"])
        controls.append(losses[-1] / best["Adam"])
    axes[0].legend(frameon=False)
    save(figure, __file__)

    assert max(ratios) < 0.95 and min(controls) > 0.9, (ratios, controls)
    print(
        f"At the cost of {2 * PRODUCTS:,} gradients the loss is {max(ratios):.2f} of that by "
        f"Nesterov's momentum or less; beside Adam it is {min(controls):.2f} to "
        f"{max(controls):.2f} times as large."
    )
    return {"ratios": ratios, "controls": controls}


if __name__ == "__main__":
    main()
