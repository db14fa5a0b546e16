r"""
The Jacobian of a classifier, entry by entry
============================================

A function with several outputs has a slope for every pair of an output and an input. The Jacobian
is their table: a row for each output, a column for each input. Here a classifier turns three inputs
into the probabilities of two classes.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")

W = np.array([[1.0, -0.5], [0.3, 0.8], [-1.2, 0.4]])
b = np.array([0.1, -0.2])


def classify(x):
    return tg.nn.softmax(x @ W + b)


x = np.array([0.5, -1.0, 0.2])
p = classify(x)
J = tg.jacobian(classify)(x)
assert J.shape == (2, 3)
print("probabilities", p.round(4))
print(J.round(4))

# %%
# Each entry by itself, measured: move one input, watch one output.

h = 1e-6
for k in range(2):
    for i in range(3):
        step = h * np.eye(3)[i]
        measured = (classify(x + step)[k] - classify(x - step)[k]) / (2 * h)
        np.testing.assert_allclose(J[k, i], measured, rtol=1e-8)

# %%
# And by the chain rule, with the Jacobian of softmax: :math:`J = (\mathrm{diag}(p) - pp^T)\,W^T`.

np.testing.assert_allclose(J, (np.diag(p) - np.outer(p, p)) @ W.T)

# %%
# Probabilities add to one, whatever the input: so each column adds to zero, and with two classes
# the second row is minus the first. J has rank 1, although it has two rows.

np.testing.assert_allclose(J.sum(axis=0), 0, atol=1e-16)
assert np.linalg.matrix_rank(J) == 1

# %%
# Rows cost a reverse sweep each (a *vjp*), columns a forward sweep each (a *jvp*): for few outputs
# and many inputs go in reverse, for many outputs and few inputs forward.

_, pullback = tg.vjp(classify, x)
for k in range(2):
    np.testing.assert_allclose(pullback(np.eye(2)[k])[0], J[k])
for i in range(3):
    np.testing.assert_allclose(tg.jvp(classify, (x,), (np.eye(3)[i],))[1], J[:, i])

# %%
# A large entry says that an output is sensitive *here*. "The input matters little, its slope is
# small" is wrong where the classifier is sure: far along the input that matters most all slopes
# vanish, and still moving it back would change the answer.

far = x + np.array([0.0, 0.0, -20.0])
assert abs(tg.jacobian(classify)(far)).max() < 1e-10
assert classify(far)[0] - p[0] > 0.2

fig, (left, right) = plt.subplots(1, 2, width_ratios=(1, 1.25))
image = left.imshow(J, cmap="PuOr", vmin=-0.5, vmax=0.5)
for (k, i), value in np.ndenumerate(J):
    left.text(i, k, f"{value:+.3f}", ha="center", va="center", color="k", fontsize=11)
left.set(title="Each column adds to zero", xlabel="input", ylabel="class")
left.set(xticks=range(3), yticks=range(2))
left.grid(False)
fig.colorbar(image, ax=left, label="d probability / d input", shrink=0.75)
moves = np.linspace(-6, 6, 121)
for i, style in enumerate(("-", "--", "-.")):
    probability = [classify(x + move * np.eye(3)[i])[0] for move in moves]
    right.plot(moves, probability, f"C{i}{style}", label=f"input {i}")
    right.plot(moves[50:71], p[0] + J[0, i] * moves[50:71], "k", lw=1)
right.plot(0, p[0], "ko")
right.set(title="Entries are slopes at one point (black)", xlabel="change of one input")
right.set_ylabel("probability of class 0")
right.legend()
plt.show()
