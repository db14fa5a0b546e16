"""Batch normalisation removes the outliers of the Hessian's spectrum.

A 64-64-64-10 ReLU net, with and without batch normalisation (over the training batch), learns 1,200
digits by gradient descent to a loss of 0.5. Without, a few eigenvalues stand far above the rest;
with it the largest is several times smaller and the top ten lie close together. Control: an affine
map of each unit without the normalisation keeps the outliers.

Ghorbani, Krishnan and Xiao (2019), An investigation into neural net optimization via Hessian
eigenvalue density; Yao, Gholami, Keutzer and Mahoney (2020), PyHessian.
"""

import numpy as np
from common import QUICK, digits, mlp, panels, save, train_to

import tinygrad_hess as tg
from tinygrad_hess.core import plotting
from tinygrad_hess.curvature import HessianOperator, top_eigenpairs

KINDS = {"none": plotting.BLUE, "affine": plotting.ORANGE, "batch norm": plotting.GREEN}
SIZE, SEEDS = (500, range(1)) if QUICK else (1200, range(3))


def loss_of(kind):
    def loss(params, batch):
        net, scales = params
        x, labels = batch
        for layer, (gain, shift) in zip(net.layers, scales):
            x = layer(x)
            if kind == "batch norm":
                x = x - x.mean(axis=0)
                x = x / np.sqrt((x * x).mean(axis=0) + 1e-5)
            x = tg.nn.relu(x if kind == "none" else x * gain + shift)
        return tg.nn.cross_entropy(net.layers[-1](x), labels)

    return loss


def spectrum(kind, seed):
    """The ten largest eigenvalues at a loss of 0.5."""
    data, loss = digits(SIZE, seed=0), loss_of(kind)
    start = mlp(64, 64, 64, 10, seed=seed), [(np.ones(64), np.zeros(64)) for _ in range(2)]
    params = train_to(0.5, loss, start, data, tg.optim.SGD(lr=0.1), SIZE)
    return top_eigenpairs(HessianOperator(loss, params, data), 10, tol=1e-3).values


def main():
    found = {kind: np.array([spectrum(kind, seed) for seed in SEEDS]) for kind in KINDS}
    figure, (ax,) = panels("the ten largest eigenvalues at a loss of 0.5", size=(6, 3.6))
    for kind, colour in KINDS.items():
        ax.semilogy(range(1, 11), found[kind].T, "o-", color=colour, label=kind)
    handles = dict(zip(*reversed(ax.get_legend_handles_labels())))
    ax.legend(handles.values(), handles, frameon=False)
    ax.set(xlabel="rank", ylabel="eigenvalue")
    save(figure, __file__)

    largest = {kind: values[:, 0] for kind, values in found.items()}
    spread = {kind: values[:, 0] / values[:, 9] for kind, values in found.items()}
    ratio = (largest["none"] / largest["batch norm"]).min()
    control = (largest["none"] / largest["affine"]).max()
    assert ratio > 5 and spread["batch norm"].max() < 3 and spread["none"].min() > 10
    assert control < 2 and spread["affine"].min() > 10
    print(
        f"Without batch normalisation the largest eigenvalue is {ratio:.1f} times larger, and "
        f"{spread['none'].min():.0f} times the tenth instead of {spread['batch norm'].max():.1f}; "
        f"an affine map alone changes it by a factor of {1 / control:.2f}."
    )
    return {"ratio": ratio, "with": spread["batch norm"].max(), "without": spread["none"].min(),
            "control": control}  # fmt: skip


if __name__ == "__main__":
    main()
