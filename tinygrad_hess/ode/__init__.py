"""Ordinary differential equations, differentiated through the steps that were taken.

``solve`` integrates by Dormand and Prince's adaptive method, by the classical Runge-Kutta method or
by Euler's, on pytrees, with derivatives of any order.

Examples
--------
>>> import numpy as np, tinygrad_hess as tg
>>> decay = lambda rate: tg.ode.solve(lambda t, y, k: -k * y, 1.0, [0.0, 2.0], rate)[-1]
>>> print(tg.grad(decay)(0.5).round(5), round(-2 * np.exp(-1.0), 5))
-0.73576 -0.73576
"""

from .solving import Solution as Solution
from .solving import solve as solve
