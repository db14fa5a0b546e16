r"""
The second-derivative test, and where it is silent
==================================================

Where the gradient is zero: all eigenvalues positive, a minimum; all negative, a maximum; some of
each, a saddle. With a zero among eigenvalues of one sign the test is silent, and anything may be
true.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.curvature import HessianOperator, classify_critical_point

plt.style.use("tinygrad_hess.viz.figures")

CASES = {
    "minimum": ("x² + y²", lambda x, y: x**2 + y**2),
    "maximum": ("−x² − 2y²", lambda x, y: -(x**2) - 2 * y**2),
    "saddle": ("x² − y²", lambda x, y: x**2 - y**2),
    "degenerate, a minimum": ("x² + y⁴", lambda x, y: x**2 + y**4),
    "degenerate, a saddle": ("x² − y⁴", lambda x, y: x**2 - y**4),
    "degenerate, no minimum": ("(y − x²)(y − 3x²)", lambda x, y: (y - x**2) * (y - 3 * x**2)),
}
origin = np.zeros(2)
for name, (formula, f) in CASES.items():
    point = classify_critical_point(HessianOperator(lambda v: f(v[0], v[1]), origin))
    values = np.linalg.eigvalsh(tg.hessian(lambda v: f(v[0], v[1]))(origin))
    print(f"{formula:<18} eigenvalues {values}: {point.kind}")
    assert point.kind == name.split(",")[0]

# %%
# What happens nearby decides. Values on small circles around the origin, where f is 0:

angles = np.linspace(0, 2 * np.pi, 20001)
for radius in (0.1, 0.01):
    circle = radius * np.cos(angles), radius * np.sin(angles)
    lowest = {name: f(*circle).min() for name, (_, f) in CASES.items()}
    assert lowest["minimum"] > 0 and lowest["degenerate, a minimum"] > 0
    for name in ("maximum", "saddle", "degenerate, a saddle", "degenerate, no minimum"):
        assert lowest[name] < 0

# %%
# "No negative eigenvalue, so it is a minimum" is wrong: x² - y⁴ and Peano's function :math:`(y -
# x^2)(y - 3x^2)` have eigenvalues 2 and 0. The latter is the worse: along *every straight line*
# through the origin it has a minimum there, and still falls along the parabola y = 2x².

_, peano = CASES["degenerate, no minimum"]
for angle in np.linspace(0, np.pi, 37):
    t = 0.01 * np.linspace(-1, 1, 201) * max(abs(np.sin(angle)), 0.1)
    assert (peano(t * np.cos(angle), t * np.sin(angle)) >= -1e-18).all()
x = np.linspace(0.01, 0.5, 50)
np.testing.assert_allclose(peano(x, 2 * x**2), -(x**4))

# %%
# The test must also have a critical point: at (0, 1) all eigenvalues of x² + y² are positive, and
# it is no minimum.

elsewhere = classify_critical_point(HessianOperator(lambda v: (v**2).sum(), np.array([0.0, 1.0])))
assert elsewhere.kind == "not critical"

fig, axes = plt.subplots(2, 3, figsize=(8.8, 5.6), sharex=True, sharey=True)
grid = np.linspace(-1, 1, 201)
X, Y = np.meshgrid(grid, grid)
levels = np.linspace(-1, 1, 15) ** 3
for ax, (name, (formula, f)) in zip(axes.ravel(), CASES.items()):
    heights = f(X, Y)
    heights = heights / abs(heights).max()
    shades = ax.contourf(X, Y, np.cbrt(heights), levels=np.cbrt(levels), cmap="PuOr_r")
    ax.contour(X, Y, heights, levels=[0], colors="k", linewidths=1)
    ax.plot(0, 0, "ko", ms=4)
    ax.set(title=f"{formula}\n{name}", aspect="equal")
for ax in axes[1]:
    ax.set_xlabel("x")
for ax in axes[:, 0]:
    ax.set_ylabel("y")
bar = fig.colorbar(shades, ax=axes, ticks=[-1, 0, 1], shrink=0.7)
bar.set_ticklabels(["lower than\nthe dot", "same (line)", "higher than\nthe dot"])
fig.suptitle("In the lower row all eigenvalues are 2 and 0, and still three kinds of points")
plt.show()
