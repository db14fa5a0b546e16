r"""
The rules of differentiation
============================

A derivative is the slope of a tangent. Six rules give the slope of a formula from the slopes of its
parts; the functions here are :math:`f = \sin x + 2` and :math:`g = e^{x/2}`, whose derivatives
everyone knows: :math:`f' = \cos x` and :math:`g' = g/2`.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")


def f(x):
    return np.sin(x) + 2


def g(x):
    return np.exp(x / 2)


def d(function):
    """The derivative of a function of one number, at each of many points."""
    return tg.vmap(tg.grad(function))


x = np.linspace(-3, 3, 61)
df, dg = np.cos(x), np.exp(x / 2) / 2
np.testing.assert_allclose(d(f)(x), df, atol=1e-15)
np.testing.assert_allclose(d(g)(x), dg)

# %%
# Sums, products, powers
# ----------------------
# The library is given the whole formula; on the right are the rules.

np.testing.assert_allclose(d(lambda x: 3 * f(x) + g(x))(x), 3 * df + dg)
np.testing.assert_allclose(d(lambda x: f(x) * g(x))(x), df * g(x) + f(x) * dg, atol=1e-14)
np.testing.assert_allclose(d(lambda x: 1 / f(x))(x), -df / f(x) ** 2, atol=1e-15)
np.testing.assert_allclose(d(lambda x: f(x) ** 3.5)(x), 3.5 * f(x) ** 2.5 * df, atol=1e-13)

# %%
# The derivative of a product is not the product of the derivatives.

wrong = df * dg
off = abs(wrong - d(lambda x: f(x) * g(x))(x)).max()
print(f"f'g' as the slope of fg: off by up to {off:.1f}")
assert off > 1

# %%
# Quotients
# ---------
# The rule is
#
# .. math:: \left(\frac{f}{g}\right)' = \frac{f'g - fg'}{g^2}.
#
# It is often printed with a plus sign. Slopes measured by differences, which know no rule, decide.

h = 1e-5
measured = (f(x + h) / g(x + h) - f(x - h) / g(x - h)) / (2 * h)
minus = (df * g(x) - f(x) * dg) / g(x) ** 2
plus = (df * g(x) + f(x) * dg) / g(x) ** 2

np.testing.assert_allclose(minus, d(lambda x: f(x) / g(x))(x), atol=1e-14)
np.testing.assert_allclose(minus, measured, atol=1e-8)
off = abs(plus - measured).max()
print(f"minus: off by {abs(minus - measured).max():.0e}; plus: off by {off:.1f}")
assert off > 1

fig, (left, right) = plt.subplots(1, 2)
left.plot(x, f(x) / g(x), color="C3")
for at in (-2.0, 0.0, 2.0):
    value, slope = tg.value_and_grad(lambda x: f(x) / g(x))(at)
    run = np.array([-0.6, 0.6])
    left.plot(at + run, value + slope * run, "C0")
    left.plot(at, value, "o", color="C0")
left.set(title="The derivative is the slope of the tangent", xlabel="x", ylabel="f / g")
right.plot(x, minus, "C0", label="(f'g − fg') / g²")
right.plot(x, plus, "C1--", label="(f'g + fg') / g²")
right.plot(x[::4], measured[::4], "o", color="C3", mfc="none", label="measured by differences")
right.set(
    title="Only the minus sign meets the measured slopes", xlabel="x", ylabel="slope of f / g"
)
right.legend()
plt.show()
