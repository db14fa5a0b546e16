r"""
The second derivative: how the slope changes
============================================

Where f'' is positive the slope grows and the curve bends up; where it is negative it bends down.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def f(x):
    return np.sin(x) + x**2 / 8


def d(function):
    return tg.vmap(tg.grad(function))


x = np.linspace(-6, 4, 201)
first, second = d(f)(x), d(tg.grad(f))(x)
np.testing.assert_allclose(first, np.cos(x) + x / 4, atol=1e-15)
np.testing.assert_allclose(second, -np.sin(x) + 1 / 4, atol=1e-15)

# %%
# It is the slope of the slope: over a short step the slope changes by f'' times the step.

step = 1e-5
np.testing.assert_allclose((d(f)(x + step) - d(f)(x - step)) / (2 * step), second, atol=1e-9)

# %%
# From values alone it is hard to get. The second difference of values loses half of the digits at
# best: small steps drown in rounding, large ones in the fourth derivative.

steps = np.logspace(-8, 0, 33)
at = 1.0
exact = -np.sin(at) + 1 / 4
differences = np.array([(f(at + h) - 2 * f(at) + f(at - h)) / h**2 for h in steps])
error = abs(differences / exact - 1)
by_library = abs(tg.grad(tg.grad(f))(at) / exact - 1)
print(f"best step {steps[error.argmin()]:.0e}: error {error.min():.0e}; library {by_library:.0e}")
assert by_library < 1e-15 and 1e-12 < error.min() < 1e-7
assert error[0] > 0.01  # with h = 1e-8 hardly a digit is right

# %%
# What f'' does not say
# ---------------------
# "A maximum has f'' < 0": -x⁴ has its maximum at 0, and f'' = 0 there. True is: at a maximum f'' <=
# 0, and f' = 0 with f'' < 0 makes one. "Where f'' = 0 the curve turns from one side to the other":
# x⁴ does not; f'' has to change its sign.

quartic = lambda x: -(x**4)
near = np.linspace(-0.5, 0.5, 101)
assert quartic(near).max() == quartic(0.0) == 0
assert tg.grad(quartic)(0.0) == 0 and tg.grad(tg.grad(quartic))(0.0) == 0
assert (d(tg.grad(quartic))(near) <= 0).all()  # on both sides: no inflection

fig, axes = plt.subplot_mosaic([["top", "right"], ["bottom", "right"]], figsize=(8.8, 4.4))
top, bottom, right = axes["top"], axes["bottom"], axes["right"]
for ax, y, label in ((top, f(x), "f"), (bottom, second, "f''")):
    ax.set_ylabel(label)
    for sign, colour, style, name in ((1, "C0", "-", "up"), (-1, "C1", "--", "down")):
        ax.plot(x, np.where(sign * second >= 0, y, np.nan), colour + style, label=f"bends {name}")
top.plot(x, first, "k:", lw=1, label="slope f'")
top.set_title("The curve bends up where its slope rises")
top.legend(fontsize=8)
bottom.axhline(0, color="k", lw=0.8)
top.set_xlabel("x")
bottom.set_xlabel("x")
right.loglog(steps, error, "C0o-", ms=3.5, label="second difference of f")
right.axhline(np.finfo(float).eps, color="C1", ls="--", label="rounding: the derivative of f'")
right.set(title="Differences lose half of the digits at best", xlabel="step h")
right.set(ylabel="relative error of f''", ylim=(1e-17, 1e3))
right.legend(loc="upper right", fontsize=8)
plt.show()
