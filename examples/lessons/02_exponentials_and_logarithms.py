r"""
Exponentials and logarithms
===========================

An exponential grows in proportion to itself: :math:`(a^{bx})' = b\,a^{bx}\ln a`. The base for which
slope and height are the same is e.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def d(function):
    return tg.vmap(tg.grad(function))


x = np.linspace(-1.5, 1.5, 61)
for a in (0.5, 2.0, np.e, 10.0):
    for b in (-1.0, 0.5, 3.0):
        slope = d(lambda x: a ** (b * x))(x)
        np.testing.assert_allclose(slope, b * a ** (b * x) * np.log(a))

# %%
# Slope over height is the same number everywhere, ln a. It is 1 for one base only.

bases = np.linspace(0.3, 5, 95)
slope_at_0 = tg.vmap(lambda a: tg.grad(lambda x: a**x)(0.0))(bases)
np.testing.assert_allclose(slope_at_0, np.log(bases), atol=1e-15)

# Newton's method, x - f/f', on "slope at 0 minus 1", by a derivative of a derivative
a = 2.0
for _ in range(6):
    excess = lambda a: tg.grad(lambda x: a**x)(0.0) - 1
    a -= excess(a) / tg.grad(excess)(a)
assert abs(a - np.e) < 1e-12
print("the base whose slope is its height:", a)

# %%
# Logarithms
# ----------
# :math:`(\log_a x)' = 1/(x \ln a)`. For ln \|x\|, defined on both sides of zero, it is 1/x and not
# 1/\|x\|: to the left of zero the function falls.

positive = np.linspace(0.1, 4, 40)
for a in (2.0, 10.0):
    slope = d(lambda x: np.log(x) / np.log(a))(positive)
    np.testing.assert_allclose(slope, 1 / (positive * np.log(a)))
np.testing.assert_allclose(d(np.log2)(positive), 1 / (positive * np.log(2)))
np.testing.assert_allclose(d(lambda x: np.log(np.abs(x)))(-positive), -1 / positive)

# %%
# When the base varies too
# ------------------------
# For :math:`x^x` neither rule alone is right: the power rule, :math:`x\,x^{x-1}`, holds the
# exponent fixed, the exponential rule, :math:`x^x \ln x`, the base. The derivative is their sum.

slope = d(lambda x: x**x)(positive)
power, exponential = positive * positive ** (positive - 1), positive**positive * np.log(positive)
np.testing.assert_allclose(slope, power + exponential, atol=1e-14)
assert abs(slope - power).max() > 1 and abs(slope - exponential).max() > 1
lowest = 1 / np.e  # where ln x + 1 = 0
assert abs(tg.grad(lambda x: x**x)(lowest)) < 1e-15

fig, (left, right) = plt.subplots(1, 2)
for k, (a, name) in enumerate([(2.0, "2"), (np.e, "e"), (4.0, "4")]):
    left.plot(x, a**x, f"C{k}", label=f"{name}ˣ")
    left.plot(x, d(lambda x: a**x)(x), f"C{k}--")
left.set(title="Only eˣ is its own slope (dashed)", xlabel="x", ylabel="height, slope")
left.legend()
right.plot(bases, slope_at_0, "C3")
right.plot([np.e, np.e, bases[0]], [slope_at_0.min(), 1, 1], "C1:")
right.plot(np.e, 1, "o", color="C1")
right.annotate("e", (np.e, 1), (6, -14), textcoords="offset points", color="C1")
right.set(title="The slope of aˣ at 0 is ln a", xlabel="base a", ylabel="slope")
plt.show()
