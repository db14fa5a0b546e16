"""What the scripts beside this file share: the digits, training, panels of a figure."""

import os
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import tinygrad_hess as tg
from tinygrad_hess.core import plotting
from tinygrad_hess.curvature import HessianOperator, top_eigenpairs

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))


def digits(n=None, classes=10, seed=None):
    """The first ``n`` digits below ``classes``, pixels from 0 to 1; shuffled with a seed."""
    data = tg.data.digits()
    data = data.take(data.y < classes)
    if seed is not None:
        data = data.take(np.random.default_rng(seed).permutation(len(data)))
    return data.x[:n] / 16, data.y[:n]


def mlp(*sizes, activation=tg.nn.relu, seed=0, init=tg.nn.init.he_normal, **options):
    return tg.nn.MLP(sizes, activation, init=init, seed=seed, **options)


def cross_entropy(model, batch):
    x, labels = batch
    return tg.nn.cross_entropy(model(x), labels)


def descend(loss, params, batch, rate, steps):
    """Full-batch gradient descent."""
    return tg.optim.fit(loss, params, batch, tg.optim.SGD(lr=rate), epochs=steps).params


def train_to(target, loss, params, data, optimizer, batch_size, *, seed=0, judge=None, epochs=5000):
    """Train on mini-batches until the loss over all data (or ``judge``) is below ``target``."""
    x, y = data
    value, steps = tg.jit(judge or loss), -(-len(x) // batch_size)

    def reached(step, params, *_):
        return step % steps == 0 and value(params, data) < target

    batches = tg.data.batches(x, y, batch_size, seed, epochs)
    trained = tg.optim.fit(loss, params, batches, optimizer, callback=reached).params
    assert value(trained, data) < target, f"{epochs} epochs were too few"
    return trained


def follow(loss, params, batch, optimizer, steps, every):
    """Train by full batches; all losses, and the largest Hessian eigenvalue at every so many."""
    found, top = [], None

    def measure(step, params, *_):
        nonlocal top
        if step % every == 0:
            H = HessianOperator(loss, params, batch, check=False)
            top = top_eigenpairs(H, 1, tol=1e-4, v0=None if top is None else top.vectors)
            found.append(top.values[0])

    run = tg.optim.fit(loss, params, batch, optimizer, epochs=steps, callback=measure)
    return run.losses, np.array(found)


def panels(*titles, size=(4.6, 3.4)):
    """A figure with one pair of axes a title."""
    figure = Figure(figsize=(size[0] * len(titles), size[1]), layout="constrained")
    drawn = [plotting.axes(figure.add_subplot(1, len(titles), i + 1)) for i in range(len(titles))]
    for ax, title in zip(drawn, titles, strict=True):
        ax.set_title(title, fontsize=10)
    return figure, drawn


def save(figure, script):
    """Write the figure into the current folder, under the script's name."""
    name = Path(script).with_suffix(".png").name
    figure.savefig(name, dpi=130)
    print("wrote", name)
