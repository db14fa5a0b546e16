"""Pictures of functions, loops and layers.

What ``tg.viz.graph`` draws of a formula with its numbers, of 200 steps of a recurrence, of a
transformer block's Hessian-vector product and of 50 residual blocks; then the curvature of a net of
eleven layers as a report. ``tg.viz.view`` makes a page of any of them, to zoom, search and open.
"""

# %%
# A formula: each box with its value, and the derivative of the output with respect to it.
import os

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess import nn

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))


def shown(picture):
    print(repr(picture))
    return picture  # which a notebook draws


def f(x, y):
    return x * y + np.sin(x)


shown(tg.viz.graph(f, 2.0, 3.0, values=True, grads=True))

# %%
# Its gradient, (y + cos x, x): in blue what the function computed, in orange the reverse sweep.
shown(tg.viz.graph(tg.grad(f, argnums=(0, 1)), 2.0, 3.0, values=True))

# %%
# The product of its Hessian with (1, 0), which is (-sin x, 1): in green the tangents, from the
# direction to the product.
shown(tg.viz.graph(lambda x, y: tg.hvp(lambda p: f(*p), (x, y), (1.0, 0.0)), 2.0, 3.0, values=True))

# %%
# A gated recurrent unit, a step at a time. The steps are drawn once; dashed is what one hands to
# the next.


class Reader(nn.Module):
    def __init__(self):
        self.cell = nn.GRUCell(4, 8, seed=0)
        self.head = nn.Linear(8, 1, seed=1)

    def __call__(self, words):
        state = np.zeros((2, 8))
        for word in words:
            state = self.cell(word, state)
        return self.head(state)


def mean_square(net, x):
    return (net(x) ** 2).mean()


words = np.random.default_rng(0).standard_normal((20 if QUICK else 200, 2, 4))
shown(tg.viz.graph(mean_square, Reader(), words, argnums=0))

# %%
# Its gradient goes through the steps backwards. The first and the last of them differ from those
# between, so they stand by themselves.
shown(tg.viz.graph(tg.grad(mean_square), Reader(), words, argnums=0))

# %%
# A Hessian-vector product of a transformer block's loss: what each sweep recorded of a layer is a
# box, and the block is there four times, forward, in reverse, and the tangents of both.
block = nn.TransformerBlock(8, 2, seed=0)
tokens = np.random.default_rng(1).standard_normal((2, 5, 8))
parameters, restore = tg.ravel(block)
direction = restore(np.ones_like(parameters))
shown(tg.viz.graph(lambda net: tg.hvp(mean_square, net, direction, tokens), block))

# %%
# Fifty residual blocks, of two convolutions each. ``depth=2`` draws what is in a block as boxes.


class Residual(nn.Module):
    def __init__(self, seed):
        self.first = nn.Conv2d(8, 8, 3, padding=1, seed=seed)
        self.first_norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, padding=1, seed=seed + 1000)
        self.second_norm = nn.BatchNorm2d(8)

    def __call__(self, x):
        y = np.maximum(self.first_norm(self.first(x)), 0)
        return np.maximum(x + self.second_norm(self.second(y)), 0)


class ResNet(nn.Module):
    def __init__(self, blocks):
        self.stem = nn.Conv2d(3, 8, 3, padding=1, seed=0)
        self.blocks = [Residual(seed) for seed in range(blocks)]
        self.head = nn.Linear(8, 10, seed=1)

    def __call__(self, x):
        x = np.maximum(self.stem(x), 0)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(axis=(2, 3)))


net = ResNet(8 if QUICK else 50)
images = np.random.default_rng(2).standard_normal((2, 3, 8, 8))
shown(tg.viz.graph(net, images, depth=2))

# %%
# Its gradient as a page: phases one by one, and for each box its values, its line of code, the rule
# of its derivative, its operations and bytes.
shown(tg.viz.view(tg.grad(mean_square), net, images, argnums=0, title="A gradient"))

# %%
# What a report says of a net of eleven layers.
deep = nn.MLP([6, *[5] * 10, 2], seed=0)
x = np.random.default_rng(3).standard_normal((64, 6))


def mean_error(net, batch):
    inputs, wanted = batch
    return ((net(inputs) - wanted) ** 2).mean()


y = np.stack([np.sin(x).sum(1), np.cos(x).prod(1)], 1)
shown(tg.curvature.report(mean_error, deep, (x, y), budget=2 if QUICK else 20))
