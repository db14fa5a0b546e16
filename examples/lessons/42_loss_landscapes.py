r"""
Loss landscapes along eigenvectors
==================================

A loss of many parameters can be looked at in slices. Along the top eigenvectors of the Hessian one
sees the curvature that limits the rate; along random directions almost nothing; and a training run
mostly goes through directions of its own.

Li, Xu, Taylor, Studer and Goldstein (2018), Visualizing the loss landscape of neural nets.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess import curvature
from tinygrad_hess.curvature import HessianOperator, landscape, top_eigenpairs

plt.style.use("tinygrad_hess.viz.figures")

digits = tg.data.digits()
batch = digits.x[:300] / 16, digits.y[:300]


def loss(net, batch):
    return tg.nn.cross_entropy(net(batch[0]), batch[1])


run = []
note = lambda step, net, *_: run.append(net) if step % 10 == 0 else None
start = tg.nn.MLP([64, 16, 10], seed=0)
fitted = tg.optim.fit(loss, start, batch, tg.optim.SGD(lr=0.3), epochs=301, callback=note).params
H = HessianOperator(loss, fitted, batch)
top = top_eigenpairs(H, 2, tol=1e-5)

# %%
# A slice knows its curvature
# ---------------------------
# Along an eigenvector the second derivative is the eigenvalue. Within a distance of 0.25 the
# quadratic model misses the rise of the loss by a tenth at most; at 5 it has little to do with it.

plane = landscape(H, directions=top, dimensions=2, radius=2.0, points=25)
np.testing.assert_allclose(plane.curvatures, np.diag(top.values), atol=1e-3 * top.values[0])
line = landscape(H, directions=[top.vectors[:, 0]], radius=5.0, points=101)
(t,) = line.coordinates
rise, predicted = line.values - line.value, line.quadratic - line.value
near, far = (abs(t) < 0.25) & (t != 0), abs(t) > 4.5
off = np.max(abs(rise[near] - predicted[near])) / predicted[near].max()
far_off = np.max(abs(rise[far] - predicted[far])) / predicted[far].max()
print(f"the quadratic model is off by {off:.1%} of the rise near by, {far_off:.0%} far away")
assert off < 0.2 and far_off > 0.3

# %%
# Random directions show the bulk
# -------------------------------

rng = np.random.default_rng(0)
directions = rng.normal(size=(H.shape[0], 20))
directions /= np.linalg.norm(directions, axis=0)
of_random = np.sum(directions * (H @ directions), axis=0)
print(f"curvature: top {top.values[0]:.2f}, random {of_random.mean():.4f}")
assert of_random.max() < 0.1 * top.values[0]
random_line = landscape(H, directions=[directions[:, 0]], radius=5.0, points=101)

# %%
# The run
# -------
# Two principal directions hold nearly all of the run; the two top eigenvectors hold almost nothing
# of it. "The path goes down the valley that one sees" is so a matter of the slice.

principal = curvature.trajectory_directions(run, 2)
moves = np.array([H.flatten(net) - H.flatten(fitted) for net in run])
in_top = np.sum((moves @ top.vectors) ** 2) / np.sum(moves**2)
share = principal.explained.sum()
print(f"of the run: {share:.0%} in 2 principal directions, {in_top:.1%} in the top 2 eigenvectors")
assert share > 0.9 and in_top < 0.2

# %%
# "A smooth picture is a smooth loss, and a picture without minima has none" is wrong for the same
# reason: in this slice the point looks like a minimum, and there is a direction of negative
# curvature.

lowest = top_eigenpairs(H, 1, which="SA", tol=1e-4).values[0]
print(f"smallest eigenvalue {lowest:.4f}")
assert lowest < 0 < np.linalg.eigvalsh(plane.curvatures)[0]

fig, (left, right) = plt.subplots(1, 2, width_ratios=(1.15, 1))
with_run = landscape(H, trajectory=run, dimensions=2, points=25)
a, b = with_run.coordinates
shades = left.contourf(a, b, np.log10(with_run.values).T, levels=14)
fig.colorbar(shades, ax=left, label="log₁₀ of the loss")
left.plot(*with_run.path.T, "C1o-", ms=2.5, label="training, each 10 steps")
left.plot(0, 0, "w*", ms=9, mec="k")
left.set(title="Two principal directions hold the whole run")
left.set(xlabel="first direction", ylabel="second direction")
left.legend(loc="lower right", fontsize=8)
right.plot(t, line.values, "C0", label="along the top eigenvector")
right.plot(t, line.quadratic, "C3:", label="its quadratic model")
right.plot(t, random_line.values, "C1--", label="along a random direction")
right.set(title="A random slice is flat", xlabel="distance", ylabel="loss")
right.set_ylim(0, 2 * line.values.max())
right.legend(frameon=True)
plt.show()
