r"""
Small and large batches, sharp and flat minima
==============================================

Small batches tend to end in flatter minima than large ones (Keskar et al. 2017), and flat minima
are said to generalise better. The first can be measured. What the second means is less clear: a
reparametrisation that leaves the function as it is changes the sharpness at will (Dinh et al.
2017).
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.core import trees
from tinygrad_hess.curvature import HessianOperator, sharpness, top_eigenpairs

plt.style.use("tinygrad_hess.viz.figures")

digits = tg.data.digits()
order = np.random.default_rng(0).permutation(len(digits.x))
x, y = digits.x[order] / 16, digits.y[order]
data, test = (x[:480], y[:480]), (x[480:], y[480:])


def loss(weights, batch):
    """A ReLU net without biases."""
    h = batch[0]
    for W in weights[:-1]:
        h = tg.nn.relu(h @ W)
    return tg.nn.cross_entropy(h @ weights[-1], batch[1])


def train(batch_size, seed, target=0.03):
    """The mean of an epoch's iterates, once its loss over all data is low enough."""
    rng, sizes = np.random.default_rng(seed), (64, 32, 32, 10)
    start = [rng.normal(size=(m, n)) * np.sqrt(2 / m) for m, n in zip(sizes[:-1], sizes[1:])]
    value, steps, recent, ended = tg.jit(loss), len(data[0]) // batch_size, [], []

    def low(step, weights, *_):
        recent.append(weights)
        if step % steps == 0:
            recent[:] = recent[-steps:]
            mean = trees.map(lambda *leaves: np.mean(leaves, axis=0), *recent)
            if value(mean, data) < target:
                ended.append(mean)
        return bool(ended)

    batches = tg.data.batches(*data, batch_size, seed, epochs=4000)
    tg.optim.fit(loss, start, batches, tg.optim.SGD(lr=0.1), callback=low)
    return ended[0]


def sharpest(weights):
    return top_eigenpairs(HessianOperator(loss, weights, data), 1, rtol=1e-3).values[0]


SIZES, SEEDS = (8, 480), (0, 1)
trained = {(size, seed): train(size, seed) for seed in SEEDS for size in SIZES}
found = {key: sharpest(weights) for key, weights in trained.items()}


def accuracy(weights):
    h = test[0]
    for W in weights[:-1]:
        h = np.maximum(h @ W, 0)
    return ((h @ weights[-1]).argmax(axis=1) == test[1]).mean()


right_answers = {key: accuracy(weights) for key, weights in trained.items()}
for (size, seed), value in found.items():
    share = right_answers[size, seed]
    print(f"batch {size:>3}, seed {seed}: sharpness {value:5.2f}, test accuracy {share:.1%}")
for seed in SEEDS:
    assert found[480, seed] > 1.5 * found[8, seed]

# %%
# And yet nothing is gained by it here: both answer the same share of new digits, within two
# standard errors (of about 0.7%).

gap = np.mean([right_answers[8, s] - right_answers[480, s] for s in SEEDS])
assert abs(gap) < 2 * 0.007

# %%
# The same function, as sharp as one likes
# ----------------------------------------
# ReLU is homogeneous: the first layer times α and the second divided by α make the same net. The
# largest eigenvalue in the end grows as α² (the second layer's part of the Hessian, with α² times
# larger inputs). Sharpness relative to the size of each weight does not change.

weights = trained[8, 0]
alphas = np.array([1.0, 2.0, 4.0, 8.0])
scaled = [[a * weights[0], weights[1] / a, weights[2]] for a in alphas]
same = [loss(w, data) for w in scaled]
np.testing.assert_allclose(same, same[0], rtol=1e-12)
plain = np.array([sharpest(w) for w in scaled])
relative = np.array([sharpness(loss, w, data, tol=1e-5).adaptive_eigenvalue for w in scaled])
print("sharpness:", plain.round(1), " relative:", relative.round(3))
assert plain[-1] > 3.5 * plain[-2]  # in the end four times for twice the scale
np.testing.assert_allclose(relative, relative[0], rtol=1e-4)
assert plain[1:].max() > max(found.values())  # the small batch's minimum, made the sharper one

fig, (left, right) = plt.subplots(1, 2)
for k, seed in enumerate(SEEDS):
    values = [found[size, seed] for size in SIZES]
    left.plot([0, 1], values, f"C{k}{'os'[k]}{['-', '--'][k]}", label=f"start {seed}")
left.set_xticks([0, 1], [f"{size}" for size in SIZES])
left.set(
    title="Large batches end in sharper minima", xlabel="examples in a batch", ylabel="sharpness"
)
left.set(xlim=(-0.4, 1.4), ylim=(0, None))
left.legend()
right.loglog(alphas, plain, "C1o-", label="sharpness")
right.loglog(alphas, relative, "C0s-", label="relative to the weights")
right.set(title="One function, at any sharpness", xlabel="scale α of the first layer")
right.set_ylabel("largest eigenvalue")
right.set_xticks(alphas, [f"{a:g}" for a in alphas])
right.minorticks_off()
right.legend()
plt.show()
