r"""
The edge of stability
=====================

Gradient descent with rate α is stable where the sharpness, the largest eigenvalue of the Hessian,
is below 2/α. One would choose the rate so. It turns out the other way round: at each of the three
rates here training drives the sharpness *up to* 2/α, and there it stays, while the loss goes on
falling.

Cohen, Kaur, Li, Kolter and Talwalkar (2021), Gradient descent on neural networks typically occurs
at the edge of stability.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.core import trees
from tinygrad_hess.curvature import HessianOperator, top_eigenpairs

plt.style.use("tinygrad_hess.viz.figures")

digits = tg.data.digits()
x = (digits.x[:200] - digits.x[:200].mean(axis=0)) / 16
batch = x, np.eye(10)[digits.y[:200]]
EVERY = 25


def loss(net, batch):
    return ((net(batch[0]) - batch[1]) ** 2).sum() / (2 * len(batch[0]))


def train(rate, steps):
    net = tg.nn.MLP([64, 16, 10], bias=False, init=tg.nn.init.xavier_normal, seed=0)
    net = trees.map(lambda w: 0.6 * w, net)
    found, start = [], None

    def measure(step, net, *_):
        nonlocal start
        if step % EVERY == 0:
            H = HessianOperator(loss, net, batch, check=False)
            top = top_eigenpairs(H, 1, rtol=1e-3, v0=start)
            found.append(top.values[0])
            start = top.vectors

    sgd = tg.optim.SGD(lr=rate)
    return tg.optim.fit(loss, net, batch, sgd, epochs=steps, callback=measure).losses, np.array(
        found
    )


RATES = (0.9, 0.8, 0.7)
runs = {rate: train(rate, 1201) for rate in RATES}
for rate, (losses, sharpness) in runs.items():
    relative = sharpness * rate / 2
    reached = int(np.argmax(relative >= 1))
    after = relative[reached:]
    print(f"rate {rate}: reaches 2/rate at step {EVERY * reached}, then {after.mean():.2f} of it")
    assert relative[0] < 0.9 and relative.max() >= 1
    assert 0.9 < after.mean() < 1.15 and after.max() < 1.6
    assert losses[-1] < 0.95 * losses[EVERY * reached]

# %%
# It is no property of the data alone: the smaller the rate the sharper the place where it ends.
# (With a rate so small that the net is fitted before, it does not get there.)

ends = [sharpness[-10:].mean() for _, sharpness in runs.values()]
assert sorted(ends) == ends

# %%
# "The loss falls at every step if the rate is small enough" was the rule before; at the edge it
# falls over many steps, and rises in some.

losses, sharpness = runs[0.9]
rises = (np.diff(losses) > 0).mean()
print(f"at rate 0.9 the loss rises in {rises:.0%} of the steps")
assert 0 < rises < 0.6

fig, (left, right) = plt.subplots(1, 2)
for k, (rate, (losses, sharpness)) in enumerate(runs.items()):
    style = ["-", "--", "-."][k]
    left.plot(EVERY * np.arange(len(sharpness)), sharpness, f"C{k}{style}", label=f"rate {rate}")
    left.axhline(2 / rate, color=f"C{k}", lw=0.9, ls=":")
    left.annotate(f"2/{rate}", (1200, 2 / rate), (3, 3), textcoords="offset points", color=f"C{k}")
    right.semilogy(losses, f"C{k}{style}", lw=1.2, label=f"rate {rate}")
left.set(
    title="The sharpness rises to 2 / rate, and hovers there", xlabel="step", ylabel="sharpness"
)
left.set_ylim(0, 1.25 * 2 / min(RATES))
left.legend(loc="upper left", ncols=3, fontsize=8)
right.set(title="The loss goes on falling", xlabel="step", ylabel="training loss")
right.set_yticks([0.04, 0.1, 0.2, 0.4], ["0.04", "0.1", "0.2", "0.4"])
right.minorticks_off()
right.legend()
plt.show()
