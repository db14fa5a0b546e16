r"""
Bulk and outliers
=================

The eigenvalues of a classifier's Hessian fall in two groups: a bulk close to zero, with most of
them, and a few outliers far above. There is one outlier fewer than there are classes.

Sagun, Bottou and LeCun (2016), Eigenvalues of the Hessian in deep learning; Papyan (2019),
Measurements of three-level hierarchical structure in the outliers.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import GGNOperator, HessianOperator

plt.style.use("tinygrad_hess.viz.figures")

digits = tg.data.digits()


def loss(net, batch):
    return tg.nn.cross_entropy(net(batch[0]), batch[1])


def trained(classes, centred=False):
    keep = digits.y < classes
    x, y = digits.x[keep][:500] / 16, digits.y[keep][:500]
    batch = (x - x.mean(axis=0) if centred else x), y
    net = tg.nn.MLP([64, 12, classes], tg.nn.relu, init=tg.nn.init.he_normal, seed=0)
    return tg.optim.fit(loss, net, batch, tg.optim.SGD(lr=0.1), epochs=100).params, batch


def spectrum(net, batch):
    op = HessianOperator(loss, net, batch)
    return np.linalg.eigvalsh(op @ np.eye(op.shape[0]))[::-1]


def largest_gap(values, most=12):
    ratios = values[: most - 1] / values[1:most]
    return int(ratios.argmax()) + 1, ratios.max()


CLASSES = (2, 4, 7)
spectra = {classes: spectrum(*trained(classes)) for classes in CLASSES}
for classes, values in spectra.items():
    count, ratio = largest_gap(values)
    small = (abs(values) < 0.01 * values[0]).mean()
    print(f"{classes} classes: {count} outliers, {ratio:.1f} times the next; {small:.0%} near zero")
    assert count == classes - 1 and ratio > 2.5
    assert small > 0.75

# %%
# Why
# ---
# The Hessian is the Gauss-Newton matrix, a mean over examples of gradients of the outputs, plus a
# remainder. The outliers are those of the first (Papyan: clusters of gradients, one for each
# class). The remainder makes the negative part of the bulk.

net, batch = trained(4)
squared = lambda outputs, labels: tg.nn.cross_entropy(outputs, labels)
ggn = GGNOperator(lambda net, x: net(x), squared, net, batch)
of_ggn = np.linalg.eigvalsh(ggn @ np.eye(ggn.shape[0]))[::-1]
np.testing.assert_allclose(of_ggn[:3], spectra[4][:3], rtol=0.1)
assert of_ggn[-1] > -1e-12 * of_ggn[0] and spectra[4][-1] < -1e-3

# %%
# A common statement that needs a condition
# -----------------------------------------
# "There are as many outliers as classes, less one" is about inputs as they come. On centred pixels
# the same net shows no such gap: the mean image, which all examples share, makes the outliers stand
# out.

centred = spectrum(*trained(7, centred=True))
count, ratio = largest_gap(centred)
print(f"centred pixels: largest gap after {count}, a factor of {ratio:.1f}")
assert ratio < 2.5

fig, (left, right) = plt.subplots(1, 2, width_ratios=(1.3, 1))
values = spectra[7]
bins = np.r_[-np.geomspace(1, 1e-4, 20), np.geomspace(1e-4, 20, 27)]
left.hist(values[6:], bins, color="C0", label=f"bulk: {len(values) - 6} eigenvalues")
left.hist(values[:6], bins, color="C1", label="6 outliers")
left.set_xscale("symlog", linthresh=1e-3, linscale=0.5)
left.set_yscale("log")
left.set(title="7 classes: a bulk near zero, 6 outliers", xlabel="eigenvalue", ylabel="eigenvalues")
left.set_xticks([-0.1, 0, 0.01, 0.1, 1, 10], ["−0.1", "0", "0.01", "0.1", "1", "10"])
left.set_ylim(0.7, 3000)
left.legend(loc="upper right", fontsize=8)
for k, (classes, values) in enumerate([*spectra.items()]):
    right.semilogy(range(1, 12), values[:11], f"C{k}{'os^'[k]}-", ms=4, label=f"{classes} classes")
    right.plot(classes - 1, values[classes - 2], "o", ms=10, mfc="none", color="k")
right.semilogy(range(1, 12), centred[:11], "C3D:", ms=3, label="7 classes, centred")
right.set(title="The gap comes after classes − 1 (circled)", xlabel="rank", ylabel="eigenvalue")
right.set_xticks(range(1, 12, 2))
right.set_ylim(None, 20)
right.legend(fontsize=8, ncols=2)
plt.show()
