r"""
Small and large batches, sharp and flat minima
==============================================

Small batches tend to end in flatter minima than large ones, and flat minima are said to generalise
better. The first is measured here; the second does not follow.

Keskar, Mudigere, Nocedal, Smelyanskiy and Tang (2017), On large-batch training for deep learning.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import HessianOperator, top_eigenpairs

plt.style.use("tinygrad_hess.viz.figures")

digits = tg.data.digits()
order = np.random.default_rng(0).permutation(len(digits.x))
x, y = digits.x[order] / 16, digits.y[order]
data, test = (x[:480], y[:480]), (x[480:], y[480:])


def loss(net, batch):
    return tg.nn.cross_entropy(net(batch[0]), batch[1])


def train(batch_size, seed, target=0.03):
    """The mean of an epoch's iterates, once its loss over all data is low enough."""
    net = tg.nn.MLP([64, 32, 32, 10], tg.nn.relu, init=tg.nn.init.he_normal, seed=seed)
    unravel = tg.ravel(net)[1]
    value = tg.jit(lambda w: loss(unravel(w), data))
    steps, recent, ended = len(data[0]) // batch_size, [], []

    def low(step, net, *_):
        recent.append(tg.ravel(net)[0])
        if step % steps == 0:
            mean = np.mean(recent[-steps:], axis=0)
            recent.clear()
            if value(mean) < target:
                ended.append(unravel(mean))
        return bool(ended)

    batches = tg.data.batches(*data, batch_size, seed, epochs=4000)
    tg.optim.fit(loss, net, batches, tg.optim.SGD(lr=0.1), callback=low)
    return ended[0]


SIZES, SEEDS = (8, 60, 480), (0, 1)
sharpness, right_answers = np.zeros((2, 2, 3))
for seed in SEEDS:
    for k, size in enumerate(SIZES):
        net = train(size, seed)
        top = top_eigenpairs(HessianOperator(loss, net, data), 1, rtol=1e-3)
        sharpness[seed, k] = top.values[0]
        right_answers[seed, k] = tg.nn.accuracy(net(test[0]), test[1])
for k, size in enumerate(SIZES):
    print(f"batch {size:>3}: sharpness {sharpness[:, k]}, test accuracy {right_answers[:, k]}")
assert (sharpness[:, 2] > 1.5 * sharpness[:, 0]).all()

# %%
# All of them are far from what the rate allows, 2/0.1 = 20: it is the noise of small batches that
# keeps away from sharp places, not the rate.

assert sharpness.max() < 2 / 0.1

# %%
# Do the flatter ones answer better?
# ----------------------------------
# The share of right answers to 1,317 new digits has a standard error of about 0.6%, and a
# difference of two such shares about 0.8%. What small batches gain here is within two of those: the
# sharpness is halved beyond doubt, and of the answers nothing can be said.

error = np.sqrt(2 * right_answers.mean() * (1 - right_answers.mean()) / len(test[1]))
gain = right_answers[:, 0] - right_answers[:, 2]
print(f"small batches gain {gain[0]:+.1%} and {gain[1]:+.1%}, standard error {error:.1%}")
assert (abs(gain) < 2 * error).all()

fig, (left, right) = plt.subplots(1, 2)
for seed, style in zip(SEEDS, ("C0o-", "C1s--")):
    left.semilogx(SIZES, sharpness[seed], style, label=f"start {seed}")
    bars = {"yerr": 100 * error / np.sqrt(2), "capsize": 4}
    right.errorbar(SIZES, 100 * right_answers[seed], fmt=style, **bars, label=f"start {seed}")
left.set(title="Large batches end in sharper minima", ylabel="sharpness", ylim=(0, None))
right.set(title="New digits cannot tell them apart\n(bars: standard errors)", ylim=(92, 98))
right.set(ylabel="right answers (%)", xscale="log")
for ax in (left, right):
    ax.set(xlabel="examples in a batch")
    ax.set_xticks(SIZES, [f"{size}" for size in SIZES])
    ax.minorticks_off()
    ax.legend()
plt.show()
